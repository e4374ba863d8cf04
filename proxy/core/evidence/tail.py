"""The 95th percentile of toxicity, by its histogram (detection sections 1 and 3). Pure.

"The 95th percentile is above s" is the same as "more than 5 % of the scores are above s". So a line on the percentile
is a line of 0.05 on the share of scores above s, and no quantile has to be estimated to decide. The scores s lie at
the edges of the histogram's bins: at the edge nearest to 1.5 q, and to 2 q. From a score of 0.006 on the edges are
3.7 % apart, so s is 1.9 % beside at most (`detectors.quantile`).

q is the baseline's 95th percentile at its upper limit, the order statistic of rank binom.ppf(1 - confidence, n, .95)
+ 1 (Conover, Practical Nonparametric Statistics, section 3.2), between the edges of its bin in proportion to the
logarithm of the score.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from proxy.core.baselines.baseline import Baseline, Tally
from proxy.core.evidence.findings import LineKind
from proxy.core.evidence.highs import name_of
from proxy.core.evidence.signals import ALL, TOXICITY_BIN
from proxy.core.evidence.watches import Watch, drawn
from proxy.core.policies.policy import Policy
from proxy.detectors.beta import beta_cdf
from proxy.detectors.quantile import FINE_PLACE, PARTS, PLACES, edge, inside, nearest_place, span

TOXICITY_P95: Final = "toxicity_p95"
SHARE: Final = 0.95

Histogram = Mapping[str, int]


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
    for bin_, n in sorted((span(name), n) for name, n in histogram.items()):
        if 0 < rank <= below + n:
            return inside(bin_, (rank - below) / n)
        below += n
    return None


def planned(baseline: Baseline, policy: Policy) -> tuple[Watch, ...]:
    """The lines that this baseline allows: none without a histogram, and none that lies at a score of 1 or more."""
    histogram = baseline.shapes.get(TOXICITY_BIN, {})
    q = upper_quantile(histogram, SHARE, policy.baseline.confidence)
    return () if q is None else tuple(_watches(histogram, q, policy))


def _watches(histogram: Histogram, q: float, policy: Policy) -> Iterator[Watch]:
    line, total, step = policy.lines.toxicity_p95, sum(histogram.values()), _step(histogram)
    for kind, factor in ((LineKind.WARNING, line.warning), (LineKind.CRITICAL, line.critical)):
        at = nearest_place(max(line.least * factor / line.warning, factor * q), step)
        if at < PLACES:
            above = Tally(sum(n for name, n in histogram.items() if span(name)[0] >= at), total)
            yield _watch(kind, at, above, (q, policy.baseline.confidence))


def _step(histogram: Histogram) -> int:
    """A baseline of before there were parts knows the edges of whole bins alone."""
    return PARTS if any(begin >= FINE_PLACE and end - begin == PARTS for begin, end in map(span, histogram)) else 1


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
        above=at,
        note=f"scores above {edge(at):.3g}, {edge(at) / q:.2f} times the baseline's 95th percentile of {q:.3g}",
    )
