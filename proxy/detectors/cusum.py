"""The two-sided Bernoulli CUSUM: how much speaks for a shift of a rate upwards, and downwards, since its best start.

Page, "Continuous inspection schemes", Biometrika 41 (1954); for shares Reynolds and Stoumbos, "A CUSUM chart for
monitoring a proportion when inspecting continuously", Journal of Quality Technology 31 (1999). The steps are
log-likelihood ratios of an alternative against the centre. A gauge: its alarms have no stated budget, unlike the
e-detector's.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

SHIFT: Final = 1.5  # the alternatives: odds of 1.5 times those of the centre, and of a 1.5th of them
EDGE: Final = 1e-6  # a centre this near to 0 or 1 has no odds


@dataclass(frozen=True, slots=True)
class Cusum:
    """Log-likelihood ratios in nats, at least 0: for a higher rate, and for a lower one."""

    up: float = 0.0
    down: float = 0.0


def advance(state: Cusum, centre: float, positives: float, n: float) -> Cusum:
    """After a sample (counts may be fractions). Raises ValueError unless 0 <= positives <= n."""
    if not 0.0 <= positives <= n:
        raise ValueError(f"needs 0 <= positives <= n (given: {positives} of {n})")
    return Cusum(
        max(0.0, state.up + _step(centre, SHIFT, positives, n)),
        max(0.0, state.down + _step(centre, 1.0 / SHIFT, positives, n)),
    )


def _step(centre: float, ratio: float, positives: float, n: float) -> float:
    p = min(1.0 - EDGE, max(EDGE, centre))
    other = ratio * p / (1.0 - p + ratio * p)
    return positives * math.log(other / p) + (n - positives) * math.log((1.0 - other) / (1.0 - p))
