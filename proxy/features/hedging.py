"""Does a text hedge? Cues of doubt and of vague attribution, weighed for each sentence.

A sentence's score is the noisy-or of its cues' weights (Pearl 1988): one minus the product of what each leaves open,
so that a strong cue is enough and weak ones add up. A text of several sentences has the score of its most hedged one,
lowered where fewer than a third of them hedge: an answer is hedged where doubt runs through it, not where it is
mentioned once.

A sentence that stands alone, long and without anybody who speaks or is spoken to, is read as an encyclopedia's:
"many", "often" and their like are ordinary within an answer, and there they are what editors tag as weasel words.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable
from math import prod
from typing import Final

from proxy.features.alternation import any_of
from proxy.features.hedging_cues import CUES, FAINT, FAIR, SLIGHT, WEAK
from proxy.features.wording import plain, unquoted

READ_CHARS_MAX: Final = 16_384
THRESHOLD: Final = 0.5
SENTENCES_PER_HEDGED: Final = 3  # with a hedged sentence in every third, or more, nothing is taken off
ALONE_WORDS_MIN: Final = 12
SENTENCE_WORDS_MAX: Final = 60  # a list or a program without full stops is not one sentence

_CUES, _WEIGHTS = any_of(CUES)
_SENTENCE_END: Final = re.compile(  # but not an abbreviation's full stop
    r"[.!?](?<![ .][a-z]\.)(?<! (?:dr|mr|st|ca|vs|jr|sr|mt|co)\.)(?<! (?:mrs|etc|gen|rev|col|vol|inc|ltd)\.)"
    r"[\"')\]]{0,2}(?= |$)"
)
_MARKS: Final = '(["*_/'  # a word may stand right behind one
_ALONE: Final = {WEAK: FAIR}
_IN_ANSWER: Final = {FAIR: SLIGHT, WEAK: FAINT}  # answers speak of possible causes and of what may be done all the time
_SPOKEN: Final = re.compile(r"\b(?:i|you|we|me|your|my|our|us|let's)\b")


def hedge_score(text: str) -> float:
    """How hedged the text's first READ_CHARS_MAX are, from 0 (sure) to 1; THRESHOLD or more is hedged."""
    words = _readable(text)
    cues = [(found.start(), _WEIGHTS[(found.lastindex or 1) - 1]) for found in _CUES.finditer(words)]
    if not cues:
        return 0.0
    ends = [found.end() for found in _SENTENCE_END.finditer(words)]
    sentences = max(len(ends) + (not ends or ends[-1] < len(words)), words.count(" ") // SENTENCE_WORDS_MAX)
    if sentences == 1:
        return _noisy_or(_alone(words, [weight for _, weight in cues]))
    return _of_answer(_by_sentence(cues, ends), sentences)


def is_hedged(text: str) -> bool:
    """Whether a sentence, or an answer as a whole, is uncertain."""
    return hedge_score(text) >= THRESHOLD


def _readable(text: str) -> str:
    words = unquoted(plain(text[:READ_CHARS_MAX]))
    for mark in _MARKS:
        words = words.replace(mark, " ")
    return f" {words.strip()}"


def _alone(sentence: str, weights: list[float]) -> list[float]:
    if sentence.count(" ") < ALONE_WORDS_MIN or _SPOKEN.search(sentence):
        return weights
    return [_ALONE.get(weight, weight) for weight in weights]


def _by_sentence(cues: Iterable[tuple[int, float]], ends: list[int]) -> list[float]:
    """The scores of the sentences that hold cues, within an answer."""
    weights: defaultdict[int, list[float]] = defaultdict(list)
    for at, weight in cues:
        weights[bisect_left(ends, at + 1)].append(_IN_ANSWER.get(weight, weight))
    return [_noisy_or(some) for some in weights.values()]


def _of_answer(scores: list[float], sentences: int) -> float:
    hedged = sum(score >= THRESHOLD for score in scores)
    share = min(1.0, SENTENCES_PER_HEDGED * hedged / sentences)
    return max(scores) * share * share if hedged else max(scores)


def _noisy_or(weights: Iterable[float]) -> float:
    return 1.0 - prod(1.0 - weight for weight in weights)
