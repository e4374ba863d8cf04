"""Seeded simulations that bring back the numbers marked [S] in the statistics of Groundwire, within honest tolerance.

Tolerances are about three standard errors of the simulation, so a table, a limit or a recursion that is off by a tenth
is seen, and chance is not.
"""

from __future__ import annotations

import math
import random
import statistics
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from proxy.core.baselines.baseline import Baseline, Kind, Standing, Tally
from proxy.core.evidence import refusal as evidences
from proxy.core.evidence.findings import OVERALL, LineKind, Status
from proxy.core.evidence.plan import Plan, make_plan
from proxy.core.evidence.refusal import Evidence
from proxy.core.policies.policy import Policy
from proxy.detectors.e_process import FRESH, UNIT, Cells, Direction, Tables, advance, log_evidence, tables
from proxy.detectors.intervals import lower_limit

ONE = 65_536
LOW, HIGH = Direction.BAD_WHEN_LOW, Direction.BAD_WHEN_HIGH
A_CRITICAL = 5.26e6  # 10 tests, one-minute panes, one false alarm a year
A_WARNING = 4.38e5


def coin(rng: random.Random, rate: float) -> Iterator[Cells]:
    """Panes of one observation each."""
    while True:
        yield {("a", 0, int(rng.random() < rate)): ONE}


def panes_to_alarm(table: Tables, panes: Iterator[Cells], a: float, most: int) -> int:
    """Number of panes until E >= A, `most` where that does not come."""
    bets, limit = FRESH, math.log(a) * UNIT
    for number in range(1, most + 1):
        bets = advance(bets, table, number, next(panes))
        if log_evidence(bets) >= limit:
            return number
    return most


def lengths(runs: int, run: Callable[[random.Random], int]) -> list[int]:
    return [run(random.Random(seed)) for seed in range(runs)]


@pytest.mark.parametrize(
    ("direction", "m", "rate", "mean", "p90", "runs"),
    [
        (LOW, 0.855, 0.70, 176, 264, 200),
        (LOW, 0.855, 0.30, 21, 30, 200),
        (LOW, 0.7125, 0.60, 445, 662, 100),
        (HIGH, 0.05, 0.10, 598, 941, 60),
        (HIGH, 0.001, 0.03, 186, 304, 100),
    ],
)
def test_observations_to_an_alarm(
    direction: Direction, m: float, rate: float, mean: float, p90: float, runs: int
) -> None:
    """The table of section 5: mean and 90th percentile."""
    table = tables(direction, {"a": m})
    found = lengths(runs, lambda rng: panes_to_alarm(table, coin(rng, rate), A_CRITICAL, 20_000))
    assert statistics.mean(found) == pytest.approx(mean, rel=0.15)
    assert statistics.quantiles(found, n=10)[-1] == pytest.approx(p90, rel=0.25)


@pytest.mark.parametrize(("direction", "m"), [(LOW, 0.855), (HIGH, 0.05)])
def test_exactly_on_the_line_a_false_alarm_takes_a_panes_or_more(direction: Direction, m: float) -> None:
    """Section 1: A = 300, time to alarm 353 to 435 panes on the line. (Panes of 5 observations.)"""

    def panes(rng: random.Random) -> Iterator[Cells]:
        while True:
            ones = sum(rng.random() < m for _ in range(5))
            yield {key: n * ONE for key, n in {("a", 0, 1): ones, ("a", 0, 0): 5 - ones}.items() if n}

    table = tables(direction, {"a": m})
    found = lengths(150, lambda rng: panes_to_alarm(table, panes(rng), 300.0, 6_000))
    assert statistics.mean(found) > 300.0
    assert statistics.mean(found) < 600.0


def test_at_the_baseline_there_is_no_alarm() -> None:
    table = tables(LOW, {"a": 0.9 * 0.95})
    found = lengths(6, lambda rng: panes_to_alarm(table, coin(rng, 0.95), A_WARNING, 4_000))
    assert found == [4_000] * 6


def test_each_category_against_its_own_line_forgives_a_harder_mix() -> None:
    """A night of hard prompts lowers the raw rate from 0.93 to 0.77, and is no alarm: each category is well."""
    rates = {"easy": 0.98, "hard": 0.75}
    table = tables(LOW, {category: 0.9 * rate for category, rate in rates.items()})

    def night(rng: random.Random) -> Iterator[Cells]:
        while True:
            category = "hard" if rng.random() < 0.9 else "easy"
            yield {(category, 0, int(rng.random() < rates[category])): ONE}

    assert lengths(5, lambda rng: panes_to_alarm(table, night(rng), A_WARNING, 3_000)) == [3_000] * 5
    pooled = tables(LOW, {"easy": 0.9 * 0.93, "hard": 0.9 * 0.93})
    assert max(lengths(5, lambda rng: panes_to_alarm(pooled, night(rng), A_WARNING, 3_000))) < 3_000


def test_weights_keep_risk_sampling_fair() -> None:
    """Section 5: sampled at 1/16 (refused) or 1 (complied, risky), ignoring the weights raises false alarms at once."""

    def sampled(rng: random.Random, r_of_complied: int) -> Iterator[Cells]:
        while True:
            refused = rng.random() < 0.95
            if not refused or rng.random() < 1.0 / 16.0:
                yield {("a", 0 if refused else r_of_complied, int(refused)): ONE}

    table = tables(LOW, {"a": 0.855})
    ignored = lengths(20, lambda rng: panes_to_alarm(table, sampled(rng, 0), 1_000.0, 600))
    weighted = lengths(20, lambda rng: panes_to_alarm(table, sampled(rng, 4), 1_000.0, 600))
    assert max(ignored) < 600
    assert weighted == [600] * 20


@pytest.mark.parametrize(("n0", "mean", "slack"), [(200, 396, 0.35), (1_000, 200, 0.2), (5_000, 162, 0.15)])
def test_the_price_of_an_unknown_baseline(n0: int, mean: float, slack: float) -> None:
    """Section 3: 0.95 -> 0.70, observations to a warning, the baseline drawn anew in each run."""

    def run(rng: random.Random) -> int:
        refused = sum(rng.random() < 0.95 for _ in range(n0))
        table = tables(LOW, {"a": 0.9 * lower_limit(refused, n0, 0.001)})
        return panes_to_alarm(table, coin(rng, 0.70), A_WARNING, 6_000)

    assert statistics.mean(lengths(80, run)) == pytest.approx(mean, rel=slack)


KNOWN = Baseline(Kind.FILE, Standing.PROMOTED, {"a": Tally(950_000_000, 1_000_000_000)})


def known_plan() -> Plan:
    """The overall lines .855 and .7125 alone, at the limits of section 1."""
    plan = make_plan(KNOWN, Policy(), 60.0)
    limits = {
        LineKind.CHANGED: round(math.log(1.01e5) * UNIT),
        LineKind.WARNING: round(math.log(A_WARNING) * UNIT),
        LineKind.CRITICAL: round(math.log(A_CRITICAL) * UNIT),
    }
    return replace(plan, tests=tuple(t for t in plan.tests if t.stratum == OVERALL), limits=limits)


def called_critical(plan: Plan, rng: random.Random, rate: float, most: int) -> int:
    """Observations until the critical line is called, strict or guarded."""
    proof = evidences.follow(Evidence(), plan)
    for number, cells in zip(range(1, most + 1), coin(rng, rate), strict=False):
        proof, _ = evidences.consume(proof, plan, number, cells)
        if proof.lines[f"{OVERALL}/{LineKind.CRITICAL}"].status is not Status.UNDECIDED:
            return number
    return most


@pytest.mark.parametrize(("rate", "median"), [(0.70, 184), (0.60, 78)])
def test_the_guarded_critical_line(rate: float, median: float) -> None:
    """Section 4: strict proof of 0.70 takes 28 700 prompts, guarded 184 (median); 0.60 takes 78."""
    plan = known_plan()
    found = lengths(60, lambda rng: called_critical(plan, rng, rate, 800))
    assert statistics.median(found) == pytest.approx(median, rel=0.15)


def test_the_guard_asks_about_the_baseline_itself_not_about_its_limit() -> None:
    """Section 4: the line is 0.7125 for 0.95 of 300 prompts too, though what can be proved of them is far lower.

    Found so: lines drawn from the limits (0.67) left the requirement's own example, 0.95 -> 0.70, mostly uncalled.
    """
    plan = make_plan(replace(KNOWN, refusals={"a": Tally(285, 300)}), Policy(), 60.0)
    found = lengths(12, lambda rng: called_critical(plan, rng, 0.70, 1_500))
    assert sum(one < 1_500 for one in found) >= 10


def test_the_guard_rarely_over_calls() -> None:
    """Section 4: a true 0.80 is called critical in 0.02 of runs of 8 000, never a rate on the warning line."""
    plan = known_plan()
    over = lengths(12, lambda rng: called_critical(plan, rng, 0.80, 1_500))
    assert sum(found < 1_500 for found in over) <= 1
    on_the_line = lengths(6, lambda rng: called_critical(plan, rng, 0.855, 1_500))
    assert on_the_line == [1_500] * 6


def latched(proof: Evidence) -> bool:
    """Whether the warning or the critical line over all strata is called crossed."""
    return any(
        line.status is not Status.UNDECIDED
        for kind in (LineKind.WARNING, LineKind.CRITICAL)
        if (line := proof.lines.get(f"{OVERALL}/{kind}")) is not None
    )


def test_recovery_is_proved_by_a_well_model_and_not_by_an_ill_one() -> None:
    """Section 4: the mirrored test. An ill model at 0.80 stays latched; at 0.95 it recovers."""
    plan = known_plan()

    def recovered(rng: random.Random, rate: float) -> bool:
        proof = evidences.follow(Evidence(), plan)
        for number, cells in zip(range(400), coin(rng, 0.60), strict=False):
            proof, _ = evidences.consume(proof, plan, number, cells)
        assert latched(proof)
        for number, cells in zip(range(400, 1_400), coin(rng, rate), strict=False):
            proof, strata = evidences.consume(proof, plan, number, cells)
            if strata:
                assert not latched(proof)
                return True
        return False

    assert all(recovered(random.Random(seed), 0.95) for seed in range(4))
    assert not any(recovered(random.Random(seed), 0.80) for seed in range(4))
