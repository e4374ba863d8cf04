"""Frames: any split of the stream gives the same frames; what is no frame is refused; bounds hold."""

from __future__ import annotations

import struct
from itertools import pairwise

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.enforcement import Enforcement, Snapshot, Step
from proxy.core.errors import WireError
from proxy.core.exchange import Body, End, Exchange, Framing
from proxy.core.http.trace_context import Tracing
from proxy.core.routes import Pin, Route, Target
from proxy.link.frames import (
    HEADER,
    VERSION,
    Frame,
    FrameKind,
    FrameReader,
    Loss,
    Stats,
    ack_of,
    encode,
    encode_ack,
    encode_exchange,
    encode_hello,
    encode_snapshot,
    encode_stats,
    exchange_of,
    hello_of,
    snapshot_of,
    stats_of,
)

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
times = st.floats(0, 4e9)
counts = st.integers(0, 2**40)
bodies = st.builds(Body, st.binary(max_size=200), st.sampled_from(Framing), words, words, counts, st.booleans())
exchanges = st.builds(
    Exchange,
    *(words, words, words, st.integers(0, 999), st.sampled_from(End), times, times, times),
    *(
        words,
        words,
        words,
        words,
        st.booleans(),
        words,
        st.integers(0, 7),
        counts,
        words,
        bodies,
        bodies,
        st.integers(-1, 7),
        words,
        times,
    ),
)
stats = st.builds(
    Stats,
    counts,
    counts,
    counts,
    st.dictionaries(words, counts, max_size=4),
    st.lists(st.builds(Loss, counts, words, words, counts), max_size=4).map(tuple),
)
targets = st.builds(Target, words, words)
routes = st.builds(Route, words, targets, st.none() | targets, st.sampled_from(Pin), st.booleans())
enforcements = st.builds(Enforcement, words, st.sampled_from(Step), words, words, times, times, counts)
snapshots = st.builds(
    Snapshot,
    counts,
    st.lists(routes, max_size=4).map(tuple),
    st.lists(enforcements, max_size=4).map(tuple),
    st.integers(0, 7),
    st.none() | st.builds(Tracing, st.floats(0, 1), st.booleans()),
)


def only(data: bytes) -> Frame:
    frames = list(FrameReader().feed(data))
    assert len(frames) == 1
    return frames[0]


@given(exchanges)
def test_an_exchange_comes_back_as_it_went(exchange: Exchange) -> None:
    assert exchange_of(only(b"".join(encode_exchange(exchange)))) == exchange


@given(stats)
def test_stats_come_back_as_they_went(given_stats: Stats) -> None:
    assert stats_of(only(encode_stats(given_stats))) == given_stats


@given(snapshots)
def test_a_snapshot_comes_back_as_it_went(snapshot: Snapshot) -> None:
    assert snapshot_of(only(encode_snapshot(snapshot))) == snapshot


@given(counts)
def test_small_frames_come_back_as_they_went(number: int) -> None:
    assert hello_of(only(encode_hello(number))) == number
    assert ack_of(only(encode_ack(number))) == number


@given(st.lists(exchanges, min_size=1, max_size=4), st.lists(st.integers(0, 5_000), max_size=8))
def test_any_split_gives_the_same_frames(sent: list[Exchange], cuts: list[int]) -> None:
    stream = b"".join(piece for exchange in sent for piece in encode_exchange(exchange))
    edges = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    reader = FrameReader()
    came = [exchange_of(f) for a, b in pairwise(edges) for f in reader.feed(stream[a:b])]
    assert came == sent


@given(st.binary(min_size=HEADER.size, max_size=64))
def test_noise_is_refused_or_is_a_frame(noise: bytes) -> None:
    try:
        frames = list(FrameReader().feed(noise))
    except WireError:
        return
    assert noise.startswith(b"GW" + bytes([VERSION]))
    assert sum(HEADER.size + len(f.meta) + len(f.first) + len(f.second) for f in frames) <= len(noise)


@given(exchanges, st.data())
def test_a_changed_byte_never_raises_anything_but_wire_error(exchange: Exchange, data: st.DataObject) -> None:
    stream = bytearray(b"".join(encode_exchange(exchange)))
    stream[data.draw(st.integers(0, len(stream) - 1))] = data.draw(st.integers(0, 255))
    try:
        for frame in FrameReader().feed(bytes(stream)):
            exchange_of(frame)
    except WireError:
        pass


@pytest.mark.parametrize("lengths", [(5_000_000, 0, 0), (0, 2**27, 0), (0, 0, 2**32 - 1)])
def test_lengths_over_the_bound_are_refused_before_they_are_held(lengths: tuple[int, int, int]) -> None:
    head = HEADER.pack(b"GW", VERSION, FrameKind.EXCHANGE, *lengths)
    with pytest.raises(WireError, match="over its bound"):
        list(FrameReader().feed(head))


@pytest.mark.parametrize(
    "head",
    [struct.pack("!2sBBIII", *v, 0, 0, 0) for v in [(b"XX", VERSION, 2), (b"GW", VERSION - 1, 2), (b"GW", VERSION, 9)]],
)
def test_another_magic_version_or_kind_is_refused(head: bytes) -> None:
    with pytest.raises(WireError, match="not a frame"):
        list(FrameReader().feed(head))


def test_a_body_over_the_bound_is_not_written() -> None:
    with pytest.raises(WireError, match="over its bound"):
        encode_exchange(_exchange(request=Body(bytes(67_108_865))))


def test_text_that_is_not_unicode_is_not_written() -> None:
    with pytest.raises(WireError, match="cannot be written"):
        encode_exchange(_exchange(path="/\udc80"))


@pytest.mark.parametrize("meta", [b"", b"{}", b"[]", b"[1", b'["a"]', b"null"])
def test_metadata_of_another_shape_is_refused(meta: bytes) -> None:
    frame = Frame(FrameKind.EXCHANGE, meta)
    with pytest.raises(WireError):
        exchange_of(frame)
    with pytest.raises(WireError):
        stats_of(frame._replace(kind=FrameKind.STATS))
    with pytest.raises(WireError):
        hello_of(frame._replace(kind=FrameKind.HELLO))
    with pytest.raises(WireError):
        snapshot_of(frame._replace(kind=FrameKind.SNAPSHOT))


def test_a_frame_of_another_kind_is_refused() -> None:
    hello = only(encode_hello(1))
    for read in (exchange_of, stats_of, snapshot_of, ack_of):
        with pytest.raises(WireError, match="was due"):
            read(hello)


def test_a_status_that_is_no_number_is_refused() -> None:
    frame = only(b"".join(encode_exchange(_exchange())))
    values = orjson.loads(frame.meta)
    for i, wrong in ((3, "200"), (4, "no such end"), (17, "no such framing")):
        changed = [*values[:i], wrong, *values[i + 1 :]]
        with pytest.raises(WireError, match="frame"):
            exchange_of(frame._replace(meta=orjson.dumps(changed)))


def test_encode_holds_the_metadata_bound() -> None:
    with pytest.raises(WireError, match="over its bound"):
        encode(Frame(FrameKind.SNAPSHOT, bytes(4_194_305)))


def _exchange(path: str = "/", request: Body | None = None) -> Exchange:
    return Exchange("1", "POST", path, 200, End.COMPLETE, 1.0, 2.0, 3.0, request=request or Body())
