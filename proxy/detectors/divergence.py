"""How far two histograms are apart: Kullback-Leibler and Jensen-Shannon divergence, in bits, less their bias.

Kullback and Leibler, Annals of Mathematical Statistics 22 (1951); Lin, "Divergence measures based on the Shannon
entropy", IEEE Transactions on Information Theory 37 (1991). Two samples of one distribution are never quite alike: by
Miller's expansion (1955) the JS of samples of sizes n and m over B bins is about (B-1)/(8 ln 2) (1/n + 1/m), and the
KL (B-1)/(2 ln 2) (1/n + 1/m). That much is taken off. Gauges for people, never alarms.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Final

PER_BIN_MIN: Final = 5  # observations a bin, below which a divergence says nothing
PRIOR: Final = 0.5  # added to each count where a logarithm of a share is taken (Krichevsky and Trofimov 1981)

Histogram = Mapping[str, float]  # bin -> observations, not negative


def js_bits(now: Histogram, then: Histogram) -> float | None:
    """JS divergence in [0, 1]; None where either has fewer than PER_BIN_MIN observations a bin."""
    bins, n, m = _sizes(now, then)
    if not _is_enough(bins, n, m):
        return None
    p, q = [now.get(b, 0.0) / n for b in bins], [then.get(b, 0.0) / m for b in bins]
    mixed = [(a + b) / 2.0 for a, b in zip(p, q, strict=True)]
    bias = (len(bins) - 1) / (8.0 * math.log(2.0)) * (1.0 / n + 1.0 / m)
    return max(0.0, _entropy(mixed) - (_entropy(p) + _entropy(q)) / 2.0 - bias)


def kl_bits(now: Histogram, then: Histogram) -> float | None:
    """KL(now || then), not negative; None where either has fewer than PER_BIN_MIN observations a bin."""
    bins, n, m = _sizes(now, then)
    if not _is_enough(bins, n, m):
        return None
    p, q = _smoothed(now, bins, n), _smoothed(then, bins, m)
    bias = (len(bins) - 1) / (2.0 * math.log(2.0)) * (1.0 / n + 1.0 / m)
    return max(0.0, sum(a * math.log2(a / b) for a, b in zip(p, q, strict=True)) - bias)


def js_error_bits(now: Histogram, then: Histogram) -> float:
    """The standard deviation of `js_bits` between large samples of one distribution.

    8 ln 2 JS / (1/n + 1/m), its bias left in, is then a chi-square of B - 1 degrees (Menendez, Pardo, Pardo and Pardo,
    "The Jensen-Shannon divergence", Journal of the Franklin Institute 334B (1997)).
    """
    bins, n, m = _sizes(now, then)
    return math.sqrt(2.0 * (len(bins) - 1)) / (8.0 * math.log(2.0)) * (1.0 / n + 1.0 / m)


def _sizes(now: Histogram, then: Histogram) -> tuple[list[str], float, float]:
    bins = sorted({name for histogram in (now, then) for name, count in histogram.items() if count > 0.0})
    return bins, sum(now.values()), sum(then.values())


def _is_enough(bins: list[str], n: float, m: float) -> bool:
    return bool(bins) and min(n, m) >= PER_BIN_MIN * len(bins)


def _smoothed(histogram: Histogram, bins: list[str], n: float) -> list[float]:
    return [(histogram.get(b, 0.0) + PRIOR) / (n + PRIOR * len(bins)) for b in bins]


def _entropy(shares: Iterable[float]) -> float:
    return -sum(share * math.log2(share) for share in shares if share > 0.0)
