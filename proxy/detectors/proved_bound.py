"""The proved bound: the lowest line that the counts since the change disprove at the limit A.

A line's evidence from one beginning s is (1/6) sum_k exp(L_k(m)), where L_k depends only on the counts since s, and
E(m) is never smaller than it. With lambda = (1 - c)/(1 - m) the factor of a positive is 1 - (1 - c) 2^-r, whatever m,
and that of a negative, 1 + (1 - c) 2^-r m/(1 - m), grows with m. So the evidence grows with m, the disproved lines
are all those above a bound, and one bisection finds it. Because the sets are nested, all of them are disproved
together at the price of one: if the bound were below the true rate, the test of the true rate itself would have
raised a false alarm. (Inversion of a family of tests, as for confidence sequences.)

For a rate that is bad when high it is the mirror: the evidence falls as m grows, and the disproved lines are all those
below a bound. Each stratum keeps the bets that its line has (those of small lines, or of others), wherever m moves.

The sum over beginnings is left out, so the bound is a little too high, never too low.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final, NamedTuple

from proxy.detectors.e_process import ABOVE, ASIDE, BETS, COUNT_BITS, SMALL_LINE, UNIT, Cells

HALVINGS: Final = 13  # to about 0.0001 of a rate; the upper end is returned, so it errs on the safe side
TOP: Final = 0.9999


class Stake(NamedTuple):
    """Which of the six bets a test has, and the logarithm of how many share its capital equally."""

    bets: tuple[int, ...] = tuple(range(BETS))
    ln_shares: float = math.log(BETS)


ALL: Final = Stake()


def proved_factor(lines: Mapping[str, float], sums: Cells, log_limit: int, stake: Stake = ALL) -> float | None:
    """The smallest f at which the lines f * m (each below 1) are disproved; None where none is.

    `lines`: line m of each stratum, bad when low. `sums`: counts since the best bet's start. Below 1: more than the
    lines themselves is proved.
    """
    low, high = 0.0, TOP / max(lines.values(), default=1.0)
    target = log_limit / UNIT + stake.ln_shares
    aside = [ASIDE[k] for k in stake.bets]
    counts = sorted(sums.items())  # one order of adding, so that a bound is the same wherever it is computed
    fixed = _from_positives([(r, c / (1 << COUNT_BITS)) for (s, r, y), c in counts if s in lines and y], aside)
    negatives = [(lines[s], r, c / (1 << COUNT_BITS)) for (s, r, y), c in counts if s in lines and not y]
    if not _disproved(high, aside, fixed, negatives, target):
        return None
    for _ in range(HALVINGS):
        middle = (low + high) / 2.0
        if _disproved(middle, aside, fixed, negatives, target):
            high = middle
        else:
            low = middle
    return high


def _from_positives(positives: list[tuple[int, float]], aside: list[float]) -> list[float]:
    """For each bet, the logarithm that the positives give, at every line."""
    return [sum(n * math.log1p((c - 1.0) * 2.0**-r) for r, n in positives) for c in aside]


def _disproved(
    f: float, aside: list[float], fixed: list[float], negatives: list[tuple[float, int, float]], target: float
) -> bool:
    stakes = [(2.0**-r * f * m / (1.0 - f * m), n) for m, r, n in negatives]
    gains = list(fixed)
    for k, c in enumerate(aside):
        for stake, n in stakes:
            gains[k] += n * math.log1p((1.0 - c) * stake)
    return _reaches(gains, target)


def _reaches(gains: list[float], target: float) -> bool:
    """Whether the sum of the bets' wealth, as its logarithm, is `target` or more."""
    top = max(gains)
    if top >= target or top + math.log(BETS) < target:  # the sum lies between the largest and at most six times it
        return top >= target
    return top + math.log(sum(math.exp(gain - top) for gain in gains)) >= target


def proved_factor_above(lines: Mapping[str, float], sums: Cells, log_limit: int, stake: Stake = ALL) -> float | None:
    """The largest f at which the lines f * m (each below 1) are disproved; None where none is.

    `lines`: line m of each stratum, bad when high; `sums` as in `proved_factor`. Above 1: more than the lines
    themselves is proved.
    """
    low, high = 0.0, TOP / max(lines.values(), default=1.0)
    target = log_limit / UNIT + stake.ln_shares
    counts = [(lines[s], r, y, c / (1 << COUNT_BITS)) for (s, r, y), c in sorted(sums.items()) if s in lines]
    if not any(y for _, _, y, _ in counts):
        return None
    for _ in range(HALVINGS):
        middle = (low + high) / 2.0
        if _reaches(_gains_above(middle, counts, stake.bets), target):
            low = middle
        else:
            high = middle
    return low or None


def _gains_above(f: float, counts: list[tuple[float, int, int, float]], bets: tuple[int, ...]) -> list[float]:
    """For each bet its logarithm at the lines f * m; `counts`: (m, weight level, outcome, observations)."""
    gains = [0.0] * len(bets)
    for m, r, y, n in counts:
        at = f * m
        for place, k in enumerate(bets):
            stake = _stake_above(k, at, is_small=m <= SMALL_LINE)
            gains[place] += n * math.log1p(stake * 2.0**-r * (y - at))
    return gains


def _stake_above(k: int, m: float, *, is_small: bool) -> float:
    """lambda of `e_process.rows` at a line m."""
    p = min(m * ABOVE[k], m + 0.9 * (1.0 - m)) if is_small else 1.0 - (1.0 - m) * ASIDE[k]
    return (p - m) / (m * (1.0 - m))
