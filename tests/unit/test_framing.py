"""The end of a body is found at the same byte however its bytes are cut into reads."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.errors import FramingError
from proxy.core.http.framing import (
    CHUNK_EXTENSION_BYTES_MAX,
    CHUNK_LINE_BYTES_MAX,
    TRAILER_BYTES_MAX,
    ChunkedBody,
    EofBody,
    LengthBody,
    NoBody,
)

pieces = st.lists(st.binary(min_size=1, max_size=40), max_size=8)
cuts = st.lists(st.integers(min_value=1, max_value=17), min_size=1, max_size=20)
extension = st.sampled_from([b"", b";a", b";a=b", b';a="b c"', b"; a = b"])
trailers = st.lists(st.sampled_from([b"X-A: b\r\n", b"Digest: \xc3\xa9\r\n", b"a:\r\n"]), max_size=3).map(b"".join)


def chunked(content: list[bytes], ext: bytes = b"", trailer: bytes = b"") -> bytes:
    chunks = b"".join(b"%x" % len(piece) + ext + b"\r\n" + piece + b"\r\n" for piece in content)
    return chunks + b"0\r\n" + trailer + b"\r\n"


def feed_in_pieces(body: ChunkedBody | LengthBody, data: bytes, sizes: list[int]) -> int:
    """Feed like reads would come; the offset at which the body said it ends."""
    at = step = 0
    while at < len(data) and not body.done:
        piece = data[at : at + sizes[step % len(sizes)]]
        took = body.feed(piece)
        at += took
        if took < len(piece):
            assert body.done
        step += 1
    return at


@given(pieces, extension, trailers, st.binary(max_size=30), cuts)
def test_chunked_ends_where_it_ends(
    content: list[bytes], ext: bytes, trailer: bytes, after: bytes, sizes: list[int]
) -> None:
    payload: list[bytes] = []
    body = ChunkedBody(payload)
    wire = chunked(content, ext, trailer)
    assert feed_in_pieces(body, wire + after, sizes) == len(wire)
    assert body.done
    assert b"".join(payload) == b"".join(content)


@given(pieces, trailers, cuts)
def test_chunked_is_not_done_before_its_end(content: list[bytes], trailer: bytes, sizes: list[int]) -> None:
    wire = chunked(content, trailer=trailer)
    for end in range(len(wire)):
        body = ChunkedBody()
        assert feed_in_pieces(body, wire[:end], sizes) == end
        assert not body.done


@given(st.binary(max_size=60), st.integers(0, 70), cuts)
def test_length_counts(data: bytes, length: int, sizes: list[int]) -> None:
    body = LengthBody(length)
    assert feed_in_pieces(body, data, sizes) == min(length, len(data))
    assert body.done == (len(data) >= length)


def test_no_body_and_until_eof() -> None:
    assert NoBody().done
    assert NoBody().feed(b"x") == 0
    body = EofBody()
    assert body.feed(b"abc") == 3
    assert not body.done


BAD = {
    "no size": b"\r\nhello\r\n0\r\n\r\n",
    "sign": b"+5\r\nhello\r\n0\r\n\r\n",
    "minus": b"-5\r\nhello",
    "prefix": b"0x5\r\nhello\r\n0\r\n\r\n",
    "underscore": b"1_0\r\n",
    "leading space": b" 5\r\nhello\r\n",
    "trailing space": b"5 \r\nhello\r\n",
    "not hex": b"g\r\n",
    "comma": b"5,5\r\n",
    "seventeen digits": b"00000000000000005\r\nhello\r\n",
    "too large": b"ffffffffffffffff\r\n",
    "bare lf": b"5\nhello\r\n0\r\n\r\n",
    "bare cr": b"5\rhello\r\n0\r\n\r\n",
    "cr cr lf": b"5\r\r\nhello\r\n",
    "lf after data": b"5\r\nhello\n0\r\n\r\n",
    "cr after data": b"5\r\nhello\rx0\r\n\r\n",
    "size too small": b"4\r\nhello\r\n0\r\n\r\n",
    "size too large": b"6\r\nhello\r\n0\r\n\r\n",
    "lf in extension": b"5;a\nb\r\nhello\r\n",
    "nul in extension": b"5;\x00\r\nhello\r\n",
    "cr in extension": b"5;a\rb\r\nhello\r\n",
    "long extension": b"5;" + b"a" * CHUNK_LINE_BYTES_MAX + b"\r\nhello\r\n",
    "many extensions": b"1;aaaaaaaaaa\r\nx\r\n" * (CHUNK_EXTENSION_BYTES_MAX // 10),
    "endless size": b"0" * (CHUNK_LINE_BYTES_MAX + 2),
    "trailer without colon": b"0\r\nnonsense\r\n\r\n",
    "trailer folded": b"0\r\nA: b\r\n c\r\n\r\n",
    "trailer space": b"0\r\nA : b\r\n\r\n",
    "trailer nul": b"0\r\nA: \x00\r\n\r\n",
    "trailer bare lf": b"0\r\nA: b\n\r\n",
    "trailer framing": b"0\r\nContent-Length: 3\r\n\r\n",
    "trailer transfer": b"0\r\ntransfer-encoding: chunked\r\n\r\n",
    "trailers too long": b"0\r\n" + b"A: bbbbbbbbbbbbbbb\r\n" * (TRAILER_BYTES_MAX // 15),
    "bare lf end": b"0\r\n\n",
}


@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize("size", [1, 2, 3, 1_000_000])
def test_doubtful_chunks_are_refused_however_they_come(name: str, size: int) -> None:
    with pytest.raises(FramingError):
        feed_in_pieces(ChunkedBody(), BAD[name], [size])


@given(st.binary(max_size=80), cuts)
def test_any_bytes_give_one_verdict(data: bytes, sizes: list[int]) -> None:
    """Whatever comes, reads do not change what is thought of it."""
    assert verdict(data, [len(data) or 1]) == verdict(data, sizes)


@given(st.lists(st.sampled_from([b"1", b"a", b";x", b"\r\n", b"\n", b"\r", b"0", b"A: b", b"z"]), max_size=14), cuts)
def test_almost_chunks_give_one_verdict(parts: list[bytes], sizes: list[int]) -> None:
    data = b"".join(parts)
    assert verdict(data, [len(data) or 1]) == verdict(data, sizes)


def verdict(data: bytes, sizes: list[int]) -> tuple[str, int]:
    body = ChunkedBody()
    try:
        end = feed_in_pieces(body, data, sizes)
    except FramingError:
        return "refused", 0
    return ("done", end) if body.done else ("more", end)
