"""Weighted sums over cells, in integers, and the estimate made of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from proxy.core.evidence.findings import Estimate
from proxy.core.windows import SCALE, Counts
from proxy.detectors.e_process import Key
from proxy.detectors.intervals import wilson

LEVEL_MAX: Final = 7  # weight levels are 0..7: a response weighs 2^-r
WEIGHT: Final = SCALE << LEVEL_MAX  # one observation of weight 1, in `Sums.positives` and `Sums.weight`


@dataclass(frozen=True, slots=True)
class Sums:
    """Exact sums of w y, w and w^2, and the count n (SCALE is one observation)."""

    positives: int = 0
    weight: int = 0
    squares: int = 0
    n: int = 0

    def plus(self, r: int, y: int, count: int) -> Sums:
        """With `count` more observations of weight 2^-r and outcome y."""
        weight = count << LEVEL_MAX - r
        square = count << 2 * (LEVEL_MAX - r)
        return Sums(self.positives + weight * y, self.weight + weight, self.squares + square, self.n + count)

    @property
    def rate(self) -> float:
        """Hajek's estimate; 0 without observations."""
        return self.positives / self.weight if self.weight else 0.0

    @property
    def n_eff(self) -> float:
        """Effective sample size, (sum w)^2 / sum w^2, in observations."""
        return self.weight * self.weight / self.squares / SCALE if self.squares else 0.0


def add_up(cells: Mapping[Key, int]) -> Sums:
    """The sums over all cells."""
    sums = Sums()
    for (_, r, y), count in cells.items():
        sums = sums.plus(r, y, count)
    return sums


def estimate(sums: Sums) -> Estimate | None:
    """The rate with its 95 % Wilson interval at n_eff; None without observations."""
    if not sums.weight:
        return None
    low, high = wilson(sums.rate, sums.n_eff)
    return Estimate(sums.rate, low, high, sums.n / SCALE, sums.n_eff)


def gauge(counts: Counts, signal: str, strata: frozenset[str]) -> Estimate | None:
    """The plain rate of a signal over some strata of merged panes, for people to look at: it moves with the mix."""
    return estimate(add_up({c[1:]: n for c, n in counts.items() if c.signal == signal and c.stratum in strata}))
