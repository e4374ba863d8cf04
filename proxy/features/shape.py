"""How long an answer is, and how it is cut into words and lines."""

from __future__ import annotations

from typing import NamedTuple


class Shape(NamedTuple):
    """`mean_word_chars` is 0 for a text without words; `lines` counts lines that are not blank."""

    chars: int
    words: int
    lines: int
    mean_word_chars: float


def shape(text: str) -> Shape:
    """The shape of a text; a word is what stands between white space."""
    words = text.split()
    letters = sum(map(len, words))
    lines = sum(1 for line in text.splitlines() if line.strip())
    return Shape(len(text), len(words), lines, letters / len(words) if words else 0.0)
