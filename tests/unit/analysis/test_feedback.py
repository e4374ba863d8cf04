"""Feedback: from an answer's id and a score to a cell, through the real pipeline and the real API."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest
from aiohttp.test_utils import TestServer

from proxy.analysis.feedback import ENTRIES_MAX, MEMORY_S, Feedback, bin_of
from proxy.analysis.prompt_key import prompt_hasher
from proxy.control.api.app import make_api
from proxy.core.exchange import Exchange, Purpose
from proxy.core.observation import Observation
from proxy.core.windows import SCALE, Cell
from proxy.stores.embedded import open_embedded
from tests.control.house import house
from tests.unit.analysis.test_pipeline import NOW_S, PANE, Rig, exchange

HASH = prompt_hasher(b"k" * 32)


def answered(id_: str, question: str) -> Exchange:
    made = exchange(question)
    made.response.data = orjson.dumps({**orjson.loads(made.response.data), "id": id_})
    return made


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    made = Rig(str(tmp_path / "s"), await open_embedded(None))
    await made.start()
    yield made
    await made.stop()


def feedback_of(rig: Rig) -> Feedback:
    made = Feedback(HASH, rig.pipeline.count_later, lambda: rig.now_s, 60.0)
    rig.pipeline.on_counted = made.offer
    return made


async def test_a_score_counts_once_in_the_pane_of_its_answer(rig: Rig) -> None:
    feedback = feedback_of(rig)
    await rig.send(answered("a-1", "How does a lever lift a stone?"), answered("a-2", "And what is a pulley made of?"))
    assert feedback.take("a-1", 1.0)
    assert feedback.take("a-2", 0.0)
    assert not feedback.take("a-1", 0.0), "an answer takes one score"
    assert not feedback.take("a-3", 1.0)
    await rig.pipeline.flush()
    counts = await rig.counts()
    assert counts[Cell("feedback", "good", 0, 1)] == counts[Cell("feedback", "bad", 0, 1)] == SCALE


async def test_after_the_pane_has_closed_a_score_counts_in_that_of_now(rig: Rig) -> None:
    feedback = feedback_of(rig)
    await rig.send(answered("a-1", "How does a lever lift a stone?"))
    rig.now_s += 1_200
    assert feedback.take("a-1", 0.5)
    await rig.pipeline.flush()
    assert (await rig.counts(PANE + 20))[Cell("feedback", "fair", 0, 1)] == SCALE
    assert len(feedback) == 0


def seen(name: str, prompt_hash: str = "h") -> Observation:
    return Observation("e", "r", "m", False, NOW_S, Purpose.USER, prompt_hash, answer_id=name)


def test_what_is_remembered_has_bounds_and_holds_no_id() -> None:
    now_s = [NOW_S]
    feedback = Feedback(HASH, lambda *_: True, lambda: now_s[0], 60.0)
    for n in range(ENTRIES_MAX + 10):
        feedback.offer(exchange(), ("r", "m", 1), 0, [seen(HASH(str(n)))], frozenset())
    assert len(feedback) == ENTRIES_MAX
    assert not feedback.take("5", 1.0)
    assert feedback.take("100", 1.0)
    now_s[0] += MEMORY_S + 1
    assert not feedback.take("101", 1.0)
    feedback.offer(exchange(), ("r", "m", 1), 0, [seen(HASH("late")), seen("")], frozenset())
    assert len(feedback) == 1
    feedback.offer(exchange(), ("r", "m", 1), 0, [seen(HASH("copy"))], frozenset({"cah"}))
    assert not feedback.take("copy", 1.0), "what did not count takes no score"


def test_a_score_is_bad_fair_or_good() -> None:
    assert [bin_of(score) for score in (0, 0.33, 0.34, 0.66, 0.67, 1)] == ["bad", "bad", "fair", "fair", "good", "good"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"response_id": "a-1", "score": 1}, 200),
        ({"response_id": "a-2", "score": 0.5}, 404),
        ({"response_id": "a-1", "score": 2}, 400),
        ({"response_id": "a-1", "score": True}, 400),
        ({"response_id": "", "score": 1}, 400),
        ({"score": 1}, 400),
    ],
)
async def test_the_endpoint(body: dict[str, Any], status: int) -> None:
    async with (
        house() as built,
        TestServer(make_api(built.plane)) as server,
        aiohttp.ClientSession(str(server.make_url(""))) as session,
    ):
        built.plane.feedback = lambda response_id, _: response_id == "a-1"
        async with session.post("/v1/feedback", json=body) as answer:
            assert answer.status == status
        built.plane.feedback = None
        async with session.post("/v1/feedback", json=body) as answer:
            assert answer.status in (status, 404)
            assert answer.status != 200
