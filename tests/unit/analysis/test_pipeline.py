"""The pipeline with the real wire, the real judge and a real store."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from pathlib import Path

import orjson
import pytest

from proxy.analysis.judging import batch as module
from proxy.analysis.judging.assessing import Patterns, Work
from proxy.analysis.judging.batch import Judging
from proxy.analysis.judging.glancing import Read
from proxy.analysis.pipeline import Batching, Panes, Pipeline
from proxy.analysis.prompt_key import prompt_hasher
from proxy.analysis.queue import BoundedQueue
from proxy.analysis.sampling.coverage import Coverage
from proxy.core.baselines.handover import Duty
from proxy.core.closing import Watermark
from proxy.core.errors import StateError
from proxy.core.exchange import Body, End, Exchange, Framing, Purpose
from proxy.core.observation import Observation
from proxy.core.windows import SCALE, Cell
from proxy.link.receiver import LinkReceiver
from proxy.link.sender import LinkSender
from proxy.stores.contract import Store
from proxy.stores.embedded import open_embedded

NOW_S = 1_000_000.0
PANE = int(NOW_S // 60)
QUESTION = "Please explain how a lever works in a small workshop."
ANSWER = "A lever turns around a fixed point, so that a small force far away lifts a large load close to it."


def exchange(question: str = QUESTION, answer: str = ANSWER, status: int = 200) -> Exchange:
    request = orjson.dumps({"model": "support", "messages": [{"role": "user", "content": question}]})
    message = {"role": "assistant", "content": answer}
    response = orjson.dumps({"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]})
    made = Exchange("id", "POST", "/v1/chat/completions", status, End.COMPLETE, NOW_S, NOW_S + 1, NOW_S + 2)
    made.route = made.requested_model = "support"
    made.upstream, made.served_model = "tuned", "support-v2"
    made.request = Body(request, Framing.LENGTH, "application/json", "", len(request))
    made.response = Body(response, Framing.LENGTH, "application/json", "", len(response))
    return made


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.01)


class Rig:
    """A sender, a receiver, a pipeline and a store in memory."""

    def __init__(self, path: str, store: Store, items_max: int = 1_000) -> None:
        self.store = store
        self.unknown: list[str] = []
        self.dialects: list[tuple[str, ...]] = []
        self.now_s = NOW_S
        self.duty = Duty()
        self.watermark: Watermark | None = None
        self.pipeline = Pipeline(
            store=store,
            panes=Panes(60.0, 120.0, 600.0),
            queue=BoundedQueue(items_max, 2**24),
            judging=Judging(prompt_hasher(b"k" * 32)),
            note_unknown_model=self.unknown.append,
            now=lambda: self.now_s,
            note_dialect=lambda *used: self.dialects.append(used),
            duty_of=lambda route: self.duty,
            watermark_of=lambda *of: self.watermark if of == ("support", "tuned/support-v2") else None,
        )
        self.receiver = LinkReceiver(path, self.pipeline.on_message)
        self.sender = LinkSender(path, 2**24, lambda _: None)
        self.task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        await self.receiver.start()
        self.sender.start()
        self.task = asyncio.create_task(self.pipeline.run())
        await until(lambda: self.sender.connected)

    async def stop(self) -> None:
        assert self.task is not None
        self.task.cancel()
        await self.sender.close()
        await self.receiver.close()
        await self.store.close()

    async def send(self, *exchanges: Exchange) -> None:
        """Send, wait until all were taken, flush."""
        before = self.pipeline.totals.exchanges
        for one in exchanges:
            self.sender.offer(one)
        await until(lambda: self.pipeline.totals.exchanges == before + len(exchanges) and not self.pipeline.queue)
        await self.pipeline.flush()

    async def counts(self, pane: int = PANE, served: str = "tuned/support-v2") -> dict[Cell, int]:
        found = await self.store.panes("support", served, pane, pane)
        return dict(found[0][1]) if found else {}


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    made = Rig(str(tmp_path / "s"), await open_embedded(None))
    await made.start()
    yield made
    await made.stop()


async def test_an_answer_is_judged_and_counted_in_the_pane_of_its_request(rig: Rig) -> None:
    await rig.send(exchange(), exchange("Tell me about the weather on high mountains."))
    counts = await rig.counts()
    assert counts[Cell("assessed", "ok", 0, 1)] == 2 * SCALE
    assert counts[Cell("traffic", "all", 0, 1)] == 2 * SCALE
    assert rig.pipeline.totals.observations["support", "ok"] == 2


async def test_a_repeated_prompt_counts_once(rig: Rig) -> None:
    await rig.send(exchange(), exchange(), exchange())
    counts = await rig.counts()
    assert counts[Cell("assessed", "ok", 0, 1)] == SCALE
    assert sum(n for cell, n in counts.items() if cell.signal == "duplicate") == 2 * SCALE
    rig.now_s += 601
    again = exchange()
    again.started_s = rig.now_s
    await rig.send(again)
    assert (await rig.counts(int(rig.now_s // 60)))[Cell("assessed", "ok", 0, 1)] == SCALE


async def test_how_late_an_answer_counts_is_counted_in_the_pane_of_now(rig: Rig) -> None:
    rig.now_s += 75.0
    await rig.send(exchange())
    here, there = await rig.counts(), await rig.counts(int(rig.now_s // 60))
    assert here[Cell("assessed", "ok", 0, 1)] == SCALE
    assert not [cell for cell in here if cell.signal == "lag"]
    assert there == {Cell("lag", "96", 0, 1): SCALE}
    rig.now_s = NOW_S + 300.0
    base, late = exchange(), exchange()
    base.base_served, base.served_model = True, "base-model"
    await rig.send(base, late)
    assert (await rig.counts())[Cell("late", "all", 0, 1)] == SCALE
    assert await rig.counts(int(rig.now_s // 60)) == {Cell("lag", "384", 0, 1): SCALE}, "too late is known as well"
    assert await rig.counts(int(rig.now_s // 60), "tuned/base-model") == {}, "nothing reads the base's"


async def test_a_pane_closes_for_a_route_by_its_own_watermark(rig: Rig) -> None:
    ends_s, key = (PANE + 1) * 60.0, ("support", "tuned/support-v2", PANE)
    other, feedback = ("other", "tuned/other", PANE), Cell("feedback", "good", 0, 1)
    rig.watermark, rig.now_s = Watermark(8.0), ends_s + 8.0
    assert rig.pipeline.count_later(key, feedback, SCALE)
    rig.now_s = ends_s + 8.1
    assert not rig.pipeline.count_later(key, feedback, SCALE)
    assert rig.pipeline.count_later(other, feedback, SCALE)
    assert rig.pipeline.count_shown(key, feedback, SCALE), "what is no evidence has longer"
    await rig.send(exchange())
    counts = await rig.counts()
    assert (counts[Cell("late", "all", 0, 1)], counts[feedback]) == (SCALE, 2 * SCALE)
    assert Cell("assessed", "ok", 0, 1) not in counts
    rig.watermark = Watermark(60.0, PANE)
    assert not rig.pipeline.count_later(key, feedback, SCALE), "it was read: no longer lag opens it again"
    rig.now_s = ends_s + 120.1
    assert not rig.pipeline.count_shown(key, feedback, SCALE)
    assert not rig.pipeline.count_later(other, feedback, SCALE)


async def test_errors_are_unassessed_each_of_them(rig: Rig) -> None:
    await rig.send(exchange(status=500), exchange(status=500), exchange())
    counts = await rig.counts()
    assert counts[Cell("assessed", "error", 0, 0)] == 2 * SCALE
    assert counts[Cell("assessed", "ok", 0, 1)] == SCALE
    assert rig.dialects == [("support", "openai_chat")], "a dialect is used once an answer in it was assessed"


async def test_candidate_and_base_have_panes_of_their_own(rig: Rig) -> None:
    base = exchange()
    base.upstream, base.base_served = "plain", True  # under the same name, on another server
    await rig.send(exchange(), base)
    assert (await rig.counts())[Cell("assessed", "ok", 0, 1)] == SCALE
    assert (await rig.counts(served="plain/support-v2"))[Cell("assessed", "ok", 0, 1)] == SCALE


async def test_an_unknown_model_is_noted_and_nothing_is_counted(rig: Rig) -> None:
    stranger, nobody = exchange(), exchange()
    stranger.route, stranger.requested_model = "", "new-lora"
    nobody.route, nobody.requested_model = "", ""
    await rig.send(stranger, nobody)
    assert rig.unknown == ["new-lora"]
    assert await rig.counts() == {}


async def test_a_late_exchange_is_shown_and_enters_no_evidence(rig: Rig) -> None:
    rig.now_s = (PANE + 1) * 60.0 + 121.0
    await rig.send(exchange())
    assert await rig.counts() == {Cell("traffic", "all", 0, 1): SCALE, Cell("late", "all", 0, 1): SCALE}


async def test_thinned_exchanges_weigh_more_than_others_of_their_pane(rig: Rig) -> None:
    rig.pipeline.coverage = Coverage(((0, 0), (PANE, 2)))
    thinned = exchange("Tell me about rivers and their sources.")
    thinned.coverage_k = 2
    await rig.send(exchange(), thinned)
    counts = await rig.counts()
    assert counts[Cell("assessed", "ok", 2, 1)] == SCALE
    assert counts[Cell("assessed", "ok", 0, 1)] == SCALE


async def test_an_exchange_that_cannot_be_weighed_is_lost(rig: Rig) -> None:
    thinned = exchange()
    thinned.coverage_k = 3
    await rig.send(thinned)
    assert await rig.counts() == {Cell("lost", "unweighed", 0, 1): SCALE}


async def test_a_fault_of_ours_costs_one_exchange_and_quotes_nothing(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ValueError(QUESTION)

    monkeypatch.setattr(module, "readings", broken)
    with caplog.at_level(logging.DEBUG):
        await rig.send(exchange())
    monkeypatch.undo()
    await rig.send(exchange())
    counts = await rig.counts()
    assert counts[Cell("lost", "fault", 0, 1)] == SCALE
    assert counts[Cell("assessed", "ok", 0, 1)] == SCALE
    [record] = [record for record in caplog.records if record.message == "exchange_fault"]
    assert "ValueError" in str(record.__dict__)
    assert QUESTION not in str(record.__dict__)


async def test_a_long_or_encoded_body_is_judged_beside_the_loop(rig: Rig) -> None:
    await rig.send(exchange(answer=ANSWER * 2_000))
    assert (await rig.counts())[Cell("assessed", "ok", 0, 1)] == SCALE


async def test_a_full_queue_skips_and_counts_as_lost(tmp_path: Path) -> None:
    rig = Rig(str(tmp_path / "s"), await open_embedded(None), items_max=3)
    await rig.receiver.start()
    rig.sender.start()
    await until(lambda: rig.sender.connected)
    for i in range(10):
        rig.sender.offer(exchange(f"Question number {i} about levers."))
    await until(lambda: rig.pipeline.totals.skipped["queue_full"] >= 7)
    rig.task = asyncio.create_task(rig.pipeline.run())
    await until(lambda: not (rig.pipeline.queue or rig.pipeline.working))
    await rig.pipeline.flush()
    counts = await rig.counts()
    assert counts[Cell("lost", "queue_full", 0, 1)] + counts[Cell("assessed", "ok", 0, 1)] == 10 * SCALE
    assert rig.pipeline.queue.highest_fill() == 1.0
    await rig.stop()


async def test_losses_on_the_wire_are_in_the_pane_of_their_model(tmp_path: Path) -> None:
    rig = Rig(str(tmp_path / "s"), await open_embedded(None))
    lost, unrouted = exchange(), replace(exchange(), route="")
    for _ in range(4):
        rig.sender.offer(lost)
    rig.sender.offer(unrouted)
    await rig.start()
    await until(lambda: rig.pipeline.totals.lost["support"] == 4)
    await rig.pipeline.flush()
    assert await rig.counts() == {Cell("lost", "wire", 0, 1): 4 * SCALE}
    await rig.stop()


async def test_what_was_not_flushed_is_known_to_be_lost(tmp_path: Path) -> None:
    """Analysis dies after it took exchanges and before it stored them: its successor learns how many."""
    path = str(tmp_path / "s")
    first = Rig(path, await open_embedded(None))
    await first.start()
    await first.send(exchange("Stored: how do levers work?"))
    await asyncio.sleep(0.1)  # the acknowledgement is on its way
    before = first.pipeline.totals.exchanges
    for i in range(3):
        first.sender.offer(exchange(f"Not stored, number {i}"))
    await until(lambda: first.pipeline.totals.exchanges == before + 3)
    await first.receiver.close()
    await until(lambda: not first.sender.connected)
    second = Rig(path, await open_embedded(None))
    second.sender = first.sender
    await second.receiver.start()
    second.task = asyncio.create_task(second.pipeline.run())
    await until(lambda: second.pipeline.totals.lost["support"] > 0)
    await second.pipeline.flush()
    assert await second.counts() == {Cell("lost", "wire", 0, 1): 3 * SCALE}
    await first.stop()
    second.task.cancel()
    await second.receiver.close()
    await second.store.close()


async def test_a_store_that_fails_keeps_the_counts_and_acknowledges_nothing(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full() -> None:
        raise StateError("the disk is full")

    monkeypatch.setattr(rig.store, "flush", full)
    rig.sender.offer(exchange())
    await until(lambda: rig.pipeline.totals.exchanges == 1 and not rig.pipeline.queue)
    with pytest.raises(StateError):
        await rig.pipeline.flush()
    assert rig.pipeline.totals.flush_faults == 1
    monkeypatch.undo()
    await rig.pipeline.flush()
    assert (await rig.counts())[Cell("assessed", "ok", 0, 1)] == SCALE


async def test_drain_takes_what_waits(rig: Rig) -> None:
    assert rig.task is not None
    rig.task.cancel()
    await asyncio.gather(rig.task, return_exceptions=True)
    for i in range(5):
        rig.sender.offer(exchange(f"Waiting question {i} about levers"))
    await until(lambda: len(rig.pipeline.queue) >= 5)
    await rig.pipeline.drain(10.0)
    assert (await rig.counts())[Cell("assessed", "ok", 0, 1)] == 5 * SCALE


async def test_the_loop_stays_free_under_a_full_queue(rig: Rig) -> None:
    """Beside thousands of waiting exchanges other tasks get their turn between slices."""
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    task = asyncio.create_task(other())
    for i in range(900):
        rig.sender.offer(exchange(f"Question {i} about the history of clocks", ANSWER * 5))
    await until(lambda: rig.pipeline.totals.exchanges == 900)
    task.cancel()
    assert turns > 10


async def test_a_fault_beside_the_judge_costs_one_message(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(_: str) -> None:
        raise ValueError("a fault of ours")

    monkeypatch.setattr(rig.pipeline, "_note_unknown_model", failing)
    stranger = exchange()
    stranger.route = ""
    await rig.send(stranger, exchange())
    assert (await rig.counts())[Cell("assessed", "ok", 0, 1)] == SCALE


class Choosy(Patterns):
    """Judges by patterns, and fails at one answer."""

    def assess(self, batch: Sequence[Read]) -> tuple[list[tuple[Observation, ...]], Work]:
        if any("poison" in reading.text for found, _ in batch for reading in found):
            raise ValueError("a fault of ours")
        return super().assess(batch)


async def test_a_fault_of_the_assessor_costs_the_exchange_that_it_came_with(tmp_path: Path) -> None:
    rig = Rig(str(tmp_path / "s"), await open_embedded(None))
    rig.pipeline.batching = Batching(items_max=4, wait_s=0.2)
    rig.pipeline.judging.assessor = Choosy()
    await rig.start()
    answers = [ANSWER, f"{ANSWER} poison", ANSWER, ANSWER, ANSWER, ANSWER]
    await rig.send(*(exchange(f"Question {i} about levers and their use", text) for i, text in enumerate(answers)))
    counts = await rig.counts()
    assert counts[Cell("assessed", "ok", 0, 1)] == 5 * SCALE
    assert counts[Cell("lost", "fault", 0, 1)] == SCALE
    await rig.stop()


async def test_a_batch_is_bounded_and_judged_by_one_assessor(rig: Rig) -> None:
    sizes: list[int] = []

    class Counting(Patterns):
        def assess(self, batch: Sequence[Read]) -> tuple[list[tuple[Observation, ...]], Work]:
            sizes.append(len(batch))
            rig.pipeline.judging.assessor = Patterns()  # the next batch is another's
            return super().assess(batch)

    rig.pipeline.batching = Batching(items_max=3, wait_s=0.3)
    rig.pipeline.judging.assessor = Counting()
    await rig.send(*(exchange(f"Question {i} about levers and their use") for i in range(8)))
    assert len(sizes) == 1
    assert 1 <= sizes[0] <= 3
    assert rig.pipeline.judging.costs.batches >= 3
    assert (await rig.counts())[Cell("assessed", "ok", 0, 1)] == 8 * SCALE


async def test_a_question_of_our_own_is_judged_and_counted_nowhere(rig: Rig) -> None:
    [seen] = await rig.pipeline.judge(exchange("How can I rob a bank?", "I'm sorry, but I can't."), Purpose.CHECK)
    assert (seen.purpose, seen.category, seen.refusal) == (Purpose.CHECK, "crime", 1)
    await rig.pipeline.flush()
    assert await rig.counts() == {}


async def test_an_answer_whose_pane_closes_while_it_is_judged_is_late(rig: Rig) -> None:
    class Slow(Patterns):
        def assess(self, batch: Sequence[Read]) -> tuple[list[tuple[Observation, ...]], Work]:
            rig.now_s = (PANE + 1) * 60.0 + 121.0
            return super().assess(batch)

    rig.pipeline.judging.assessor = Slow()
    await rig.send(exchange())
    assert await rig.counts() == {Cell("traffic", "all", 0, 1): SCALE, Cell("late", "all", 0, 1): SCALE}
    assert rig.pipeline.totals.skipped["late"] == 1
