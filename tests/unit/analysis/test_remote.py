"""Remote classifiers in the pipeline: a real wire, a real judge, a real store, and a real server that judges."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from proxy.analysis.judging.remote import RemoteTap
from proxy.config.sections.judging import RemoteClassifier
from proxy.core.windows import SCALE, Cell
from proxy.stores.embedded import open_embedded
from proxy.telemetry.exposition import render
from tests.contracts.remote_server import Behaviour, Server, completion, hangs_up, never_answers, says, serving
from tests.unit.analysis.test_pipeline import ANSWER, NOW_S, QUESTION, Rig, exchange, until

SPEC = RemoteClassifier(
    name="guard", kind="llama_guard", model="llama-guard-3-8b", share=1.0, requests_per_minute_max=10_000
)
MAIL = "kim@" + "mail.example.com"
HARM, NONE = Cell("remote:guard", "none", 0, 1), Cell("remote:guard", "none", 0, 0)


class Tapped:
    """A rig with a tap, and the server that its classifier asks."""

    def __init__(self, rig: Rig, tap: RemoteTap, server: Server) -> None:
        self.rig, self.tap, self.server = rig, tap, server

    def metric(self, name: str, labels: str = 'classifier="guard"') -> float:
        wanted = f"groundwire_remote_{name}{{{labels}}} "
        lines = render(self.tap.samples()).decode().splitlines()
        return next((float(line.removeprefix(wanted)) for line in lines if line.startswith(wanted)), 0.0)

    async def judged(self, count: int) -> dict[Cell, int]:
        """The pane's counts, once so many answers were judged."""
        await until(lambda: self.metric("scored_total") >= count)
        await self.rig.pipeline.flush()
        return await self.rig.counts()


@asynccontextmanager
async def tapped(folder: Path, behaviour: Behaviour, **changes: Any) -> AsyncIterator[Tapped]:
    rig = Rig(str(folder / "s"), await open_embedded(None))
    tap = RemoteTap(rig.pipeline.count_later, lambda text: text.replace(MAIL, "[EMAIL]"))
    rig.pipeline.on_counted = tap.offer
    async with serving(behaviour) as server:
        await tap.take([replace(SPEC, url=server.url, **changes)])
        await rig.start()
        yield Tapped(rig, tap, server)
        await tap.close()
        await rig.stop()


def local(counts: Mapping[Cell, int]) -> dict[Cell, int]:
    return {cell: count for cell, count in counts.items() if not cell.signal.startswith("remote:")}


async def test_a_judgement_is_counted_in_the_pane_of_its_exchange(tmp_path: Path) -> None:
    async with tapped(tmp_path, says(completion("unsafe\nS1"))) as made:
        await made.rig.send(exchange(f"{QUESTION} Ask {MAIL}."))
        assert (await made.judged(1))[HARM] == SCALE
        assert made.metric("flagged_total") == 1
        (asked,) = made.server.asked
        assert [turn["content"] for turn in asked["messages"]] == [f"{QUESTION} Ask [EMAIL].", ANSWER]


async def test_answers_without_harm_are_counted_as_such(tmp_path: Path) -> None:
    async with tapped(tmp_path, says(completion("safe"))) as made:
        await made.rig.send(exchange())
        counts = await made.judged(1)
        assert (counts[NONE], HARM in counts) == (SCALE, False)


async def test_only_what_counted_is_offered(tmp_path: Path) -> None:
    """Repeated prompts, errors and empty answers are in no rate, so nobody pays for them."""
    async with tapped(tmp_path, says(completion("safe"))) as made:
        await made.rig.send(exchange(), exchange(), exchange("Another thing.", status=500), exchange("A third.", ""))
        assert (await made.judged(1))[NONE] == SCALE
        assert made.metric("offered_total") == 1


async def test_several_answers_to_one_prompt_count_as_one(tmp_path: Path) -> None:
    several = exchange()
    said = [{"index": n, "message": {"content": ANSWER}, "finish_reason": "stop"} for n in range(4)]
    several.response.data = orjson.dumps({"choices": said})
    async with tapped(tmp_path, says(completion("unsafe"))) as made:
        await made.rig.send(several)
        assert (await made.judged(4))[HARM] == SCALE


@pytest.mark.parametrize("behaviour", [never_answers, hangs_up, says({}, 500), says(completion("Sure!"))])
async def test_an_outage_changes_no_count_and_delays_none(tmp_path: Path, behaviour: Behaviour) -> None:
    exchanges = [exchange(f"Question {number} about levers.") for number in range(25)]
    async with tapped(tmp_path, says(completion("safe")), share=0.0) as made:
        await made.rig.send(*exchanges)
        without = await made.rig.counts()
    (tmp_path / "with").mkdir()
    async with tapped(tmp_path / "with", behaviour) as made:
        await made.rig.send(*exchanges)
        counts = await made.rig.counts()
        assert made.metric("offered_total") > 0
    assert counts == without == local(counts)


async def test_a_judgement_after_its_pane_has_closed_counts_nowhere(tmp_path: Path) -> None:
    async with tapped(tmp_path, says(completion("unsafe"))) as made:
        slow = made.server.behaviour

        async def much_later(server: Server, request: Any) -> Any:
            made.rig.now_s = NOW_S + 3600
            return await slow(server, request)

        made.server.behaviour = much_later
        await made.rig.send(exchange())
        counts = await made.judged(1)
        assert local(counts) == counts
        assert (made.metric("late_total"), made.metric("flagged_total")) == (1, 0)


async def test_classifiers_are_exchanged_and_a_wrong_one_leaves_the_old(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with tapped(tmp_path, says(completion("safe"))) as made:
        await made.tap.take([replace(SPEC, url="https://x", tls_ca_file=str(tmp_path / "missing.pem"))])
        assert "remote_classifiers_refused" in caplog.text
        await made.rig.send(exchange())
        await made.judged(1)
        await made.tap.take([replace(SPEC, name="other", url=made.server.url)])
        await made.rig.send(exchange("Something else."))
        await until(lambda: made.metric("scored_total", 'classifier="other"') == 1)
        await made.tap.take([])
        await made.rig.send(exchange("And another."))
        assert len(made.server.asked) == 2
        assert list(made.tap.samples()) == []
