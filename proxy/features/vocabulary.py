"""How varied an answer's words are: a model that repeats itself shows here first."""

from __future__ import annotations

from typing import Final

WINDOW_WORDS: Final = 100  # the share of distinct words falls with length: it is taken over windows of one length


def distinct_share(text: str) -> float:
    """Distinct words / words, in 0..1; the mean over windows of WINDOW_WORDS words. 0 for a text without words.

    The mean segmental type-token ratio (W. Johnson, "Studies in language behavior", 1944). A rest shorter than a window
    counts only where it is all there is.
    """
    words = text.lower().split()
    if len(words) <= WINDOW_WORDS:
        return len(set(words)) / len(words) if words else 0.0
    starts = range(0, len(words) - WINDOW_WORDS + 1, WINDOW_WORDS)
    return sum(len(set(words[at : at + WINDOW_WORDS])) for at in starts) / (WINDOW_WORDS * len(starts))
