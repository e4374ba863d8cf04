"""A real revert as a span of its own, with links to the exchanges that were evidence for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from proxy.analysis.traced import Traced
from proxy.control.orders import Orders, Word
from proxy.core.decisions.ladder import Command
from proxy.core.http.trace_context import Tracing
from proxy.inventory.traces import TRACES
from proxy.telemetry.lines import fields_of
from proxy.tracing.asked import Sending, Way
from proxy.tracing.exchange import Done, Stage, Times
from proxy.tracing.outbox import Outbox
from proxy.tracing.span import Span
from proxy.tracing.tracer import Boxes, Tracer
from tests.control.house import House, house
from tests.unit.tracing.test_exchange import exchange, observation

DECLARED = next(set(one.fields) for one in TRACES if one.title == "The span of an action")


def traced(built: House, tracing: Tracing) -> tuple[Tracer, list[Span]]:
    """A tracer of this house, and what it sent once it is closed."""
    sent: list[Span] = []

    def send(batch: Sequence[Span]) -> bool:
        sent.extend(batch)
        return True

    tracer = Tracer(tracing, Boxes(Outbox("spans", Sending(Way.HTTP), send), None, lambda: None))
    built.plane.looks.on_decided = Traced(tracer, lambda: built.settings, lambda: built.plane.snapshot).decided
    return tracer, sent


def flagged(tracer: Tracer, number: int, **more: Any) -> None:
    """An exchange in which a harmful prompt was answered."""
    trace = f"00-{number + 1:032x}-{number + 1:016x}-01"
    seen = observation(refusal=0, category="crime", **more)
    tracer.done(Done(exchange(trace=trace), "analysed", 1.0, (seen,), {}, Times(1, Stage(1.0, 2.0))))


async def test_a_revert_links_to_its_evidence() -> None:
    async with house() as built:
        tracer, sent = traced(built, Tracing())
        await built.vouch()
        await built.days(14, 10, 0)
        for number in range(200):
            flagged(tracer, number)
            flagged(tracer, 1_000 + number, route="other")
        await built.days(40, 3, 7)
        tracer.close()
        actions = [span for span in sent if span.name == "groundwire.action"]
        assert [span.attributes["groundwire.action"] for span in actions][-1] == "revert"
        last = actions[-1]
        assert set(last.attributes) <= DECLARED
        assert last.attributes["groundwire.action.executed"] is True
        assert last.attributes["groundwire.enforcement.id"] == built.published[-1].enforcements[0].id
        assert any("refusal" in line for line in last.attributes["groundwire.lines"])  # type: ignore[union-attr]
        assert [int(link.place.span_id, 16) for link in last.links] == list(range(73, 201))
        assert last.start_s <= last.end_s
        assert (last.parent, last.place.flags) == ("", 1)


async def test_an_order_is_an_action_without_evidence(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "proxy")
    async with house() as built:
        tracer, sent = traced(built, Tracing(0.0))
        await built.vouch()
        await Orders(built.plane).command("support", Command.REVERT, Word("kim", "a drill", force=True))
        tracer.close()
        [span] = sent
        assert span.attributes["groundwire.action.by"] == "operator"
        assert "kim" not in str({**span.attributes, "groundwire.reason": ""})
        [line] = [fields_of(one) for one in caplog.records if one.getMessage() == "decision"]
        assert (line["trace_id"], line["span_id"]) == (span.place.trace_id, span.place.span_id), (
            "the log names the span"
        )
        assert span.links == ()


async def test_nothing_is_sent_where_nothing_is_sampled() -> None:
    async with house() as built:
        tracer, sent = traced(built, Tracing(0.0, follows_parent=False))
        await built.vouch()
        await Orders(built.plane).command("support", Command.REVERT, Word("kim", "a drill", force=True))
        tracer.close()
        assert sent == []
