"""Frames: what the bytes on the wire between the processes mean. Pure; any split of the stream gives the same frames.

A frame is a fixed header (magic, version, kind, three lengths), metadata as JSON, and up to two raw bodies:

    kind       way    metadata                                                  bodies
    HELLO      up     [process id]                                              -
    EXCHANGE   up     the fields of an Exchange, by position                    request, response
    STATS      up     what the sender offered, sent, dropped and lost           -
    SNAPSHOT   down   core.enforcement.to_json                                  -
    ACK        down   [frames of this connection, HELLO apart, that are stored] -
    WANT       down   [seconds between two METRICS frames, 0 for none]          -
    METRICS    up     the sender's metrics, where they are wanted               -

A METRICS frame is no part of what is counted and acknowledged: the next one replaces it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from struct import Struct
from typing import Any, Final, NamedTuple

import orjson

from proxy.core.enforcement import Snapshot, from_json, to_json
from proxy.core.errors import WireError
from proxy.core.exchange import Body, End, Exchange, Framing

MAGIC: Final = b"GW"
VERSION: Final = 2
HEADER: Final = Struct("!2sBBIII")
META_BYTES_MAX: Final = 4_194_304  # a snapshot of some 20,000 routes
METRICS_ROWS_MAX: Final = 10_000  # of one METRICS frame: some 500 KB
BODY_BYTES_MAX: Final = 67_108_864  # far over any sensible capture bound


class FrameKind(IntEnum):
    """What a frame carries."""

    HELLO = 1
    EXCHANGE = 2
    STATS = 3
    SNAPSHOT = 4
    ACK = 5
    WANT = 6
    METRICS = 7


_KINDS: Final = frozenset(kind.value for kind in FrameKind)
_EXCHANGE: Final = FrameKind.EXCHANGE.value  # a lookup costs in 3.11


class Frame(NamedTuple):
    """A whole frame, its bounds checked and its metadata unread."""

    kind: int
    meta: bytes
    first: bytes = b""
    second: bytes = b""


class Loss(NamedTuple):
    """Exchanges that began in this second (Unix), asked this model on this route, and never were counted."""

    second: int
    route: str
    served: str
    exchanges: int


@dataclass(frozen=True, slots=True)
class Stats:
    """The sender's totals since its process started; `lost` is what it learnt since its last report."""

    offered: int = 0
    sent: int = 0
    thinned: int = 0
    dropped: Mapping[str, int] = field(default_factory=dict)
    lost: tuple[Loss, ...] = ()


Row = tuple[str, tuple[str, ...], float | tuple[tuple[int, ...], float]]


class Figures(NamedTuple):
    """A sender's metrics at one moment (Unix seconds).

    A row is a metric's name, its label values in order of declaration, and its value; that of a histogram is its counts
    by bucket and its sum.
    """

    time_s: float = 0.0
    rows: tuple[Row, ...] = ()


def encode(frame: Frame) -> bytes:
    """The bytes of a frame. Raises WireError where it is over a bound."""
    kind, meta, first, second = frame
    _check_bounds(len(meta), len(first), len(second))
    return HEADER.pack(MAGIC, VERSION, kind, len(meta), len(first), len(second)) + meta + first + second


def encode_exchange(exchange: Exchange) -> tuple[bytes, bytes, bytes]:
    """Header with metadata, request body, response body: to be written one after the other, the bodies uncopied.

    Raises WireError where it is over a bound, or holds text that is not Unicode.
    """
    e, up, down = exchange, exchange.request, exchange.response
    values = (  # one flat tuple: this runs for every request
        e.id,
        e.method,
        e.path,
        e.status,
        e.end._value_,
        e.started_s,
        e.first_byte_s,
        e.ended_s,
        e.route,
        e.requested_model,
        e.served_model,
        e.upstream,
        e.base_served,
        e.enforcement_id,
        e.coverage_k,
        e.chunks,
        e.traceparent,
        up.framing._value_,
        up.content_type,
        up.content_encoding,
        up.total_bytes,
        up.truncated,
        down.framing._value_,
        down.content_type,
        down.content_encoding,
        down.total_bytes,
        down.truncated,
        e.tenant,
        e.trace,
        e.sent_s,
    )
    try:
        meta = orjson.dumps(values)
    except TypeError as wrong:  # a lone surrogate, or a number over 64 bits
        raise WireError(f"exchange {e.id!r} cannot be written: {wrong}") from wrong
    first, second = up.data, down.data
    _check_bounds(len(meta), len(first), len(second))
    head = HEADER.pack(MAGIC, VERSION, _EXCHANGE, len(meta), len(first), len(second))
    return head + meta, first, second


def encode_hello(process_id: int) -> bytes:
    """The sender's first frame."""
    return encode(Frame(FrameKind.HELLO, orjson.dumps([process_id])))


def encode_ack(frames: int) -> bytes:
    """The first `frames` frames after HELLO are stored."""
    return encode(Frame(FrameKind.ACK, orjson.dumps([frames])))


def encode_snapshot(snapshot: Snapshot) -> bytes:
    """A snapshot on its way down. Raises WireError where it is over the bound."""
    return encode(Frame(FrameKind.SNAPSHOT, orjson.dumps(to_json(snapshot))))


def encode_stats(stats: Stats) -> bytes:
    """A report of the sender."""
    values = [stats.offered, stats.sent, stats.thinned, dict(stats.dropped), [list(loss) for loss in stats.lost]]
    return encode(Frame(FrameKind.STATS, orjson.dumps(values)))


def encode_want(interval_s: float) -> bytes:
    """Asks for metrics, from now on."""
    return encode(Frame(FrameKind.WANT, orjson.dumps([interval_s])))


def encode_figures(figures: Figures) -> bytes:
    """The sender's metrics; rows over METRICS_ROWS_MAX are left out."""
    return encode(Frame(FrameKind.METRICS, orjson.dumps([figures.time_s, figures.rows[:METRICS_ROWS_MAX]])))


def exchange_of(frame: Frame) -> Exchange:
    """The exchange of an EXCHANGE frame. Raises WireError."""
    values = _fields(frame, FrameKind.EXCHANGE, _EXCHANGE_TYPES)
    try:
        values[4], values[17], values[22] = End(values[4]), Framing(values[17]), Framing(values[22])
    except ValueError as wrong:
        raise WireError(f"exchange frame: {wrong}") from wrong
    bodies = (Body(frame.first, *values[17:22]), Body(frame.second, *values[22:27]))
    return Exchange(*(*values[:17], *bodies, *values[27:]))


def hello_of(frame: Frame) -> int:
    """The sender's process id. Raises WireError."""
    return int(_fields(frame, FrameKind.HELLO, (int,))[0])


def ack_of(frame: Frame) -> int:
    """How many frames are stored. Raises WireError."""
    return int(_fields(frame, FrameKind.ACK, (int,))[0])


def stats_of(frame: Frame) -> Stats:
    """The report of a STATS frame. Raises WireError."""
    offered, sent, thinned, dropped, lost = _fields(frame, FrameKind.STATS, (int, int, int, dict, list))
    try:
        reasons = {str(reason): int(count) for reason, count in dropped.items()}
        losses = tuple(Loss(int(s), str(route), str(model), int(count)) for s, route, model, count in lost)
    except (TypeError, ValueError) as wrong:
        raise WireError(f"stats frame: {wrong}") from wrong
    return Stats(offered, sent, thinned, reasons, losses)


def want_of(frame: Frame) -> float:
    """The interval of a WANT frame, in seconds. Raises WireError."""
    return float(_fields(frame, FrameKind.WANT, (float,))[0])


def figures_of(frame: Frame) -> Figures:
    """The metrics of a METRICS frame. Raises WireError."""
    time_s, rows = _fields(frame, FrameKind.METRICS, (float, list))
    try:
        return Figures(time_s, tuple(_row(*row) for row in rows))
    except (TypeError, ValueError) as wrong:
        raise WireError(f"metrics frame: {wrong}") from wrong


def _row(name: object, labels: list[object], value: Any) -> Row:
    read = (tuple(map(int, value[0])), float(value[1])) if isinstance(value, list) else value
    if not isinstance(read, int | float | tuple):
        raise TypeError(f"a value was due, {type(value).__name__} came")
    return str(name), tuple(map(str, labels)), read


def snapshot_of(frame: Frame) -> Snapshot:
    """The snapshot of a SNAPSHOT frame. Raises WireError."""
    if frame.kind != FrameKind.SNAPSHOT:
        raise WireError(f"a snapshot frame was due, frame kind {frame.kind} came")
    return from_json(_json(frame.meta))


class FrameReader:
    """Frames out of a byte stream that comes in any pieces. Holds at most one frame and one piece.

    After a WireError the stream has no certain frame bounds any more: close it.
    """

    def __init__(self, meta_bytes_max: int = META_BYTES_MAX, body_bytes_max: int = BODY_BYTES_MAX) -> None:
        self._bounds = (meta_bytes_max, body_bytes_max)
        self._held = bytearray()

    def feed(self, piece: bytes) -> Iterator[Frame]:
        """Every frame that this piece completes. Raises WireError."""
        held = self._held
        held += piece
        while len(held) >= HEADER.size:
            magic, version, kind, meta, first, second = HEADER.unpack_from(held)
            if magic != MAGIC or version != VERSION or kind not in _KINDS:
                raise WireError(f"not a frame of version {VERSION}: {bytes(held[: HEADER.size])!r}")
            _check_bounds(meta, first, second, *self._bounds)
            a, b, c = HEADER.size + meta, HEADER.size + meta + first, HEADER.size + meta + first + second
            if len(held) < c:
                return
            frame = Frame(kind, bytes(held[HEADER.size : a]), bytes(held[a:b]), bytes(held[b:c]))
            del held[:c]
            yield frame


_BODY_TYPES: Final = (str, str, str, int, bool)
_EXCHANGE_TYPES: Final[tuple[type, ...]] = (
    *(str, str, str, int, str, float, float, float),
    *(str, str, str, str, bool),
    *(str, int, int, str),
    *_BODY_TYPES,
    *_BODY_TYPES,
    *(int, str, float),
)


def _check_bounds(
    meta: int, first: int, second: int, meta_max: int = META_BYTES_MAX, body_max: int = BODY_BYTES_MAX
) -> None:
    if meta > meta_max or first > body_max or second > body_max:
        raise WireError(f"frame over its bound: metadata {meta} of {meta_max}, bodies {first}, {second} of {body_max}")


def _fields(frame: Frame, kind: FrameKind, types: tuple[type, ...]) -> list[Any]:
    """The metadata of a frame of this kind, each field of its type (a float may come as a whole number)."""
    if frame.kind != kind:
        raise WireError(f"a {kind.name} frame was due, frame kind {frame.kind} came")
    values = _json(frame.meta)
    if not isinstance(values, list) or len(values) != len(types):
        raise WireError(f"{kind.name} frame: {len(types)} fields were due")
    for i, (value, expected) in enumerate(zip(values, types, strict=True)):
        if type(value) is not expected:
            if expected is not float or type(value) is not int:
                raise WireError(f"{kind.name} frame: field {i} is {type(value).__name__}, not {expected.__name__}")
            values[i] = float(value)
    return values


def _json(meta: bytes) -> Any:
    try:
        return orjson.loads(meta)
    except orjson.JSONDecodeError as wrong:
        raise WireError(f"frame metadata is not JSON: {wrong}") from wrong
