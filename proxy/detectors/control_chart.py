"""Control charts of a share: the p-chart and the EWMA chart. Drawn for people; crossing a limit is no alarm.

p-chart: Shewhart, "Economic control of quality of manufactured product" (1931). EWMA: Roberts, "Control chart tests
based on geometric moving averages", Technometrics 1 (1959); the variance is exact for samples of unequal size, from
var_t = w^2 p(1-p)/n_t + (1-w)^2 var_(t-1), as in Montgomery, "Introduction to statistical quality control", 9.2.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

SIGMAS: Final = 3.0
WEIGHT: Final = 0.2  # of the newest sample: remembers about nine


class Point(NamedTuple):
    """A value on a chart with its control limits, all in [0, 1]."""

    value: float
    low: float
    high: float

    @property
    def is_out(self) -> bool:
        """Whether it lies outside its limits."""
        return not self.low <= self.value <= self.high


def p_limits(centre: float, n: float, sigmas: float = SIGMAS) -> tuple[float, float]:
    """The limits of a share in a sample of (effective) size n around `centre`; (0, 1) for n = 0."""
    if n <= 0.0:
        return 0.0, 1.0
    return _around(centre, centre * (1.0 - centre) / n, sigmas)


def p_chart(centre: float, samples: Iterable[tuple[float, float]]) -> Iterator[Point]:
    """One point for each sample (share, size)."""
    for share, n in samples:
        yield Point(share, *p_limits(centre, n))


def ewma(centre: float, samples: Iterable[tuple[float, float]], weight: float = WEIGHT) -> Iterator[Point]:
    """One point for each sample (share, size); it starts at the centre, and an empty sample moves nothing."""
    value, variance = centre, 0.0
    for share, n in samples:
        if n > 0.0:
            value += weight * (share - value)
            variance = weight * weight * centre * (1.0 - centre) / n + (1.0 - weight) ** 2 * variance
        yield Point(value, *_around(centre, variance, SIGMAS))


def _around(centre: float, variance: float, sigmas: float) -> tuple[float, float]:
    half = sigmas * math.sqrt(max(0.0, variance))
    return max(0.0, centre - half), min(1.0, centre + half)
