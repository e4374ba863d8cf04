"""What the tracer is told of an exchange, by what became of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from proxy.analysis.judging.batch import Judging, Sampled
from proxy.analysis.traced import Traced, server_of
from proxy.config.sections.serving import Upstream
from proxy.config.settings import Settings
from proxy.core.enforcement import Enforcement, Snapshot, Step
from proxy.core.http.trace_context import Tracing
from proxy.core.sampling import ALWAYS, Draw, Glance
from proxy.dialects.contract import Usage
from proxy.features.reading import Reading
from proxy.tracing.asked import Sending, Way
from proxy.tracing.exchange import Stage, Times
from proxy.tracing.outbox import Outbox
from proxy.tracing.span import Event, Span
from proxy.tracing.tracer import Boxes, Tracer, step_of
from tests.unit.tracing.test_exchange import exchange, observation

LEFT_OUT = Draw(None, None, analysed=False, counts_once=True, k=0)
THINNED = Draw(2, 2, analysed=True, counts_once=True, k=2)
REFUSED = observation(refusal=1, category="crime")
WATCHED = Snapshot(1, enforcements=(Enforcement("support", Step.WATCH, "w"),))
REVERTED = Snapshot(1, enforcements=(Enforcement("support", Step.REVERTED, "r"),))


def told(outcome: str, sampled: Sampled | None, coverage_k: int = 0) -> tuple[dict[str, Span], list[Event]]:
    """Spans by name, and events, of one exchange that was read and then came to this."""
    spans: list[Span] = []
    events: list[Event] = []

    def keep(batch: Sequence[Span]) -> bool:
        spans.extend(batch)
        return True

    def keep_events(batch: Sequence[Event]) -> bool:
        events.extend(batch)
        return True

    sending = Sending(Way.HTTP)
    boxes = Boxes(Outbox("spans", sending, keep), Outbox("events", sending, keep_events), lambda: None)
    tracer, judging = Tracer(Tracing(), boxes), Judging(str)
    settings = Settings(upstreams={"default": Upstream("https://gpu.example")})
    traced = Traced(tracer, lambda: settings, lambda: WATCHED)
    traced.listen(judging)
    assert judging.on_read is not None
    one = exchange(coverage_k=coverage_k)
    judging.on_read(one, [Reading(usage=Usage(1, 2))])
    judging.times = Times(3, Stage(1.0, 2.0), Stage(2.0, 3.0), Stage(3.0, 4.0))
    traced.done(one, outcome, sampled)
    traced.done(exchange(trace=""), outcome, sampled)
    tracer.close()
    return {span.name: span for span in spans}, events


def test_analysed_without_a_glance() -> None:
    spans, events = told("analysed", Sampled((REFUSED,), Glance(), ALWAYS))
    assert set(spans) == {"chat support", "groundwire.queue", "groundwire.decode", "groundwire.stage1"}
    said = spans["chat support"].attributes
    assert said["gen_ai.usage.input_tokens"] == 1
    assert said["groundwire.inclusion_probability"] == 1.0
    assert (said["server.address"], said["server.port"], said["groundwire.step"]) == ("gpu.example", 443, "watch")
    assert [event.attributes["gen_ai.evaluation.score.label"] for event in events] == ["refused"]


def test_a_chance_is_that_of_wire_and_coin_together() -> None:
    spans, _ = told("analysed", Sampled((REFUSED,), Glance(), THINNED), coverage_k=1)
    assert set(spans) >= {"groundwire.stage0", "groundwire.stage1"}
    assert spans["chat support"].attributes["groundwire.inclusion_probability"] == 0.125


def test_what_the_coin_left_out_has_a_cheap_span() -> None:
    spans, events = told("unsampled", Sampled((replace(REFUSED, refusal=None),), Glance(), LEFT_OUT))
    assert set(spans) == {"chat support", "groundwire.queue", "groundwire.decode", "groundwire.stage0"}
    said = spans["chat support"].attributes
    assert (said["groundwire.outcome"], said["gen_ai.usage.output_tokens"]) == ("unsampled", 2)
    assert "groundwire.inclusion_probability" not in said
    assert events == []


def test_what_was_never_read_is_one_span() -> None:
    spans, events = told("queue_full", None)
    assert set(spans) == {"chat support"}
    assert events == []


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("http://model:8000/prefix", ("model", 8_000)),
        ("http://model", ("model", 80)),
        ("https://[::1]:8443", ("::1", 8_443)),
        ("unix:/run/model.sock", ("/run/model.sock", 0)),
    ],
)
def test_servers(url: str, server: tuple[str, int]) -> None:
    assert server_of(url) == server


def test_the_step_is_that_of_the_record_that_answered() -> None:
    assert step_of(REVERTED, exchange()) == "steady"  # it was asked before the revert
    assert step_of(REVERTED, exchange(enforcement_id="r")) == "reverted"
    assert step_of(WATCHED, exchange(enforcement_id="r")) == ""  # another has come since
    assert step_of(WATCHED, exchange()) == "watch"
