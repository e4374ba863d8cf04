"""Where a message's body ends: three scanners over the bytes as they came (RFC 9112 sections 6 and 7). Pure.

Each has `feed(data) -> n`: the first n bytes of `data` belong to this body, the rest to what follows; `done` is true
once the body is whole. A scanner never changes a byte. What is not certain raises FramingError.
"""

from __future__ import annotations

from typing import Final, TypeAlias

from proxy.core.errors import FramingError

CHUNK_LINE_BYTES_MAX: Final = 1_024  # a chunk size with its extensions
CHUNK_EXTENSION_BYTES_MAX: Final = 16_384  # of one body: extensions are a cheap way to waste a server's time
CHUNK_BYTES_MAX: Final = 1 << 53
PLAIN_LINE_BYTES_MAX: Final = 10  # of a chunk size that takes the short way: eight digits and CRLF
TRAILER_BYTES_MAX: Final = 16_384

_HEX: Final = b"0123456789abcdefABCDEF"
_VISIBLE: Final = bytes(c for c in range(0x20, 0x7F)) + b"\t"
_FIELD: Final = _VISIBLE + bytes(range(0x80, 0x100))
_TOKEN: Final = b"!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
# In a trailer these could change what an earlier reader has already decided (RFC 9110 6.5.1).
_NOT_TRAILERS: Final = frozenset(
    {b"content-length", b"transfer-encoding", b"host", b"connection", b"content-encoding", b"content-type", b"te"}
)


class NoBody:
    """A message that ends with its head."""

    __slots__ = ("done",)

    def __init__(self) -> None:
        self.done = True

    def feed(self, data: bytes) -> int:  # noqa: ARG002 - nothing belongs to it
        """Always 0."""
        return 0


class LengthBody:
    """A body of a known number of bytes."""

    __slots__ = ("_left", "done")

    def __init__(self, length: int) -> None:
        self._left = length
        self.done = length == 0

    def feed(self, data: bytes) -> int:
        """How many bytes of `data` are this body's."""
        size = len(data)
        left = self._left
        if size < left:
            self._left = left - size
            return size
        self._left = 0
        self.done = True
        return left


class EofBody:
    """A body that the end of the connection ends. `done` stays false: only the connection knows."""

    __slots__ = ("done",)

    def __init__(self) -> None:
        self.done = False

    def feed(self, data: bytes) -> int:
        """All of it."""
        return len(data)


class ChunkedBody:
    """A chunked body with its trailers.

    `payload`, where given, gets the content without the framing, in pieces.
    """

    __slots__ = ("_extension_bytes", "_held", "_in_trailers", "_left", "_trailer_bytes", "done", "payload")

    def __init__(self, payload: list[bytes] | None = None) -> None:
        self.done = False
        self.payload = payload
        self._left = 0  # bytes of the present chunk, its CRLF included
        self._held = b""  # the beginning of a line, whose end has not come
        self._in_trailers = False
        self._extension_bytes = 0
        self._trailer_bytes = 0

    def feed(self, data: bytes) -> int:
        """How many bytes of `data` are this body's. Raises FramingError."""
        at, size = 0, len(data)
        while at < size and not self.done:
            if self._left:
                at = self._chunk(data, at)
            elif self._held or self._in_trailers or (end := self._plain(data, at)) == at:
                at = self._line(data, at)
            else:
                at = end
        return at

    def _plain(self, data: bytes, at: int) -> int:
        """Pass over a chunk that is here whole and has no extensions, as most do; else stay, for the exact way."""
        line = data.find(b"\r\n", at, at + PLAIN_LINE_BYTES_MAX)
        digits = data[at:line]
        if line <= at or digits.translate(None, _HEX):
            return at
        begin = line + 2
        end = begin + int(digits, 16)
        if end == begin or data[end : end + 2] != b"\r\n":
            return at
        if self.payload is not None:
            self.payload.append(data[begin:end])
        return end + 2

    def _chunk(self, data: bytes, at: int) -> int:
        """Pass over the present chunk's bytes, and check the CRLF that ends them."""
        here = min(self._left, len(data) - at)
        rest, end = self._left - here, at + here
        self._left = rest
        content_end = end
        if rest < 2:
            closing = min(here, 2 - rest)
            content_end = end - closing
            if data[content_end:end] != b"\r\n"[2 - rest - closing : 2 - rest]:
                raise FramingError("a chunk does not end where its size says")
        if self.payload is not None and content_end > at:
            self.payload.append(data[at:content_end])
        return end

    def _line(self, data: bytes, at: int) -> int:
        """Read on in a chunk-size or trailer line."""
        end = data.find(b"\n", at)
        if end < 0:
            self._hold(data[at:])
            return len(data)
        line = self._held + data[at:end] if self._held else data[at:end]
        self._held = b""
        if line[-1:] != b"\r":
            raise FramingError("a bare LF in chunked framing")
        if self._in_trailers:
            self._trailer(line[:-1])
        else:
            self._size(line[:-1])
        return end + 1

    def _hold(self, more: bytes) -> None:
        held = self._held + more
        if len(held) > (TRAILER_BYTES_MAX if self._in_trailers else CHUNK_LINE_BYTES_MAX):
            raise FramingError("a chunk-size or trailer line is too long")
        if b"\r" in held[:-1]:
            raise FramingError("a bare CR in chunked framing")
        self._held = held

    def _size(self, line: bytes) -> None:
        digits, semicolon, _ = line.partition(b";")
        if not 0 < len(digits) <= 16 or digits.translate(None, _HEX):
            raise FramingError("a chunk size is not a hexadecimal number")
        if semicolon:
            self._extension(line, len(line) - len(digits))
        size = int(digits, 16)
        if size > CHUNK_BYTES_MAX:
            raise FramingError("a chunk size is too large")
        if size:
            self._left = size + 2
        else:
            self._in_trailers = True

    def _extension(self, line: bytes, size: int) -> None:
        self._extension_bytes += size
        if len(line) > CHUNK_LINE_BYTES_MAX or self._extension_bytes > CHUNK_EXTENSION_BYTES_MAX:
            raise FramingError("chunk extensions are too long")
        if line.translate(None, _VISIBLE):
            raise FramingError("a chunk extension holds a control character")

    def _trailer(self, line: bytes) -> None:
        if not line:
            self.done = True
            return
        self._trailer_bytes += len(line) + 2
        if self._trailer_bytes > TRAILER_BYTES_MAX:
            raise FramingError("trailers are too long")
        name, colon, value = line.partition(b":")
        if not colon or not name or name.translate(None, _TOKEN) or value.translate(None, _FIELD):
            raise FramingError("a trailer is not a header field")
        if name.lower() in _NOT_TRAILERS:
            raise FramingError("a trailer that would change the framing or the routing")


BodyScanner: TypeAlias = NoBody | LengthBody | EofBody | ChunkedBody
