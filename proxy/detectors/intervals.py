"""Limits and intervals of a proportion."""

from __future__ import annotations

import math
from bisect import bisect_left
from functools import lru_cache
from typing import Final

from proxy.detectors.beta import beta_cdf, beta_quantile

QUICK_STEPS: Final = 10_000
Z_95: Final = 1.959963984540054  # standard normal quantile of 0.975


@lru_cache(maxsize=1024)
def lower_limit(positives: int, n: int, confidence: float) -> float:
    """The Clopper-Pearson lower limit: the rate at which `positives` or more have probability `confidence`.

    The true rate lies below it with probability of at most `confidence` (Clopper and Pearson 1934).
    A pure function, remembered: lines are drawn anew at every look.
    """
    if positives <= 0:
        return 0.0
    return beta_quantile(confidence, positives, n - positives + 1)


@lru_cache(maxsize=1024)
def upper_limit(positives: int, n: int, confidence: float) -> float:
    """The Clopper-Pearson upper limit: the rate at which `positives` or fewer have probability `confidence`.

    A pure function, remembered.
    """
    if positives >= n:
        return 1.0
    return 1.0 - beta_quantile(confidence, n - positives, positives + 1)


def quick_limits(positives: int, n: int, confidence: float) -> tuple[float, float]:
    """(lower, upper) limits of the rate, each missed with probability of at most `confidence`; (0, 1) for n = 0.

    Chernoff's bound turned round: the rates p with n KL(positives/n, p) <= ln(1/confidence) (Hoeffding 1963, theorem
    1). Far quicker than Clopper and Pearson's limits, and a little wider; in steps of 1/QUICK_STEPS, outwards.
    """
    if n <= 0:
        return 0.0, 1.0
    rate, most = positives / n, -math.log(confidence) / n
    up, down = math.ceil(rate * QUICK_STEPS), math.floor(rate * QUICK_STEPS)
    upper = bisect_left(range(up, QUICK_STEPS), most, key=lambda step: _kl(rate, step / QUICK_STEPS)) + up
    lower = down - bisect_left(range(down), most, key=lambda step: _kl(rate, (down - step) / QUICK_STEPS))
    return lower / QUICK_STEPS, upper / QUICK_STEPS


def _kl(a: float, p: float) -> float:
    """Between two Bernoulli distributions, in nats."""
    if (a > 0.0 and p <= 0.0) or (a < 1.0 and p >= 1.0):
        return math.inf
    hit = a * math.log(a / p) if a > 0.0 else 0.0
    return hit + ((1.0 - a) * math.log((1.0 - a) / (1.0 - p)) if a < 1.0 else 0.0)


def probability_below(line: float, positives: float, n: float) -> float:
    """P(rate < line), from Jeffreys' Beta(positives + 1/2, n - positives + 1/2). Counts may be fractions."""
    return beta_cdf(line, positives + 0.5, n - positives + 0.5)


def wilson(rate: float, n: float) -> tuple[float, float]:
    """Wilson's 95 % interval of a proportion seen as `rate` in an (effective) sample of n; (0, 1) for n = 0."""
    if n <= 0.0:
        return 0.0, 1.0
    z2 = Z_95 * Z_95
    centre = (rate + z2 / (2.0 * n)) / (1.0 + z2 / n)
    half = Z_95 / (1.0 + z2 / n) * math.sqrt(max(0.0, rate * (1.0 - rate) / n + z2 / (4.0 * n * n)))
    return max(0.0, centre - half), min(1.0, centre + half)
