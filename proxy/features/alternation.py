"""Many patterns as one regular expression that looks at each word once.

Python's `re` tries the alternatives of an alternation one after the other. Folded into a tree of their first letters,
only those are tried that can fit, and a word that begins no pattern costs one step.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

_OPEN: Final = "(?:"
_QUANTIFIERS: Final = "?*+{"


def any_of(patterns: Iterable[tuple[str, float]]) -> tuple[re.Pattern[str], tuple[float, ...]]:
    """One expression for all (pattern, value), tried behind each blank; and the values of its groups, from group 1 on.

    `match.lastindex` is the group of what was found; where several fit, the first is. Each alternative of a
    pattern begins with a plain letter; patterns hold no capturing group. Raises ValueError where one does not.
    """
    entries: list[_Entry] = []
    for pattern, value in patterns:
        for one in alternatives(pattern):
            if not one[:1].isalpha():
                raise ValueError(f"an alternative without a first letter, {one!r}, in the pattern {pattern!r}")
            entries.append((one, value))
    values: list[float] = []
    return re.compile(f" (?:{_folded(entries, values)})"), tuple(values)


def alternatives(pattern: str) -> Iterator[str]:
    """The pattern without alternation at its beginning: "(?:is|was) it|no" gives "is it", "was it", "no"."""
    for one in _split(pattern):
        if not one.startswith(_OPEN):
            yield one
            continue
        end = _closing(one)
        heads = [head for some in _split(one[len(_OPEN) : end]) for head in alternatives(some)]
        yield from (head + one[end + 1 :] for head in _by_letter(heads))


def _by_letter(heads: Sequence[str]) -> Iterator[str]:
    """Heads of one letter as one, so that what follows them is written once."""
    shared: defaultdict[str, list[str]] = defaultdict(list)
    for head in dict.fromkeys(heads):
        shared[head[0] if _goes_on_plainly(head) else head].append(head)
    for letter, some in shared.items():
        yield some[0] if len(some) == 1 else f"{letter}(?:{'|'.join(head[1:] for head in some)})"


_Entry = tuple[str, float]


@dataclass(slots=True)
class _Branch:
    """Patterns in a row that go on with the same letter; "" for one that goes on with something else."""

    letter: str
    entries: list[_Entry] = field(default_factory=list)


def _folded(entries: Sequence[_Entry], values: list[float] | None) -> str:
    """As an alternation. Notes the value of each group, in the order of the groups; None: writes no groups."""
    return "|".join(_written(branch, values) for branch in _branches(entries))


def _branches(entries: Sequence[_Entry]) -> list[_Branch]:
    """A pattern joins an earlier branch of its letter, unless one that may fit the same text stands between."""
    branches: list[_Branch] = []
    open_ones: dict[str, _Branch] = {}
    for rest, value in entries:
        letter = rest[0] if _goes_on_plainly(rest) else ""
        if not letter:
            open_ones.clear()
        if letter not in open_ones or not letter:
            open_ones[letter] = _Branch(letter)
            branches.append(open_ones[letter])
        open_ones[letter].entries.append((rest[len(letter) :], value))
    return branches


def _written(branch: _Branch, values: list[float] | None) -> str:
    """One group for a branch of one value: the fewer groups, the quicker a match."""
    one_value = len({value for _, value in branch.entries}) == 1
    inner = None if one_value else values
    alone = len(branch.entries) == 1
    rest = branch.entries[0][0] if alone else f"(?:{_folded(branch.entries, inner)})"
    if values is None or not one_value:
        return branch.letter + rest
    values.append(branch.entries[0][1])
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
