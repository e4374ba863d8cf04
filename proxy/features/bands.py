"""Bins of a few kinds, so that counts of different processes add: octaves of sizes and times, steps of shares."""

from __future__ import annotations

import math
from typing import Final

SHARE_STEPS: Final = 10
SHORT, MEDIUM, LONG = 1_024, 8_192, 32_768  # characters given to the model: where context bands begin


def octave(size: float) -> str:
    """Two digits: bin k > 0 holds sizes from 2^(k-1) to below 2^k; bin 0 what is below 1."""
    return f"{min(99, int(max(0.0, size)).bit_length()):02d}"


def half_octave(rate: float) -> str:
    """Two digits: bin k holds rates around 2^(k/2); rates of 1 and less are in bin 0."""
    return f"{min(99, round(2.0 * math.log2(max(1.0, rate)))):02d}"


def step(share: float) -> str:
    """Two digits: bin k holds shares from k/10 to below (k+1)/10; the last one is 1 alone."""
    return f"{min(SHARE_STEPS, max(0, math.floor(share * SHARE_STEPS))):02d}"


def prompt_band(chars: int) -> str:
    """How long the context is, for refusals by context."""
    if chars < SHORT:
        return "short"
    if chars < MEDIUM:
        return "medium"
    return "long" if chars < LONG else "very_long"


def turns_band(turns: int) -> str:
    """How deep the conversation is, for refusals by context."""
    if turns <= 1:
        return "1"
    if turns <= 4:
        return "2-4"
    return "5-16" if turns <= 16 else "17+"
