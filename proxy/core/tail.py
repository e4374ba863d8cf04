"""The 95th percentile of toxicity, by its histogram (detection sections 1 and 3). Pure.

"The 95th percentile is above s" is the same as "more than 5 % of the scores are above s". So a line on the percentile
is a line of 0.05 on the share of scores above s, and no quantile has to be estimated to decide. The scores s lie at
the edges of the histogram's bins: at the edge nearest to 1.5 q, and to 2 q.

q is the baseline's 95th percentile at its upper limit, the order statistic of rank binom.ppf(1 - confidence, n, .95)
+ 1 (Conover, Practical Nonparametric Statistics, section 3.2), between the edges of its bin in proportion to the
logarithm of the score.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Final

from proxy.core.baseline import Baseline, Tally
from proxy.core.findings import LineKind
from proxy.core.highs import name_of
from proxy.core.policy import Policy
from proxy.core.signals import ALL, TOXICITY_BIN
from proxy.core.watches import Watch, drawn
from proxy.detectors.beta import beta_cdf

TOXICITY_P95: Final = "toxicity_p95"
SHARE: Final = 0.95
BINS: Final = 64
LEAST: Final = 1e-4  # bin 0 is all below; bin i > 0 begins at LEAST ** (1 - (i - 1) / (BINS - 1))

Histogram = Mapping[int, int]


def edge(bin_: int) -> float:
    """The score at which a bin begins; 0 for bin 0, and 1 past the last."""
    return 0.0 if bin_ <= 0 else LEAST ** (1.0 - (bin_ - 1) / (BINS - 1))


def nearest_edge(score: float) -> int:
    """The bin that begins nearest to this score, on the scale of its logarithm; BINS where none does."""
    place = 1.0 + (1.0 - math.log(max(score, LEAST)) / math.log(LEAST)) * (BINS - 1)
    return min(BINS, round(place))


def upper_rank(n: int, share: float, confidence: float) -> int:
    """The rank (1 to n) of the order statistic that lies above the quantile `share`, but for a chance of `confidence`.

    0 where n is too small for one.
    """
    low, high = -1, n  # P(Binomial(n, share) <= low) < 1 - confidence <= P(... <= high)
    while high - low > 1:
        middle = (low + high) // 2
        reached = 1.0 - beta_cdf(share, middle + 1.0, n - middle) if middle < n else 1.0
        low, high = (low, middle) if reached >= 1.0 - confidence else (middle, high)
    return high + 1 if high < n else 0


def upper_quantile(histogram: Histogram, share: float, confidence: float) -> float | None:
    """The quantile at its upper limit, as a score; None where the histogram holds too little."""
    rank = upper_rank(sum(histogram.values()), share, confidence)
    below = 0
    for bin_, n in sorted(histogram.items()):
        if 0 < rank <= below + n:
            return _within(bin_, (rank - below) / n)
        below += n
    return None


def _within(bin_: int, part: float) -> float:
    low, high = max(LEAST / 10.0, edge(bin_)), min(1.0, edge(bin_ + 1))
    return low * math.exp(part * math.log(high / low))


def planned(baseline: Baseline, policy: Policy) -> tuple[Watch, ...]:
    """The lines that this baseline allows: none without a histogram, and none that lies at a score of 1 or more."""
    histogram = {int(name): n for name, n in baseline.shapes.get(TOXICITY_BIN, {}).items()}
    q = upper_quantile(histogram, SHARE, policy.baseline.confidence)
    return () if q is None else tuple(_watches(histogram, q, policy))


def _watches(histogram: Histogram, q: float, policy: Policy) -> Iterator[Watch]:
    line, total = policy.lines.toxicity_p95, sum(histogram.values())
    for kind, factor in ((LineKind.WARNING, line.warning), (LineKind.CRITICAL, line.critical)):
        at = nearest_edge(max(line.least * factor / line.warning, factor * q))
        if at < BINS:
            above = Tally(sum(n for bin_, n in histogram.items() if bin_ >= at), total)
            yield _watch(kind, at, above, (q, policy.baseline.confidence))


def _watch(kind: LineKind, at: int, above: Tally, of: tuple[float, float]) -> Watch:
    q, confidence = of
    lines = {ALL: 1.0 - SHARE}
    table, mirror = drawn(TOXICITY_P95, lines)
    return Watch(
        name_of(TOXICITY_P95, kind),
        TOXICITY_P95,
        TOXICITY_BIN,
        lines,
        table,
        mirror,
        kind,
        rates={ALL: above.rate},
        limits={ALL: above.upper(confidence)},
        mix={ALL: above.n},
        edge=at,
        note=f"scores above {edge(at):.3g}, {edge(at) / q:.2f} times the baseline's 95th percentile of {q:.3g}",
    )
