"""Rates stay right under every strategy, and a lost weight would be seen: simulation over many seeds.

Answers come in two kinds that look alike to nobody: a fifth is risky, and of it half is toxic; of the rest 2 %. So a
sample that takes more of the risky ones is wrong by far, unless it is weighed.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from math import sqrt

import pytest

from proxy.core.evidence.estimates import Sums, add_up
from proxy.core.sampling import COIN_BITS, Draw, Glance, Now, Order, Rates, Strategy, draw, rates_of, weighed
from proxy.core.windows import SCALE, Cell
from proxy.detectors.e_process import FRESH, Direction, advance, log_evidence, tables

SEEDS = 32
ANSWERS = 1_000
RISKY, TOXIC_RISKY, TOXIC_REST = 0.2, 0.5, 0.02
TOXIC = RISKY * TOXIC_RISKY + (1.0 - RISKY) * TOXIC_REST
HARMFUL, REFUSED = 0.3, 0.8  # of risky prompts; of harmful ones

WAYS = {
    "full": (Order(Strategy.FULL), Now()),
    "random": (Order(Strategy.RANDOM, 3), Now()),
    "random, raised": (Order(Strategy.RANDOM, 5), Now(raised=True)),
    "risk": (Order(Strategy.RISK, 3), Now()),
    "adaptive": (Order(Strategy.ADAPTIVE, 7), Now(load=4)),
    "adaptive, at its last level": (Order(Strategy.ADAPTIVE, 4), Now(load=8)),
    "adaptive, unusual": (Order(Strategy.ADAPTIVE, 7), Now(load=5, unusual=True)),
}


@dataclass(frozen=True)
class Answer:
    """What it is, and what stage 0 sees of it: stage 0 takes one harmless prompt in twenty for harmful."""

    glance: Glance
    harmful: bool
    toxic: bool
    refused: bool


@cache
def answers(seed: int, n: int = ANSWERS) -> tuple[tuple[Answer, int], ...]:
    """Answers, each with its coin."""
    return tuple(_answers(random.Random(seed), n))


def _answers(toss: random.Random, n: int) -> Iterator[tuple[Answer, int]]:
    for _ in range(n):
        risky = toss.random() < RISKY
        harmful = risky and toss.random() < HARMFUL
        toxic = toss.random() < (TOXIC_RISKY if risky else TOXIC_REST)
        glance = Glance(harmful or toss.random() < 0.05, risky)
        yield Answer(glance, harmful, toxic, toss.random() < REFUSED), toss.getrandbits(COIN_BITS)


def cells_of(answer: Answer, drawn: Draw) -> Iterator[tuple[Cell, int]]:
    """As the pipeline counts it."""
    category = "crime" if answer.harmful else "none"
    cells = [(Cell("toxicity", category, 0, int(answer.toxic)), SCALE)]
    cells.append((Cell("refusal", category, 0, int(answer.refused)), SCALE))
    return weighed(cells, drawn, 0)


@cache
def counted(rates: Rates, seed: int, n: int = ANSWERS) -> dict[Cell, int]:
    """The counts of one run."""
    counts: dict[Cell, int] = {}
    for answer, tossed in answers(seed, n):
        for cell, count in cells_of(answer, draw(rates, answer.glance, tossed)):
            counts[cell] = counts.get(cell, 0) + count
    return counts


def sums_of(counts: dict[Cell, int], signal: str, *, weights: bool = True) -> Sums:
    return add_up(by_level(counts, signal, weights=weights))


def by_level(counts: dict[Cell, int], signal: str, *, weights: bool = True) -> dict[tuple[str, int, int], int]:
    """(all, r, y) -> count; refusals are those of harmful prompts."""
    found: dict[tuple[str, int, int], int] = {}
    for cell, n in counts.items():
        if cell.signal == signal and (signal != "refusal" or cell.stratum != "none"):
            key = ("all", cell.r if weights else 0, cell.y)
            found[key] = found.get(key, 0) + n
    return found


def mean_and_error(values: list[float]) -> tuple[float, float]:
    mean = sum(values) / len(values)
    return mean, sqrt(sum((value - mean) ** 2 for value in values) / (len(values) - 1) / len(values))


@pytest.mark.parametrize("way", WAYS)
def test_weighted_rates_are_unbiased(way: str) -> None:
    rates = rates_of(*WAYS[way])
    runs = [counted(rates, seed) for seed in range(SEEDS)]
    for signal, truth in (("toxicity", TOXIC), ("refusal", REFUSED)):
        mean, error = mean_and_error([sums_of(counts, signal).rate for counts in runs])
        assert abs(mean - truth) < 4.0 * error + 0.002, (signal, mean, error)  # Hajek's ratio is off by 1/n
        assert error < truth / 4.0, "an error that wide would prove nothing"


@pytest.mark.parametrize("way", WAYS)
def test_weighted_totals_are_unbiased(way: str) -> None:
    """The sum of weights, over pi_min, is the number of answers that came: nobody is counted twice or not at all."""
    rates = rates_of(*WAYS[way])
    totals = [sums_of(counted(rates, seed), "toxicity").weight / (SCALE << 7) for seed in range(SEEDS)]
    mean, error = mean_and_error([total * 2**rates.rest_k for total in totals])
    assert abs(mean - ANSWERS) <= 4.0 * error


@pytest.mark.parametrize("way", ["risk", "adaptive", "adaptive, at its last level"])
def test_without_the_weights_the_rate_would_be_wrong(way: str) -> None:
    """So that the tests above would fail if a weight were lost."""
    rates = rates_of(*WAYS[way])
    runs = [counted(rates, seed) for seed in range(SEEDS)]
    mean, error = mean_and_error([sums_of(counts, "toxicity", weights=False).rate for counts in runs])
    assert mean - TOXIC > 10.0 * error
    assert mean > 1.8 * TOXIC


@pytest.mark.parametrize(("weights", "alarms"), [(True, 0), (False, 10)])
def test_a_lost_weight_would_be_a_false_alarm_in_every_run(weights: bool, alarms: int) -> None:
    """The warning line lies at 1.5 times the true rate: weighed it is never crossed, unweighed always."""
    rates = rates_of(*WAYS["risk"])
    table = tables(Direction.BAD_WHEN_HIGH, {"all": 1.5 * TOXIC})
    crossed = 0
    for seed in range(10):
        bets, highest = FRESH, 0
        for pane in range(10):
            found = by_level(counted(rates, 1_000 * seed + pane, 300), "toxicity", weights=weights)
            bets = advance(bets, table, pane, found)
            highest = max(highest, log_evidence(bets))
        crossed += highest > 7 << 32  # odds of about 1,000
    assert crossed == alarms


def test_probabilities_that_follow_the_past_stay_unbiased() -> None:
    """Each pane samples harmful prompts at 1 or 1/8 by what the pane before showed; the sum over panes stays right."""
    calm, alarmed = (rates_of(Order(Strategy.RANDOM, 3), Now(suspected=s)) for s in (False, True))
    found: list[float] = []
    for seed in range(SEEDS):
        rates, positives, everything = calm, 0.0, 0.0
        for pane in range(6):
            sums = sums_of(counted(rates, 1_000 * seed + pane, 300), "refusal")
            positives += sums.positives * 2**rates.harm_k
            everything += sums.weight * 2**rates.harm_k
            rates = alarmed if sums.rate < REFUSED else calm
        found.append(positives / everything)
    mean, error = mean_and_error(found)
    assert abs(mean - REFUSED) < 4.0 * error + 0.005
