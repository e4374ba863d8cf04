"""Many patterns as one regular expression that looks at each word once.

Python's `re` tries the alternatives of an alternation one after the other. Folded into a tree of their first letters,
only those are tried that can fit, and a word that begins no pattern costs one step.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

_OPEN: Final = "(?:"
_QUANTIFIERS: Final = "?*+{"


def any_of(patterns: Sequence[str]) -> tuple[re.Pattern[str], tuple[int, ...]]:
    """One expression for all, tried behind each blank; and for each of its groups the number of its pattern.

    `match.lastindex` is the group, from 1; where several patterns fit, the first one is found. Each alternative of a
    pattern begins with a plain letter; patterns hold no capturing group. Raises ValueError where one does not.
    """
    entries: list[_Entry] = []
    for number, pattern in enumerate(patterns):
        for one in alternatives(pattern):
            if not one[:1].isalpha():
                raise ValueError(f"pattern {number} has an alternative without a first letter: {one!r}")
            entries.append((one, number))
    numbers: list[int] = []
    return re.compile(f" (?:{_folded(entries, numbers)})"), tuple(numbers)


def alternatives(pattern: str) -> Iterator[str]:
    """The pattern without alternation at its beginning: "(?:is|was) it|no" gives "is it", "was it", "no"."""
    for one in _split(pattern):
        if not one.startswith(_OPEN):
            yield one
            continue
        end = _closing(one)
        for head in _split(one[len(_OPEN) : end]):
            yield from alternatives(head + one[end + 1 :])


_Entry = tuple[str, int]


@dataclass(slots=True)
class _Branch:
    """Patterns in a row that go on with the same letter; "" for one that goes on with something else."""

    letter: str
    entries: list[_Entry] = field(default_factory=list)


def _folded(entries: Sequence[_Entry], numbers: list[int]) -> str:
    """As an alternation; notes the number of each pattern in the order of their groups."""
    return "|".join(_written(branch, numbers) for branch in _branches(entries))


def _branches(entries: Sequence[_Entry]) -> list[_Branch]:
    """A pattern joins an earlier branch of its letter, unless one that may fit the same text stands between."""
    branches: list[_Branch] = []
    open_ones: dict[str, _Branch] = {}
    for rest, number in entries:
        letter = rest[0] if _goes_on_plainly(rest) else ""
        if not letter:
            open_ones.clear()
        if letter not in open_ones or not letter:
            open_ones[letter] = _Branch(letter)
            branches.append(open_ones[letter])
        open_ones[letter].entries.append((rest[len(letter) :], number))
    return branches


def _written(branch: _Branch, numbers: list[int]) -> str:
    if len(branch.entries) > 1:
        return f"{branch.letter}(?:{_folded(branch.entries, numbers)})"
    ((rest, number),) = branch.entries
    numbers.append(number)
    return f"{branch.letter}{rest}()"


def _goes_on_plainly(rest: str) -> bool:
    return bool(rest) and (rest[0].isalpha() or rest[0] in " '-") and rest[1:2] not in tuple(_QUANTIFIERS)


def _split(pattern: str) -> Iterator[str]:
    """At each bar that stands in no bracket."""
    depth, start = 0, 0
    for at, sign in enumerate(pattern):
        depth += (sign == "(") - (sign == ")")
        if sign == "|" and depth == 0:
            yield pattern[start:at]
            start = at + 1
    yield pattern[start:]


def _closing(pattern: str) -> int:
    """Where the bracket closes that the pattern begins with."""
    depth = 0
    for at, sign in enumerate(pattern):
        depth += (sign == "(") - (sign == ")")
        if depth == 0:
            return at
    raise ValueError(f"unbalanced brackets: {pattern!r}")
