"""From the bytes of the network to the bytes of the API: chunks joined, content-encodings undone, within a bound.

Every decoder works piece by piece and stops at the bound, so that a few bytes cannot unpack to gigabytes. A capture
that was cut, by its bound or by an upstream that went away, is decoded as far as it goes and marked.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import Final

import brotli
import zstandard

from proxy.core.errors import FramingError, Unreadable
from proxy.core.exchange import Body, Framing
from proxy.core.http.framing import ChunkedBody
from proxy.dialects.contract import Plain

DECODED_BYTES_MAX: Final = 8 * 1024 * 1024
CODINGS_MAX: Final = 4  # encodings stacked on one body; nobody honest has more than two
_STEP_BYTES: Final = 65_536
_GZIP: Final = zlib.MAX_WBITS | 16
_GZIP_MAGIC: Final = b"\x1f\x8b"
_ZSTD_WINDOW_BYTES_MAX: Final = 8 * 1024 * 1024  # RFC 9659: what a sender over HTTP may ask of a receiver

Inflate = Callable[[Plain, int], Plain]


def decode(body: Body, decoded_bytes_max: int = DECODED_BYTES_MAX) -> Plain:
    """The plain bytes of a captured body, at most `decoded_bytes_max` of them; `truncated` where some are missing.

    Raises Unreadable("encoding") where the content-encoding is unknown or the bytes are not of it, and
    Unreadable("malformed") for broken chunks.
    """
    data = _joined(body.data) if body.framing is Framing.CHUNKED else body.data
    plain = Plain(data, body.truncated)
    for inflate in _inflates(body.content_encoding):
        plain = inflate(plain, decoded_bytes_max) if plain.data else plain  # an answer to HEAD has the field, no body
    if len(plain.data) > decoded_bytes_max:
        return Plain(plain.data[:decoded_bytes_max], truncated=True)
    return plain


def _joined(data: bytes) -> bytes:
    payload: list[bytes] = []
    try:
        ChunkedBody(payload).feed(data)
    except FramingError as error:
        raise Unreadable("malformed", str(error)) from None
    return b"".join(payload)


def _inflates(content_encoding: str) -> Iterator[Inflate]:
    """The ways to undo the codings, last applied first (RFC 9110 section 8.4)."""
    codings = [name for part in content_encoding.lower().split(",") if (name := part.strip()) not in ("", "identity")]
    if len(codings) > CODINGS_MAX:
        raise Unreadable("encoding", f"{len(codings)} stacked content-encodings")
    for name in reversed(codings):
        inflate = _INFLATES.get(name)
        if inflate is None:
            raise Unreadable("encoding", f"content-encoding {name[:40]!r} is not known")
        yield inflate


def _gzip(plain: Plain, bytes_max: int) -> Plain:
    """All members of a gzip file, one after the other (RFC 1952); bytes that are no member are padding."""
    piece, rest = _zlib(plain, bytes_max, _GZIP)
    out = [piece.data]
    while not piece.truncated and rest.startswith(_GZIP_MAGIC):
        bytes_max -= len(piece.data)
        piece, rest = _zlib(Plain(rest), bytes_max, _GZIP)
        out.append(piece.data)
    return Plain(b"".join(out), piece.truncated or plain.truncated)


def _deflate(plain: Plain, bytes_max: int) -> Plain:
    """zlib as the standard says (RFC 9110 section 8.4.1.2), or raw as some servers send it."""
    is_zlib = len(plain.data) >= 2 and plain.data[0] & 0x0F == 8 and int.from_bytes(plain.data[:2], "big") % 31 == 0
    piece, _ = _zlib(plain, bytes_max, zlib.MAX_WBITS if is_zlib else -zlib.MAX_WBITS)
    return Plain(piece.data, piece.truncated or plain.truncated)


def _zlib(plain: Plain, bytes_max: int, wbits: int) -> tuple[Plain, bytes]:
    """One deflate stream, and what follows it."""
    machine = zlib.decompressobj(wbits)
    try:
        data = machine.decompress(plain.data, max(bytes_max, 1))
    except zlib.error as error:
        raise Unreadable("encoding", str(error)) from None
    return Plain(data, truncated=not machine.eof), machine.unused_data


def _brotli(plain: Plain, bytes_max: int) -> Plain:
    machine = brotli.Decompressor()
    out: list[bytes] = []
    piece = plain.data
    try:
        while bytes_max > 0 and not machine.is_finished():
            data = machine.process(piece, output_buffer_limit=_STEP_BYTES)
            out.append(data)
            bytes_max -= len(data)
            piece = b""
            if not data and machine.can_accept_more_data():
                break  # it waits for bytes that never came
    except brotli.error as error:
        raise Unreadable("encoding", str(error)) from None
    return Plain(b"".join(out), plain.truncated or not machine.is_finished())


def _zstd(plain: Plain, bytes_max: int) -> Plain:
    """All frames, one after the other (RFC 8878 section 3). The library does not tell of a frame that ends early."""
    machine = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW_BYTES_MAX)
    out: list[bytes] = []
    try:
        with machine.stream_reader(plain.data, read_across_frames=True) as reader:
            while bytes_max > 0 and (data := reader.read(min(_STEP_BYTES, bytes_max))):
                out.append(data)
                bytes_max -= len(data)
    except zstandard.ZstdError as error:
        raise Unreadable("encoding", str(error)) from None
    return Plain(b"".join(out), plain.truncated or bytes_max <= 0)


_INFLATES: Final[Mapping[str, Inflate]] = {
    "gzip": _gzip,
    "x-gzip": _gzip,
    "deflate": _deflate,
    "br": _brotli,
    "zstd": _zstd,
}
