"""An exchange as spans: one for itself, and children for what analysis did with it. Pure.

Its kind is CLIENT: the GenAI conventions want it of whoever calls a model, `server.address` then names the model's
server, and the edge from Groundwire to the server appears in service graphs. What Groundwire answered itself is SERVER:
nobody was called. Children lie after the exchange's end: analysis looks at what is over.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from proxy.core.exchange import End, Exchange, Purpose
from proxy.core.http.trace_context import parent_of
from proxy.core.observation import NO_HARM, Observation
from proxy.dialects.operations import Operation, operation_of
from proxy.dialects.registry import dialect_of
from proxy.tracing import gen_ai
from proxy.tracing.evaluations import raised
from proxy.tracing.span import Attributes, Kind, Place, Span, Value, bounded, child_of

QUEUE, DECODE, STAGE_0, STAGE_1 = "groundwire.queue", "groundwire.decode", "groundwire.stage0", "groundwire.stage1"


class Stage(NamedTuple):
    """Begin and end in Unix seconds; both 0 where the stage did not take place."""

    begin_s: float = 0.0
    end_s: float = 0.0


class Times(NamedTuple):
    """When a batch went through the stages, and how many exchanges it had: all of a batch go together."""

    exchanges: int
    decode: Stage
    stage_0: Stage = Stage()
    stage_1: Stage = Stage()


@dataclass(frozen=True, slots=True)
class Done:
    """An exchange that analysis is done with.

    `outcome`: what became of it (analysed, unsampled, queue_full, ...). `chance`: it was analysed with this
    probability, None where no coin was tossed. `told`: `gen_ai.told` of it. `step` of the route when it was asked, and
    `server` is (host, port) of its upstream, (path, 0) of a Unix socket, ("", 0) where it is not known.
    """

    exchange: Exchange
    outcome: str
    chance: float | None = None
    observed: tuple[Observation, ...] = ()
    told: Attributes = field(default_factory=dict)
    times: Times | None = None
    step: str = ""
    server: tuple[str, int] = ("", 0)


def spans_of(done: Done) -> tuple[Span, ...]:
    """The exchange's span and its children; nothing where its trace is not sampled, or tracing was off."""
    ours = parent_of(done.exchange.trace)
    if ours is None or not ours.is_sampled:
        return ()
    place = Place(*ours)
    return (_of_exchange(done, place), *_children(done, place))


def _of_exchange(done: Done, place: Place) -> Span:
    exchange = done.exchange
    incoming = parent_of(exchange.traceparent)
    error = error_type(exchange)
    operation = operation_of(dialect_of(exchange.method, exchange.path).name, exchange.path)
    said: dict[str, Value] = {**_asked(exchange, operation), **_http(done), **_ours(done), **done.told}
    if error:
        said["error.type"] = error
    if gen_ai.STREAM in done.told and exchange.first_byte_s:
        said[gen_ai.FIRST_CHUNK] = max(0.0, exchange.first_byte_s - (exchange.sent_s or exchange.started_s))
    return Span(
        name=exchange.method if operation is None else f"{operation.name} {exchange.route}".rstrip(),
        kind=Kind.CLIENT if exchange.sent_s else Kind.SERVER,
        place=place,
        parent=incoming.span_id if incoming is not None and incoming.trace_id == place.trace_id else "",
        start_s=exchange.started_s,
        end_s=max(exchange.started_s, exchange.ended_s),
        attributes=said,
        error="" if exchange.end is End.CLIENT_GONE else error,  # who left had enough: that is no failure
    )


def error_type(exchange: Exchange) -> str:
    """How the operation ended before its end, or failed; "" where it did neither."""
    if exchange.end is not End.COMPLETE:
        return exchange.end.value
    return str(exchange.status) if exchange.status >= 400 else ""


def _asked(exchange: Exchange, operation: Operation | None) -> dict[str, Value]:
    said: dict[str, Value] = {}
    if operation is not None:
        said |= {gen_ai.OPERATION: operation.name, gen_ai.PROVIDER: operation.provider}
    if exchange.requested_model:
        said[gen_ai.REQUEST_MODEL] = bounded(exchange.requested_model)
    return said


def _http(done: Done) -> dict[str, Value]:
    """No path: outside the known APIs it may hold anything."""
    exchange, (host, port) = done.exchange, done.server
    said: dict[str, Value] = {"http.request.method": exchange.method}
    if exchange.status:
        said["http.response.status_code"] = exchange.status
    if host and exchange.sent_s:
        said["server.address"] = host
        if port:
            said["server.port"] = port
    return said


def _ours(done: Done) -> dict[str, Value]:
    exchange = done.exchange
    said: dict[str, Value] = {
        "groundwire.exchange.id": exchange.id,
        "groundwire.end": exchange.end.value,
        "groundwire.outcome": done.outcome,
    }
    if exchange.sent_s:
        said["groundwire.overhead_s"] = max(0.0, exchange.sent_s - exchange.started_s)
    if exchange.route:
        said |= {
            "groundwire.route": exchange.route,
            "groundwire.served.model": bounded(exchange.served_model),
            "groundwire.served.base": exchange.base_served,
            "groundwire.upstream": exchange.upstream,
        }
    if done.step:
        said["groundwire.step"] = done.step
    if exchange.enforcement_id:
        said["groundwire.enforcement.id"] = exchange.enforcement_id
    if done.chance is not None:
        said["groundwire.inclusion_probability"] = done.chance
    return {**said, **_seen(done.observed)}


def _seen(observed: tuple[Observation, ...]) -> dict[str, Value]:
    """What was found, in names: the events say it in numbers."""
    said: dict[str, Value] = {}
    flags = tuple(dict.fromkeys(name for one in observed for name in raised(one)))
    reasons = tuple(dict.fromkeys(one.unassessed.value for one in observed if one.unassessed is not None))
    categories = tuple(dict.fromkeys(one.category for one in observed if one.category != NO_HARM))
    purposes = tuple(dict.fromkeys(one.purpose.value for one in observed if one.purpose is not Purpose.USER))
    for name, values in (
        ("flagged", flags),
        ("unassessed", reasons),
        ("categories", categories),
        ("purpose", purposes),
    ):
        if values:
            said[f"groundwire.{name}"] = values
    return said


def _children(done: Done, place: Place) -> Iterator[Span]:
    times = done.times
    if times is None:
        return
    batch: Final = {"groundwire.batch.exchanges": times.exchanges}
    waited = Stage(min(done.exchange.ended_s, times.decode.begin_s), times.decode.begin_s)
    yield _child(place, QUEUE, waited, {})
    for name, stage in ((DECODE, times.decode), (STAGE_0, times.stage_0), (STAGE_1, times.stage_1)):
        if stage.begin_s:
            yield _child(place, name, stage, batch)


def _child(place: Place, name: str, stage: Stage, attributes: Attributes) -> Span:
    end_s = max(stage.begin_s, stage.end_s)
    return Span(name, Kind.INTERNAL, child_of(place, name), place.span_id, stage.begin_s, end_s, attributes)
