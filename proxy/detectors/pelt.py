"""PELT: at which panes did a rate change? Dates a change after an alarm; never an alarm itself.

Killick, Fearnhead and Eckley, "Optimal detection of changepoints with a linear computational cost", JASA 107 (2012).
The cost of a segment is the binomial -[k ln(k/n) + (n-k) ln(1-k/n)], a change costs 2.5 ln(total n), and a segment has
at least five panes (detection section 6). With a least length L a start may only be pruned L panes after it lost: until
then the segment that would beat it is too short to be allowed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

SEGMENT_PANES_MIN: Final = 5
PENALTY: Final = 2.5  # times ln(total n)
PROFILE_DROP: Final = 2.0  # nats below the best start that an interval reaches


class Dating(NamedTuple):
    """The last change, as indexes of panes: the first pane after it, and the first and last start as likely as it."""

    change: int
    low: int
    high: int


def change_points(positives: Sequence[float], n: Sequence[float]) -> tuple[int, ...]:
    """The first pane of every segment but the first, in order. Both sequences: one count a pane, fractions allowed.

    Raises ValueError where the lengths differ.
    """
    k, total = _running(positives, n)
    panes = len(k) - 1
    penalty = PENALTY * math.log(max(math.e, float(total[-1])))
    best = np.full(panes + 1, np.inf)
    best[0] = -penalty
    last = np.zeros(panes + 1, dtype=np.int64)
    starts, ends = np.zeros(1, dtype=np.int64), np.full(1, np.iinfo(np.int64).max)
    for t in range(SEGMENT_PANES_MIN, panes + 1):
        costs = best[starts] + _cost(k[t] - k[starts], total[t] - total[starts])
        chosen = int(np.argmin(costs))
        best[t], last[t] = costs[chosen] + penalty, starts[chosen]
        lost = (costs >= best[t]) & (ends > t + SEGMENT_PANES_MIN)
        ends[lost] = t + SEGMENT_PANES_MIN
        opening = t + 1 - SEGMENT_PANES_MIN
        alive = ends > t + 1
        starts, ends = starts[alive], ends[alive]
        if opening >= SEGMENT_PANES_MIN:
            starts, ends = np.append(starts, opening), np.append(ends, np.iinfo(np.int64).max)
    return _traced(last, panes)


def dating(positives: Sequence[float], n: Sequence[float]) -> Dating | None:
    """The last change with the interval of its log-likelihood profile; None where there is none."""
    points = change_points(positives, n)
    if not points:
        return None
    first = points[-2] if len(points) > 1 else 0
    profile = _profile(positives, n, first)
    near = np.flatnonzero(profile >= profile[points[-1] - first] - PROFILE_DROP)
    return Dating(points[-1], first + int(near[0]), first + int(near[-1]))


def _profile(positives: Sequence[float], n: Sequence[float], first: int) -> Floats:
    """The log-likelihood of one change at each pane from `first` on; those too near to an end are ruled out."""
    k, total = _running(positives[first:], n[first:])
    starts = np.arange(len(k) - 1)
    whole = -_cost(k[starts], total[starts]) - _cost(k[-1] - k[starts], total[-1] - total[starts])
    ruled_out = (starts < SEGMENT_PANES_MIN) | (starts > len(k) - 1 - SEGMENT_PANES_MIN)
    return np.where(ruled_out, -np.inf, whole)


def _running(positives: Sequence[float], n: Sequence[float]) -> tuple[Floats, Floats]:
    if len(positives) != len(n):
        raise ValueError(f"{len(positives)} panes of positives, {len(n)} of observations")
    return np.concatenate(([0.0], np.cumsum(positives))), np.concatenate(([0.0], np.cumsum(n)))


def _cost(k: Floats, n: Floats) -> Floats:
    """Minus the largest log-likelihood of segments with k of n; 0 for an empty one."""
    missed = np.maximum(n - k, 0.0)
    size = np.maximum(n, 1e-300)
    with np.errstate(divide="ignore", invalid="ignore"):
        hits = np.where(k > 0.0, k * np.log(k / size), 0.0)
        misses = np.where(missed > 0.0, missed * np.log(missed / size), 0.0)
    return np.asarray(-(hits + misses))


def _traced(last: NDArray[np.int64], panes: int) -> tuple[int, ...]:
    points, t = [], panes
    while (t := int(last[t])) > 0:
        points.append(t)
    return tuple(reversed(points))
