"""Patterns that a policy adds. RE2 only: whoever writes the policy cannot make a text cost more than linear time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

import re2

from proxy.core.errors import GroundwireError
from proxy.sensitive.span import Span

PATTERNS_MAX: Final = 64
PATTERN_CHARS_MAX: Final = 1000
PROGRAM_MAX: Final = 5_000  # RE2's instructions: a counted repeat of a counted repeat is the way to get there
MATCHES_MAX: Final = 1000  # of one pattern in one text
SCORE: Final = 0.94  # a team's own pattern beats a guess, not a checksum

_SURROGATES: Final = dict.fromkeys(range(0xD800, 0xE000), "\ufffd")


class CustomPatternError(GroundwireError):
    """A pattern that cannot be used; `name` is whose, `fault` what is wrong with it."""

    def __init__(self, name: str, fault: str) -> None:
        self.name = name
        self.fault = fault
        super().__init__(f"sensitive pattern {name!r}: {fault}")


@dataclass(frozen=True, slots=True)
class CustomPattern:
    """A policy's pattern, compiled; `name` becomes the type of what it finds."""

    name: str
    source: str
    compiled: Any  # google-re2 ships no types


def compile_custom(patterns: Mapping[str, str]) -> tuple[CustomPattern, ...]:
    """Name -> expression, as RE2 writes them. Raises CustomPatternError that names the first which cannot be used."""
    if len(patterns) > PATTERNS_MAX:
        raise CustomPatternError(next(iter(patterns)), f"{len(patterns)} patterns; at most {PATTERNS_MAX} can be given")
    return tuple(_compiled(name, source) for name, source in patterns.items())


def _compiled(name: str, source: str) -> CustomPattern:
    if not name or not name.isascii() or not name.replace("_", "").isalnum():
        raise CustomPatternError(name, "a name is letters, digits and underscores, as in EMPLOYEE_ID")
    if len(source) > PATTERN_CHARS_MAX:
        raise CustomPatternError(name, f"{len(source)} characters long; at most {PATTERN_CHARS_MAX}")
    compiled = _re2(name, source)
    if compiled.programsize > PROGRAM_MAX:
        raise CustomPatternError(name, "too large once its counted repeats are written out; use smaller counts")
    if compiled.search("") is not None:
        raise CustomPatternError(name, "matches the empty text, so it would be found everywhere")
    return CustomPattern(name, source, compiled)


def _re2(name: str, source: str) -> Any:
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(source, options)
    except (re2.error, UnicodeEncodeError) as error:
        raise CustomPatternError(name, _fault(error)) from None


def _fault(error: Exception) -> str:
    text = error.args[0] if error.args else error
    said = text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)
    return f"{said} (RE2 syntax: no look-around and no back-references)"


def custom_spans(text: str, patterns: Sequence[CustomPattern]) -> Iterator[Span]:
    """What a policy's patterns find: group 1 where a pattern has groups and that one took part, else all of it."""
    clean = text.translate(_SURROGATES) if patterns and not _encodable(text) else text
    for pattern in patterns:
        matches: Iterable[Any] = pattern.compiled.finditer(clean)
        for match in islice(matches, MATCHES_MAX):
            start, end = match.span(1) if pattern.compiled.groups else match.span()
            start, end = (start, end) if end > start >= 0 else match.span()
            if end > start:
                yield Span(pattern.name, start, end, SCORE)


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
