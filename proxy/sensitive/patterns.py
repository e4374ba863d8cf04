"""Regular expressions that run in linear time, over flattened text; and the words around a match."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import re2

from proxy.sensitive.span import Span

BEFORE_CHARS: Final = 64  # how far before a number a word speaks for it
AFTER_CHARS: Final = 24


def _options() -> Any:
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    options.log_errors = False
    return options


class Found(NamedTuple):
    """A match: offsets, and its bytes. A tuple, for it is made thousands of times."""

    start: int
    end: int
    value: bytes


class Pattern:
    """One expression. `(?i)` where case does not matter; group 1, where there is one, is the finding."""

    __slots__ = ("_compiled", "_group", "source")

    def __init__(self, source: bytes) -> None:
        self.source = source
        self._compiled = re2.compile(source, _options())
        self._group = 1 if self._compiled.groups else 0

    def find(self, flat: bytes) -> Iterator[Found]:
        """Each match from left to right, without overlap."""
        for match in self._compiled.finditer(flat):
            start, end = match.span(self._group)
            yield Found(start, end, flat[start:end])

    def match(self, flat: bytes) -> Found | None:
        """Where the text begins with it."""
        match = self._compiled.match(flat)
        if match is None:
            return None
        start, end = match.span(self._group)
        return Found(start, end, flat[start:end])

    def within(self, flat: bytes) -> bool:
        """Whether it occurs at all."""
        return self._compiled.search(flat) is not None


class Hints:
    """Which of many cheap expressions occur in a text, by one pass of one automaton over it."""

    __slots__ = ("_set",)

    def __init__(self, sources: Sequence[bytes]) -> None:
        self._set = re2.Set.SearchSet(_options())
        for source in sources:
            self._set.Add(source)
        self._set.Compile()

    def present(self, flat: bytes) -> Sequence[int]:
        """Indices of those that occur, in no order."""
        indices: Sequence[int] | None = self._set.Match(flat)
        return indices or ()


# Numbers that are called one of these are most likely just that.
OTHER_NUMBERS: Final = (
    r"order|invoice|ticket|tracking|ref(?:erence)?\b|serial|id\b|isbn|sku\b|upc\b|ean\b|part\b|model|version|case\b"
    r"|policy|booking|confirm"
    r"|doi\b|commit|build|line|page|code\b|key\b|hash|seed|model|timestamp|barcode|shipment|claim"
)


class Words:
    """Words that speak for a finding close by: before it within BEFORE_CHARS, after it within AFTER_CHARS."""

    __slots__ = ("_after", "_before")

    def __init__(self, before: str, after: str = "") -> None:
        self._before = Pattern(_words(before))
        self._after = Pattern(_words(after)) if after else None

    def speak_for(self, flat: bytes, found: Found, *, reach: int = BEFORE_CHARS) -> bool:
        """Whether one of them is near."""
        if self._before.within(flat[max(0, found.start - reach) : found.start]):
            return True
        return self._after is not None and self._after.within(flat[found.end : found.end + AFTER_CHARS])


def _words(alternatives: str) -> bytes:
    return rb"(?i)\b(?:" + alternatives.encode() + rb")"


@dataclass(frozen=True, slots=True)
class Detector:
    """A kind of finding: `hint` is a cheap expression without which it cannot occur; `find` is called where it does."""

    hint: bytes
    find: Callable[[bytes], Iterable[Span]]


_NO_DIGITS: Final = bytes(byte for byte in range(256) if not 48 <= byte <= 57)


def digits(value: bytes) -> bytes:
    """Only the digits."""
    return value.translate(None, _NO_DIGITS)
