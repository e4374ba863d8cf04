"""The bins of a baseline shape put together into groups that are large enough to have a share worth watching. Pure.

Bins that are numbers (octaves, steps) are in order: neighbours are put together. Names are not: the small ones, and
those that the baseline never saw, are one group. `embedding` and `hedging` hold several histograms, "PART.BIN".
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Final

from proxy.core.drift.shapes import JOINT

SHARE_MIN: Final = 0.05  # of a group
PART_SHARE_MIN: Final = 0.30  # the same where a signal has several histograms: they are many already
OTHER: Final = "other"

Items = tuple[tuple[str, int], ...]  # a shape that can be remembered: (bin, observations), in order


@dataclass(frozen=True, slots=True)
class Grouping:
    """The groups of one histogram. `part`: what its bins begin with, "" for a signal with one histogram.

    In order: group i holds the numbers from starts[i] to below starts[i + 1], the first and the last without end.
    By name: group i is names[i], the last one all others.
    """

    part: str
    names: tuple[str, ...]
    starts: tuple[int, ...] = ()

    def index(self, bin_: str) -> int:
        """The group of a bin of this histogram, whether the baseline saw it or not."""
        if self.starts:
            return max(0, bisect_right(self.starts, int(bin_)) - 1) if bin_.isdecimal() else 0
        return self.names.index(bin_) if bin_ in self.names else len(self.names) - 1

    def sizes(self, shape: Mapping[str, int]) -> tuple[int, ...]:
        """Observations in each group."""
        sizes = [0] * len(self.names)
        for name, n in shape.items():
            part, bin_ = split(name)
            if part == self.part:
                sizes[self.index(bin_)] += n
        return tuple(sizes)


def split(name: str) -> tuple[str, str]:
    """(histogram, bin) of a bin's full name; ("", name) where the signal has one histogram."""
    part, joint, bin_ = name.partition(JOINT)
    return (part, bin_) if joint else ("", name)


def items(shape: Mapping[str, int]) -> Items:
    """A shape in its one order."""
    return tuple(sorted(shape.items()))


@lru_cache(maxsize=4_096)
def groupings(shape: Items) -> tuple[Grouping, ...]:
    """The groups of every histogram of a shape. A pure function, remembered."""
    parts: dict[str, dict[str, int]] = {}
    for name, n in shape:
        part, bin_ = split(name)
        parts.setdefault(part, {})[bin_] = n
    least = SHARE_MIN if len(parts) == 1 else PART_SHARE_MIN
    return tuple(_grouping(part, bins, least) for part, bins in parts.items())


def _grouping(part: str, bins: Mapping[str, int], least: float) -> Grouping:
    enough = least * sum(bins.values())
    if all(name.isdecimal() for name in bins) and len(bins) > 2:
        starts = _starts(sorted((int(name), n) for name, n in bins.items()), enough)
        return Grouping(part, tuple(_names(starts)), starts)
    large = tuple(name for name, n in bins.items() if n >= enough and name != OTHER)
    return Grouping(part, (*large, OTHER))


def _starts(bins: list[tuple[int, int]], enough: float) -> tuple[int, ...]:
    """Where groups begin; what is left over at the end belongs to the last one."""
    starts, size = [bins[0][0]], 0
    for place, (number, n) in enumerate(bins):
        if size >= enough and sum(left for _, left in bins[place:]) >= enough:
            starts.append(number)
            size = 0
        size += n
    return tuple(starts)


def _names(starts: tuple[int, ...]) -> list[str]:
    """For people: "to 06", "07-08", "09 on"."""
    if len(starts) == 1:
        return ["all"]
    inner = [f"{a:02d}" if b == a + 1 else f"{a:02d}-{b - 1:02d}" for a, b in pairwise(starts)]
    return [f"to {starts[1] - 1:02d}", *inner[1:], f"{starts[-1]:02d} on"]
