"""Quantiles of a probability from a histogram of log-spaced bins: counts add, and weights cost nothing.

The idea of DDSketch (Masson, Rim, Lee, "DDSketch: a fast and fully-mergeable quantile sketch", VLDB 2019): bins of a
constant ratio give every quantile with a constant relative error. There are WHOLE bins from LEAST to 1, each 1.158
times the one below; from FINE_FROM on (a score of 0.006) each is counted in PARTS parts, 1.037 times the one below,
since there the lines of a percentile lie.

A *place* (0 to PLACES) is a number of PARTSths of a whole bin. A bin is named by two digits, its whole bin, and a
third, its part, where it is one of the fine ones: "28" ends where "290" begins. A name of two digits is the whole bin
everywhere, as histograms of before the parts have it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

WHOLE: Final = 64
PARTS: Final = 4
PLACES: Final = WHOLE * PARTS
FINE_FROM: Final = 29  # whole bin
FINE_PLACE: Final = FINE_FROM * PARTS
LEAST: Final = 1e-4  # whole bin 0 is all below

Histogram = Mapping[str, float]  # name of a bin -> weight, not negative


def edge(place: int) -> float:
    """Where a place lies: 0 in whole bin 0, LEAST at the begin of whole bin 1, 1 at the end of the last one."""
    return 0.0 if place < PARTS else min(1.0, LEAST ** (1.0 - (place / PARTS - 1.0) / (WHOLE - 1)))


def place_of(p: float) -> int:
    """The place, 0 to PLACES - 1, at or below a probability."""
    if p < LEAST:
        return 0
    return min(PLACES - 1, PARTS + math.floor((1.0 - math.log(p) / math.log(LEAST)) * (WHOLE - 1) * PARTS))


def nearest_place(p: float, step: int = 1) -> int:
    """The place nearest to a probability on the scale of its logarithm; PLACES where none below 1 is.

    step: PARTS for the edges of whole bins alone. Below FINE_PLACE these are the only ones.
    """
    exact = PARTS + (1.0 - math.log(max(p, LEAST)) / math.log(LEAST)) * (WHOLE - 1) * PARTS
    fine = step if exact >= FINE_PLACE else PARTS
    return min(PLACES, round(exact / fine) * fine)


def _name(place: int) -> str:
    whole, part = divmod(place, PARTS)
    return f"{whole:02d}" if place < FINE_PLACE else f"{whole:02d}{part}"


_NAMES: Final = tuple(map(_name, range(PLACES)))
_WHOLE_NAMES: Final = tuple(f"{max(place, FINE_PLACE - 1) // PARTS:02d}" for place in range(PLACES))


def bin_of(p: float) -> str:
    """The name of the bin that holds a probability."""
    return _NAMES[place_of(p)]


def whole_bin_of(p: float) -> str:
    """The name of its whole bin; of all below the fine ones, that of the last of these."""
    return _WHOLE_NAMES[place_of(p)]


@lru_cache(maxsize=1024)
def span(name: str) -> tuple[int, int]:
    """(begin, end) of a bin, as places. Raises ValueError for a name that no bin has."""
    if not (len(name) in {2, 3} and name.isascii() and name.isdigit()):
        raise ValueError(f"{name!r} is no bin: a whole bin has two digits, a part of it three")
    whole, part = int(name[:2]), int(name[2:] or 0)
    if whole >= WHOLE or part >= PARTS:
        raise ValueError(f"{name!r} is no bin: there are whole bins 00 to {WHOLE - 1}, and parts 0 to {PARTS - 1}")
    begin = whole * PARTS + part
    return begin, begin + (1 if name[2:] else PARTS)


def coarse(histogram: Mapping[str, int]) -> dict[str, int]:
    """The same in whole bins. Raises ValueError as `span` does."""
    found: dict[str, int] = {}
    for name, n in histogram.items():
        span(name)
        found[name[:2]] = found.get(name[:2], 0) + n
    return found


def quantile(histogram: Histogram, share: float) -> float | None:
    """The value below which `share` (0..1) of the weight lies; None without weight.

    Within a bin the value is interpolated evenly on the scale of logarithms (in whole bin 0 on the plain scale), so it
    is in the same bin as the sample's own quantile. Raises ValueError as `span` does.
    """
    filled = sorted((span(name), weight) for name, weight in histogram.items() if weight > 0.0)
    before, wanted = 0.0, share * sum(weight for _, weight in filled)
    for bin_, weight in filled:
        if before + weight >= wanted:
            return inside(bin_, max(0.0, wanted - before) / weight)
        before += weight
    return edge(filled[-1][0][1]) if filled else None


def inside(bin_: tuple[int, int], part: float) -> float:
    """The value at a part (0..1) of a bin."""
    low, high = edge(bin_[0]), edge(bin_[1])
    return high * part if low <= 0.0 else low * (high / low) ** part
