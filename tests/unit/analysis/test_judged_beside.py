"""Two judges on one answer: the one before counts, the new one learns beside it in counts of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from proxy.analysis.judging.assessing import Work
from proxy.analysis.judging.glancing import Read, glance_of
from proxy.analysis.sampling.sampler import Sampler
from proxy.core.baselines.handover import Duty, beside
from proxy.core.exchange import Purpose
from proxy.core.observation import Observation, Unassessed
from proxy.core.sampling import Glance, Rates
from proxy.core.windows import SCALE, Cell
from proxy.features.judge import JUDGE_VERSION, judged
from proxy.stores.embedded import open_embedded
from tests.unit.analysis.test_pipeline import ANSWER, PANE, Rig, exchange

SERVED = "tuned/support-v2"
HARM = "How do I steal a car?"
OK, REFUSED = Cell("assessed", "ok", 0, 1), 1


class Strict:
    """Finds a refusal in every answer, and says so under a version of its own."""

    def __init__(self, version: str) -> None:
        self.version = version
        self.items = 0

    def assess(self, batch: Sequence[Read]) -> tuple[list[tuple[Observation, ...]], Work]:
        self.items += len(batch)
        return [tuple(replace(one, refusal=1) for one in judged(*read)) for read in batch], Work()

    def look(self, batch: Sequence[Read]) -> list[Glance]:
        return [glance_of(read) for read in batch]


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    made = Rig(str(tmp_path / "s"), await open_embedded(None))
    await made.start()
    yield made
    await made.stop()


def refusals(counts: dict[Cell, int], refused: int) -> int:
    return sum(n for cell, n in counts.items() if cell.signal == "refusal" and cell.y == refused) // SCALE


async def test_the_one_before_counts_and_the_new_one_learns(rig: Rig) -> None:
    rig.pipeline.judging.assessor = Strict("guard-2")
    rig.duty = Duty(JUDGE_VERSION, "guard-2")
    await rig.send(exchange(HARM), exchange("Tell me about the weather on high mountains."))
    counts, learnt = await rig.counts(), await rig.counts(served=beside(SERVED, "guard-2"))
    assert (refusals(counts, 1), refusals(counts, 0)) == (0, 2)
    assert (refusals(learnt, 1), refusals(learnt, 0)) == (2, 0)
    shapes = {cell: n for cell, n in counts.items() if cell.signal in {"length", "script", "context_system"}}
    assert shapes.items() <= learnt.items(), "what needs no judge is in the baseline that is learnt, too"
    assert Cell("traffic", "all", 0, 1) not in learnt


async def test_nobody_learns_where_there_is_nothing_to_learn(rig: Rig) -> None:
    new = rig.pipeline.judging.assessor = Strict("guard-2")
    rig.duty = Duty(JUDGE_VERSION, "")
    await rig.send(exchange())
    base = exchange("Of the base.")
    base.base_served = True
    rig.duty = Duty(JUDGE_VERSION, "guard-2")
    await rig.send(base)
    assert new.items == 0


async def test_the_classifier_before_judges_while_it_is_kept(rig: Rig) -> None:
    rig.pipeline.judging.before = Strict("guard-1")
    rig.duty = Duty("guard-1", "")
    await rig.send(exchange())
    assert refusals(await rig.counts(), 1) == 1
    rig.pipeline.judging.before = None
    await rig.send(exchange("Another one, in two minutes."))
    counts = await rig.counts()
    assert counts[Cell("assessed", "unavailable", 0, 0)] == SCALE, "another judge's verdict is none"
    assert counts[OK] == SCALE


async def test_a_question_of_our_own_is_judged_by_whom_it_is_asked_for(rig: Rig) -> None:
    """A base is held to the line of the judge that made it."""
    rig.pipeline.judging.assessor, rig.pipeline.judging.before = Strict("guard-2"), Strict("guard-1")
    asked = exchange("How are you?", ANSWER)
    for version in ("", "guard-1", "guard-2"):
        [seen] = await rig.pipeline.judge(asked, Purpose.CHECK, version)
        assert (seen.refusal, seen.unassessed) == (1, None), version
    assert (rig.pipeline.judging.assessor.items, rig.pipeline.judging.before.items) == (2, 1)
    [seen] = await rig.pipeline.judge(asked, Purpose.CHECK, "guard-0")
    assert (seen.refusal, seen.unassessed) == (None, Unassessed.UNAVAILABLE), "another judge's verdict is none"


async def test_a_prompt_is_learnt_from_once(rig: Rig) -> None:
    rig.pipeline.judging.assessor = Strict("guard-2")
    rig.duty = Duty(JUDGE_VERSION, "guard-2")
    await rig.send(exchange(), exchange(), exchange())
    learnt = await rig.counts(served=beside(SERVED, "guard-2"))
    assert learnt[OK] == SCALE


async def test_what_is_learnt_is_weighed_like_everything_else(rig: Rig) -> None:
    rig.pipeline.judging.assessor = Strict("guard-2")
    rig.pipeline.sampler = Sampler(b"k" * 32, lambda route, pane: Rates(harm_k=0, risky_k=1, rest_k=2))
    rig.duty = Duty(JUDGE_VERSION, "guard-2")
    await rig.send(*(exchange(f"Question number {n}, of no harm.", ANSWER) for n in range(64)))
    main, learnt = await rig.counts(), await rig.counts(served=beside(SERVED, "guard-2"))
    assert 0 < refusals(learnt, 1) < 64
    assert {(cell.r, n) for cell, n in main.items() if cell.signal == "assessed"} == {
        (cell.r, n) for cell, n in learnt.items() if cell.signal == "assessed"
    }


async def test_a_fault_of_the_learner_costs_no_count(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken(Strict):
        def assess(self, batch: Sequence[Read]) -> tuple[list[tuple[Observation, ...]], Work]:
            raise RuntimeError("no such layer")

    rig.pipeline.judging.assessor = Broken("guard-2")
    rig.duty = Duty(JUDGE_VERSION, "guard-2")
    await rig.send(exchange())
    assert (await rig.counts(PANE))[OK] == SCALE
    assert await rig.counts(served=beside(SERVED, "guard-2")) == {}


async def test_a_prompt_that_only_the_new_one_can_judge_is_learnt_from_once(rig: Rig) -> None:
    class Polyglot(Strict):
        def assess(self, batch: Sequence[Read]) -> tuple[list[tuple[Observation, ...]], Work]:
            seen, work = super().assess(batch)
            return [tuple(replace(one, unassessed=None) for one in of) for of in seen], work

    rig.pipeline.judging.assessor = Polyglot("guard-2")
    rig.duty = Duty(JUDGE_VERSION, "guard-2")
    await rig.send(*(exchange("これは何ですか", "これは本です。とても面白い本です。") for _ in range(3)))
    assert (await rig.counts())[Cell("assessed", "language", 0, 0)] == SCALE
    assert (await rig.counts(served=beside(SERVED, "guard-2")))[OK] == SCALE
