"""Traces of one analysis process: exchanges and decisions in, spans and events out. Nothing here waits or raises."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from proxy.core.decisions.outcome import Outcome
from proxy.core.enforcement import Snapshot, Step
from proxy.core.exchange import Exchange
from proxy.core.http.trace_context import SAMPLED, Tracing, parent_of
from proxy.features.reading import Reading
from proxy.telemetry import tracing as declared
from proxy.telemetry.logs import get_logger
from proxy.telemetry.metrics import Sample, sample
from proxy.tracing import gen_ai
from proxy.tracing.action import Decided, fed_by, span_of
from proxy.tracing.asked import Asked, Environ, TracingError, asked_of
from proxy.tracing.evaluations import events, raised
from proxy.tracing.evidence import Evidence
from proxy.tracing.exchange import Done, spans_of
from proxy.tracing.outbox import Outbox
from proxy.tracing.span import Attributes, Event, Place, Span

log = get_logger(__name__)

CLOSE_WAIT_S: Final = 1.0  # at the end of the process
TOLD_MAX: Final = 1_024  # exchanges that were read and are not done with: a batch has far fewer


@dataclass(frozen=True, slots=True)
class Boxes:
    """Where spans and events go; `stop` ends their exporters."""

    spans: Outbox[Span]
    events: Outbox[Event] | None
    stop: Callable[[], None]


class Tracer:
    """One for the process, called from its loop; `read` from the judge's thread."""

    def __init__(self, tracing: Tracing, boxes: Boxes) -> None:
        self.tracing = tracing
        self.evidence = Evidence()
        self._boxes = boxes
        self._told: dict[str, Attributes] = {}  # by exchange, until it is done with

    def read(self, exchange: Exchange, found: Sequence[Reading]) -> None:
        """An exchange was read: what it says of itself is kept until it is done with."""
        if not _is_sampled(exchange):
            return
        if len(self._told) >= TOLD_MAX:  # a fault of ours left them behind
            self._told.clear()
        self._told[exchange.id] = gen_ai.told(found)

    def done(self, done: Done) -> None:
        """An exchange is done with."""
        told = self._told.pop(done.exchange.id, gen_ai.NOTHING)
        spans = spans_of(replace(done, told=told))
        for span in spans:
            self._boxes.spans.offer(span)
        if spans and done.times is not None:
            self._judged(done, spans[0].place, str(told.get(gen_ai.RESPONSE_ID, "")))

    def _judged(self, done: Done, place: Place, response_id: str) -> None:
        """What each head said; what speaks against the route is remembered, for the action that may follow."""
        at_s = max(stage.end_s for stage in done.times[1:]) if done.times is not None else 0.0
        for one in done.observed:
            self.evidence.note(one.route, raised(one), place)
            if self._boxes.events is not None:
                for event in events(one, place, response_id, at_s):
                    self._boxes.events.offer(event)

    def decided(self, route: str, reason: str, outcome: Outcome, now_s: float) -> str:
        """The ladder decided: a span of its own, in a trace of its own, whatever share of exchanges is sampled.

        Its traceparent, for the log; "" where no step changed.
        """
        if not self.tracing.share and not self.tracing.follows_parent:
            return ""
        place = Place(f"{random.getrandbits(128) or 1:032x}", f"{random.getrandbits(64) or 1:016x}")
        links = self.evidence.links(route, fed_by(outcome.findings))
        span = span_of(Decided(route, reason, outcome, now_s), place, links)
        if span is None:
            return ""
        self._boxes.spans.offer(span)
        return f"00-{place.trace_id}-{place.span_id}-{SAMPLED:02x}"

    def keep(self, routes: Container[str]) -> None:
        """Forget other routes."""
        self.evidence.keep(routes)

    def samples(self) -> Iterator[Sample]:
        """The metrics of this moment."""
        for signal, box in (("spans", self._boxes.spans), ("events", self._boxes.events)):
            if box is not None:
                for result, count in (("sent", box.sent), ("failed", box.failed), ("dropped", box.dropped)):
                    yield sample(declared.ITEMS, count, signal=signal, result=result)
                yield sample(declared.WAITING, len(box), signal=signal)

    def close(self) -> None:
        """Send what waits, for at most CLOSE_WAIT_S, and stop. Blocks."""
        until_s = time.monotonic() + CLOSE_WAIT_S
        boxes = [box for box in (self._boxes.spans, self._boxes.events) if box is not None]
        for box in boxes:
            box.finish()
        for box in boxes:
            box.close(max(0.0, until_s - time.monotonic()))
        self._boxes.stop()


def start(environ: Environ) -> Tracer | None:
    """A tracer where the environment asks for one. What cannot be met is said, and traces are off."""
    try:
        asked = asked_of(environ)
        return None if asked is None else Tracer(asked.tracing, _boxes(asked))
    except TracingError as wrong:
        log.error("tracing_off", error=str(wrong), then="traffic goes on without traces")  # noqa: TRY400
        return None


def _boxes(asked: Asked) -> Boxes:
    """Raises TracingError."""
    from proxy.tracing import otlp  # noqa: PLC0415 - OpenTelemetry is loaded only where it is asked for

    spans = otlp.span_exporter(asked.spans.way)
    events = None if asked.events is None else otlp.event_exporter(asked.events.way)

    def stop() -> None:
        spans.stop()
        if events is not None:
            events.stop()

    return Boxes(
        spans=Outbox("spans", asked.spans, spans.send),
        events=None if events is None or asked.events is None else Outbox("events", asked.events, events.send),
        stop=stop,
    )


def step_of(snapshot: Snapshot, exchange: Exchange) -> str:
    """The step of the route when it was asked, as far as it is known here; "" where it is not."""
    enforcement = snapshot.by_route.get(exchange.route)
    if exchange.enforcement_id:
        is_same = enforcement is not None and enforcement.id == exchange.enforcement_id
        return enforcement.step.value if enforcement is not None and is_same else ""
    is_watched = enforcement is not None and enforcement.step is Step.WATCH
    return Step.WATCH.value if is_watched else Step.STEADY.value


def _is_sampled(exchange: Exchange) -> bool:
    ours = parent_of(exchange.trace) if exchange.trace else None
    return ours is not None and ours.is_sampled
