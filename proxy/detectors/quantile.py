"""A quantile of a probability from a histogram of log-spaced bins: counts add, and weights cost nothing.

The idea of DDSketch (Masson, Rim, Lee, "DDSketch: a fast and fully-mergeable quantile sketch", VLDB 2019): bins of a
constant ratio give every quantile with a constant relative error, here at most the ratio itself, 1.16.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

BINS: Final = 64
LEAST: Final = 1e-4  # bin 0 is all below


def edge(place: int) -> float:
    """Where bin `place` begins: 0 for bin 0, LEAST for bin 1, 1 for the end of the last one (place = BINS)."""
    return 0.0 if place <= 0 else min(1.0, LEAST ** (1.0 - (place - 1) / (BINS - 1)))


def quantile(weights: Sequence[float], share: float) -> float | None:
    """The value below which `share` (0..1) of the weight lies; None without weight.

    weights: BINS weights, not negative. Within a bin the value is interpolated evenly on the scale of logarithms (in
    bin 0 on the plain scale). Raises ValueError for another number of bins.
    """
    if len(weights) != BINS:
        raise ValueError(f"{len(weights)} bins, {BINS} are needed")
    total = sum(weights)
    if total <= 0.0:
        return None
    before, wanted = 0.0, share * total
    for place, weight in enumerate(weights):
        if weight > 0.0 and before + weight >= wanted:
            return _inside(place, max(0.0, wanted - before) / weight)
        before += weight
    return edge(max(place for place, weight in enumerate(weights) if weight > 0.0) + 1)


def _inside(place: int, part: float) -> float:
    low, high = edge(place), edge(place + 1)
    return high * part if place == 0 else low * (high / low) ** part
