"""W3C Trace Context: what an incoming `traceparent` says, and the one that goes upstream in its place. Pure.

    traceparent: 00-TRACE_ID-SPAN_ID-FLAGS     (32, 16 and 2 hex digits)

Source: https://www.w3.org/TR/trace-context/ (Recommendation of 2021, sections 3.2 and 3.4), and Level 2 for the flag
RANDOM. A value of a higher version is read by its first four fields, and goes out as version 00. What is not valid,
and what stands twice, begins a new trace, and a `tracestate` that came with it is dropped: it spoke of another one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, NamedTuple

SAMPLED: Final = 0x01
RANDOM: Final = 0x02  # Level 2: the trace id is random
KNOWN_FLAGS: Final = SAMPLED | RANDOM  # all others go out as zero
BITS: Final = 192  # that one exchange takes: a trace id of 128, a span id of 64

_SPAN_MASK: Final = (1 << 64) - 1
_NO_TRACE, _NO_SPAN = "0" * 32, "0" * 16
_fields: Final = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.DOTALL).fullmatch


class Parent(NamedTuple):
    """A traceparent: ids in lower-case hex digits, neither all zero."""

    trace_id: str
    span_id: str
    flags: int

    @property
    def is_sampled(self) -> bool:
        """Whether spans of this trace are exported."""
        return bool(self.flags & SAMPLED)


@dataclass(frozen=True, slots=True)
class Tracing:
    """How traffic takes part in traces: OTEL_TRACES_SAMPLER in two values.

    `share` of the traces that begin here are sampled, 0 to 1, by their ids. `follows_parent`: a trace that came from a
    client is sampled where the client says so; else it is treated as one that begins here.
    """

    share: float = 1.0
    follows_parent: bool = True


class Sent(NamedTuple):
    """A traceparent that goes upstream. `goes_on`: with the trace of the one that came."""

    traceparent: str
    goes_on: bool


def parent_of(value: str) -> Parent | None:
    """What a header's value says; None where it is not valid."""
    match = _fields(value)
    if match is None:
        return None
    version, trace_id, span_id, flags, more = match.groups()
    if version == "ff" or (version == "00" and more) or trace_id == _NO_TRACE or span_id == _NO_SPAN:
        return None
    return Parent(trace_id, span_id, int(flags, 16))


def sent_on(tracing: Tracing, incoming: str, bits: int) -> Sent:
    """The traceparent of our own span, as a child of the incoming one where that is valid.

    bits: BITS random bits
    """
    parent = parent_of(incoming) if incoming else None
    span_id = bits & _SPAN_MASK or 1
    if parent is None:
        trace_id, flags = f"{bits >> 64 or 1:032x}", 0
    else:
        trace_id, flags = parent.trace_id, parent.flags & KNOWN_FLAGS
    if parent is None or not tracing.follows_parent:
        flags = flags & RANDOM | is_sampled(trace_id, tracing.share)
    return Sent(f"00-{trace_id}-{span_id:016x}-{flags:02x}", parent is not None)


def is_sampled(trace_id: str, share: float) -> bool:
    """Whether this trace is among the share, by its last 64 bits, as OpenTelemetry's TraceIdRatioBased decides it."""
    return share >= 1.0 or int(trace_id[16:], 16) < round(share * (1 << 64))
