"""Bodies as they crossed the network, back to what was meant; and bodies that were made to hurt."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable
from typing import Final

import brotli
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from proxy.analysis.judging.decoding import decode
from proxy.core.errors import Unreadable
from proxy.core.exchange import Body, Framing
from proxy.dialects.contract import Plain


def raw_deflate(data: bytes) -> bytes:
    machine = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return machine.compress(data) + machine.flush()


ENCODERS: Final[dict[str, Callable[[bytes], bytes]]] = {
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "deflate": zlib.compress,
    "Deflate": raw_deflate,
    "br": lambda data: brotli.compress(data, quality=5),
    "zstd": zstandard.compress,
    "identity": bytes,
    "": bytes,
}
CODINGS = st.sampled_from(sorted(ENCODERS))


def chunked(data: bytes, size: int) -> bytes:
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    return b"".join(b"%x;a=b\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\nx-trailer: 1\r\n\r\n"


@given(st.binary(max_size=3_000), st.lists(CODINGS, max_size=3), st.integers(1, 700))
def test_decoding_undoes_encoding(data: bytes, codings: list[str], size: int) -> None:
    wire = data
    for coding in codings:
        wire = ENCODERS[coding](wire)
    body = Body(chunked(wire, size), Framing.CHUNKED, content_encoding=", ".join(codings))
    assert decode(body) == Plain(data)
    assert decode(Body(wire, Framing.LENGTH, content_encoding=",".join(codings))) == Plain(data)


@given(st.binary(min_size=1, max_size=2_000), CODINGS, st.integers(0, 1_999))
def test_a_cut_capture_gives_the_beginning(data: bytes, coding: str, end: int) -> None:
    wire = ENCODERS[coding](data)
    plain = decode(Body(wire[:end], content_encoding=coding, truncated=True))
    assert plain.truncated
    assert data.startswith(plain.data)


@given(st.binary(max_size=500), CODINGS)
def test_no_bytes_bring_it_down(data: bytes, coding: str) -> None:
    for framing in (Framing.CHUNKED, Framing.EOF):
        try:
            decode(Body(data, framing, content_encoding=coding))
        except Unreadable as finding:
            assert finding.reason in {"encoding", "malformed"}


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd"])
def test_a_bomb_stops_at_the_bound(coding: str) -> None:
    bomb = ENCODERS[coding](bytes(8 * 1024 * 1024))
    plain = decode(Body(bomb, content_encoding=coding), decoded_bytes_max=100_000)
    assert plain == Plain(bytes(100_000), truncated=True)


def test_a_stacked_bomb_stops_at_the_bound() -> None:
    bomb = gzip.compress(gzip.compress(bytes(8 * 1024 * 1024)))
    assert decode(Body(bomb, content_encoding="gzip, gzip"), 100_000) == Plain(bytes(100_000), truncated=True)


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br"])
def test_an_upstream_that_broke_off_is_seen(coding: str) -> None:
    wire = ENCODERS[coding](bytes(range(256)) * 40)
    assert decode(Body(wire[:-3], content_encoding=coding)).truncated


def test_members_of_a_gzip_file_are_joined_and_padding_is_not() -> None:
    wire = gzip.compress(b"one ") + gzip.compress(b"two") + b"\0\0\0"
    assert decode(Body(wire, content_encoding="gzip")) == Plain(b"one two")


def test_frames_of_zstd_are_joined() -> None:
    assert decode(Body(zstandard.compress(b"a") + zstandard.compress(b"b"), content_encoding="zstd")) == Plain(b"ab")


@pytest.mark.parametrize("coding", ["compress", "aes128gcm", "gzip;q=1", "gzip, nonsense", "br," * 5 + "br"])
def test_an_unknown_encoding_says_so(coding: str) -> None:
    with pytest.raises(Unreadable, match="encoding"):
        decode(Body(b"x", content_encoding=coding))


@pytest.mark.parametrize("coding", ["gzip", "br", "zstd"])
def test_bytes_of_another_kind_say_so(coding: str) -> None:
    with pytest.raises(Unreadable, match="encoding"):
        decode(Body(b'{"plain": "json, wrongly labelled"}', content_encoding=coding))


def test_broken_chunks_are_malformed() -> None:
    with pytest.raises(Unreadable, match="malformed"):
        decode(Body(b"zz\r\nabc", Framing.CHUNKED))


def test_an_answer_to_head_has_a_coding_and_no_body() -> None:
    assert decode(Body(b"", content_encoding="gzip")) == Plain(b"")
