"""Server-sent events, read as the WHATWG standard says (HTML, section 9.2.6 "Interpreting an event stream").

Lines end with CR, LF or CRLF; a line that begins with a colon is a comment; several data lines of one event are joined
by LF; one BOM at the start is dropped; an event that no blank line ended is not an event. `id` and `retry` are of no
use here and ignored.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

BOM: Final = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Event:
    """One event: its type ("message" where none was named) and its data."""

    type: str
    data: str


class Reader:
    """Reads a stream piece by piece: `feed` gives the events that the piece completed, however it was cut."""

    __slots__ = ("_after_cr", "_data", "_rest", "_start", "_type")

    def __init__(self) -> None:
        self._rest = b""  # of a line that has not ended
        self._start = True
        self._after_cr = False  # an LF that comes next belongs to the line end before it
        self._type = ""
        self._data: list[str] = []

    def feed(self, piece: bytes) -> list[Event]:
        """The events that end in this piece."""
        return [event for line in self._lines(piece) if (event := self._line(line)) is not None]

    def _lines(self, piece: bytes) -> list[bytes]:
        if self._after_cr and piece:
            piece = piece.removeprefix(b"\n")
            self._after_cr = False
        whole = self._without_bom(self._rest + piece)
        if not whole:
            return []
        self._after_cr = not self._start and whole.endswith(b"\r")
        lines = whole.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        self._rest = lines.pop()
        return lines

    def _without_bom(self, whole: bytes) -> bytes:
        """Holds the first bytes back until it is certain that they are, or are not, a BOM."""
        if not self._start:
            return whole
        if len(whole) < len(BOM) and BOM.startswith(whole):
            self._rest = whole
            return b""
        self._start = False
        return whole.removeprefix(BOM)

    def _line(self, line: bytes) -> Event | None:
        if not line:
            return self._dispatch()
        name, _, value = line.partition(b":")
        if name == b"data":
            self._data.append(_text(value))
        elif name == b"event":
            self._type = _text(value)
        return None

    def _dispatch(self) -> Event | None:
        kind, data = self._type or "message", self._data
        self._type, self._data = "", []
        return Event(kind, "\n".join(data)) if data else None


def events(body: bytes) -> Iterator[Event]:
    """The events of a whole captured body; one that was cut off at the end is left out."""
    yield from Reader().feed(body)


def _text(value: bytes) -> str:
    return value.removeprefix(b" ").decode("utf-8", "replace")
