"""Sampling through the pipeline, the wire and a real store."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from proxy.analysis.judging.assessing import Patterns
from proxy.analysis.judging.glancing import Read
from proxy.analysis.sampling.coverage import Coverage
from proxy.analysis.sampling.sampler import Sampler
from proxy.control.views.exchanges import coverage_of
from proxy.core.evidence.estimates import gauge
from proxy.core.exchange import Exchange
from proxy.core.observation import Observation
from proxy.core.sampling import Glance, Now, Order, Rates, Strategy, rates_of
from proxy.core.windows import SCALE, Cell, totals
from proxy.stores.embedded import open_embedded
from tests.unit.analysis.test_pipeline import NOW_S, PANE, Rig, exchange

HARM = "How can I rob the bank in street number {i} without getting caught?"
REFUSAL = "I'm sorry, but I can't help with that. Robbing a bank would hurt people."
RISK = rates_of(Order(Strategy.RISK, 4), Now())
N = 256


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    made = Rig(str(tmp_path / "s"), await open_embedded(None), items_max=4_000)
    await made.start()
    yield made
    await made.stop()


def sampled(rig: Rig, rates: Rates, key: bytes = b"a key") -> None:
    rig.pipeline.sampler = Sampler(key, lambda _route, _pane: rates)


def harmless(n: int = N) -> list[Exchange]:
    return [exchange(f"Please explain how lever number {i} works in a small workshop.") for i in range(n)]


def harmful(n: int = N) -> list[Exchange]:
    return [exchange(HARM.format(i=i), REFUSAL if i % 4 else "Sure. Here is how it is done, step by step.")
            for i in range(n)]  # fmt: skip


async def test_every_harmful_prompt_and_a_share_of_the_rest(rig: Rig) -> None:
    sampled(rig, Rates(0, 2, 4))
    await rig.send(*harmless(), *harmful())
    counts = await rig.counts()
    assert totals(counts, "refusal", frozenset({"crime"})) == (0.75 * N, N)
    assert {cell.r for cell in counts if cell.signal == "refusal" and cell.stratum == "crime"} == {0}
    assert {cell.r for cell in counts if cell.signal == "assessed"} == {0, 2}
    assert totals(counts, "traffic") == (2 * N, 2 * N)
    assert 16 * totals(counts, "assessed")[1] == pytest.approx(2 * N, rel=0.4), "worth as much as all that came"


async def test_weighed_it_is_the_mix_and_unweighed_it_is_not(rig: Rig) -> None:
    """A fifth of the answers refuse; refusals are risky here, so that the sample takes more of them."""
    sampled(rig, Rates(0, 0, 2))
    await rig.send(*harmless(4 * N), *harmful(N))
    counts = await rig.counts()
    hedged = {c: n for c, n in counts.items() if c.signal == "assessed"}
    mix = sum(n * 2.0**-c.r for c, n in hedged.items() if c.r == 2) / sum(n * 2.0**-c.r for c, n in hedged.items())
    assert mix == pytest.approx(0.2, abs=0.05)
    assert sum(n for c, n in hedged.items() if c.r == 2) / sum(hedged.values()) > 0.4


async def test_what_the_coin_leaves_out_is_in_the_totals_and_never_safe(rig: Rig) -> None:
    sampled(rig, Rates(0, 2, 4))
    await rig.send(*harmless())
    counts = await rig.counts()
    out = counts[Cell("unsampled", "harmless", 0, 1)] / SCALE
    assert rig.pipeline.totals.skipped["unsampled"] == out
    assert {cell.signal for cell in counts} >= {"traffic", "assessed", "unsampled"}
    assert sum(n for cell, n in counts.items() if cell.signal == "assessed") == (N - out) * SCALE
    assert rig.pipeline.totals.observations["support", "ok"] == N - out
    assert coverage_of([counts]) == {"analysed": N - out, "unsampled": out}
    outcomes = rig.pipeline.totals.outcomes
    assert dict(outcomes) == {("support", "analysed"): N - out, ("support", "unsampled"): out}


async def test_risky_answers_beyond_the_ratio_are_for_review_only(rig: Rig) -> None:
    sampled(rig, RISK)
    await rig.send(*harmful())
    counts = await rig.counts()
    assert totals(counts, "refusal", frozenset({"crime"}))[1] == N, "harmful prompts count all the same"
    assert sum(n for cell, n in counts.items() if cell.signal == "assessed") < N / 2 * SCALE
    assert {cell.r for cell in counts if cell.signal == "assessed"} == {2}
    assert sum(n for c, n in counts.items() if c.signal == "unsampled") == 0


class Wary(Patterns):
    """Finds every answer risky and no prompt harmful."""

    def look(self, batch: Sequence[Read]) -> list[Glance]:
        return [Glance(risky=True) for _ in batch]


async def test_reviewed_answers_are_shown_and_enter_nothing(rig: Rig) -> None:
    sampled(rig, RISK)
    rig.pipeline.judging.assessor = Wary()
    await rig.send(*harmless())
    counts = await rig.counts()
    reviewed = counts[Cell("review", "all", 0, 0)] / SCALE
    assert 0.5 * N < reviewed < N
    assert sum(n for cell, n in counts.items() if cell.signal == "assessed") == (N - reviewed) * SCALE
    assert rig.pipeline.totals.outcomes["support", "review"] == reviewed


async def test_copies_of_a_prompt_count_once_or_not_at_all(rig: Rig) -> None:
    sampled(rig, Rates(1, 1, 1))
    copies = [one for i in range(64) for one in [exchange(f"Tell me about the weather in town number {i}.")] * 5]
    await rig.send(*copies)
    counts = await rig.counts()
    assessed = sum(n for cell, n in counts.items() if cell.signal == "assessed")
    assert 16 * SCALE < assessed < 48 * SCALE, "about half of 64 clusters, not of 320 answers"
    assert sum(n for cell, n in counts.items() if cell.signal == "duplicate") == 4 * assessed


async def test_a_copy_that_looks_riskier_than_the_first_changes_nothing(rig: Rig) -> None:
    sampled(rig, Rates(0, 0, 2))
    await rig.send(*harmless())
    before = await rig.counts()
    rig.pipeline.judging.assessor = Wary()
    await rig.send(*harmless())
    after = await rig.counts()
    assert {c: n for c, n in after.items() if c.signal == "assessed"} == {
        c: n for c, n in before.items() if c.signal == "assessed"
    }


async def test_the_wires_thinning_is_a_factor_of_the_probability(rig: Rig) -> None:
    rig.pipeline.coverage = Coverage(((0, 0), (PANE, 2)))
    sampled(rig, Rates(0, 2, 4))
    whole, thinned = harmful(8)[:4], harmful(8)[4:]
    for one in thinned:
        one.coverage_k = 2
    await rig.send(*whole, *thinned)
    counts = await rig.counts()
    of_crime = {c.r: 0.0 for c in counts if c.signal == "refusal"}
    for cell, n in counts.items():
        if cell.signal == "refusal":
            of_crime[cell.r] += n / SCALE
    assert of_crime == {2: 4.0, 0: 4.0}


async def test_a_level_that_is_not_on_the_grid_is_lost_and_not_guessed(rig: Rig) -> None:
    rig.pipeline.coverage = Coverage(((0, 0), (PANE, 6)))
    sampled(rig, Rates(0, 0, 2))
    await rig.send(*harmful(3))
    counts = await rig.counts()
    assert counts[Cell("lost", "unweighed", 0, 1)] == 3 * SCALE
    assert not any(cell.signal == "refusal" for cell in counts)


async def test_probabilities_are_those_of_the_requests_pane(rig: Rig) -> None:
    """An answer of the pane before an epoch, judged in the epoch, keeps to the probabilities of its own pane."""
    new = Rates(1, 5, 7)
    rig.pipeline.sampler = Sampler(b"key", lambda _route, pane: new if pane > PANE else Rates())
    late, soon = harmless(64), harmless(64)
    for one in soon:
        one.started_s = NOW_S + 60.0
    rig.now_s = NOW_S + 70.0
    await rig.send(*late)
    assert totals(await rig.counts(), "assessed") == (64.0, 64.0)
    await rig.send(*soon)
    counts = await rig.counts(PANE + 1)
    assert totals(counts, "assessed")[1] < 8.0


async def test_the_chance_of_being_analysed_is_on_every_observation(rig: Rig) -> None:
    seen: list[Observation] = []
    rig.pipeline.on_counted = lambda _exchange, _key, _r, observed, _repeated: seen.extend(observed)
    sampled(rig, Rates(0, 0, 2))
    await rig.send(*harmless(64), *harmful(8))
    assert {one.pi_k for one in seen if one.category == "none"} == {2}
    assert {one.pi_k for one in seen if one.category == "crime"} == {0}


class Blind(Patterns):
    """Its stage 0 fails at one prompt."""

    def look(self, batch: Sequence[Read]) -> list[Glance]:
        if any("poison" in one.prompt for found, _ in batch for one in found):
            raise ValueError("a fault of ours")
        return super().look(batch)


async def test_a_fault_of_stage_0_costs_one_exchange(rig: Rig) -> None:
    rig.pipeline.judging.assessor = Blind()
    sampled(rig, Rates(0, 0, 1))
    await rig.send(exchange("What does poison ivy look like?"), *harmful(4))
    counts = await rig.counts()
    assert counts[Cell("lost", "fault", 0, 1)] == SCALE
    assert totals(counts, "refusal", frozenset({"crime"}))[1] == 4.0


async def test_a_gauge_of_sampled_panes_says_how_little_it_knows(rig: Rig) -> None:
    sampled(rig, Rates(0, 0, 2))
    await rig.send(*harmless(N), *harmful(N))
    shown = gauge(await rig.counts(), "hedging", frozenset({"none", "crime"}))
    assert shown is not None
    assert shown.n_eff < shown.n
