"""The exact binomial test: how surprising are so many positives, if the rate is at most this?

Clopper and Pearson, "The use of confidence or fiducial limits illustrated in the case of the binomial", Biometrika 26
(1934). No approximation: P(X >= k) for X ~ Binomial(n, p) is the beta distribution function at p with parameters k and
n - k + 1. For a fixed number of looks: who looks again and again must divide the level among the looks (`level_at`).
"""

from __future__ import annotations

from proxy.detectors.beta import beta_cdf


def upper_tail(positives: int, n: int, rate: float) -> float:
    """P(X >= positives) for X ~ Binomial(n, rate), the p-value of "the rate is at most `rate`".

    Raises ValueError unless 0 <= positives <= n and 0 <= rate <= 1.
    """
    if not 0 <= positives <= n or not 0.0 <= rate <= 1.0:
        raise ValueError(f"needs 0 <= positives <= n and a rate in 0..1 (given: {positives} of {n}, {rate})")
    return 1.0 if positives == 0 else beta_cdf(rate, positives, n - positives + 1)


def is_above(positives: int, n: int, rate: float, level: float) -> bool:
    """Whether "the rate is at most `rate`" is disproved at this level."""
    return upper_tail(positives, n, rate) <= level


def level_at(look: int, level: float) -> float:
    """The share of `level` for look 1, 2, 3, ...: level / (k (k + 1)), which adds up to `level` over all looks.

    Raises ValueError for a look below 1.
    """
    if look < 1:
        raise ValueError(f"looks are numbered from 1 (given: {look})")
    return level / (look * (look + 1))
