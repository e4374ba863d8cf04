"""People and places in a text, by the name tagger."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from proxy.sensitive.names_features import Candidate, candidates, chained, lower_words, rows, word_hash
from proxy.sensitive.names_model import CLASSES, FAMILY, GIVEN, USAGE_SHIFT, NamesModel
from proxy.sensitive.span import Span

THRESHOLD: Final = 0.45  # of a run's likeliest word
CARRIED: Final = 0.2  # a word joined to one above the threshold needs only this
SCORE: Final = 0.6  # the highest that a name gets: any checksum or telling shape stands before it
_FOUND: Final = ("PERSON", "GPE")
WORDS_MAX: Final = 20_000  # of one text that are looked at; a longer text is scanned in part only for names


def spans(text: str, model: NamesModel) -> Iterator[Span]:
    """People and places, whole names as one span."""
    found = looked_at(text, model)
    if not found:
        return
    every = probabilities(text, found, model)
    for kind in _FOUND:
        yield from _spans(found, every[:, CLASSES.index(kind)], kind)


def probabilities(text: str, found: Sequence[Candidate], model: NamesModel) -> NDArray[np.float32]:
    """[candidates, classes]."""
    joined = np.array([candidate.joined for candidate in found], bool)
    return model.probabilities(np.array(rows(text, found), np.uint32), joined)


def looked_at(text: str, model: NamesModel) -> list[Candidate]:
    """The words that the tagger judges: what is capitalised; in a text without capitals, what the lexicon has."""
    found = candidates(text)[:WORDS_MAX]
    return _known(text, model) if not found and text.islower() else found


def _known(text: str, model: NamesModel) -> list[Candidate]:
    """Of a text without capitals, the words that the lexicon has as names and that are no ordinary words."""
    every = lower_words(text, WORDS_MAX)
    if not every:
        return []
    known = model.flags_of(np.array([word_hash(match[0]) for match in every], np.uint32))
    chosen = (known & (GIVEN | FAMILY) > 0) & (known >> USAGE_SHIFT < 2)
    return chained(text, [every[at] for at in np.flatnonzero(chosen)])


def _spans(found: Sequence[Candidate], chances: NDArray[np.float32], kind: str) -> Iterator[Span]:
    """Around each word above the threshold, the words joined to it that it carries."""
    end = 0
    for at in np.flatnonzero(chances >= THRESHOLD).tolist():
        if at < end:
            continue
        begin, end = _carried(found, chances, at)
        yield Span(kind, found[begin].start, found[end - 1].end, SCORE * float(chances[begin:end].max()))


def _carried(found: Sequence[Candidate], chances: NDArray[np.float32], at: int) -> tuple[int, int]:
    begin, end = at, at + 1
    while found[begin].joined and chances[begin - 1] >= CARRIED:
        begin -= 1
    while end < len(found) and found[end].joined and chances[end] >= CARRIED:
        end += 1
    return begin, end
