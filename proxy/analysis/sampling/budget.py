"""The CPU budget: how far adaptive sampling must go down so that judging keeps to its share of a core. Pure.

An integral controller on the logarithm of the share. At a pane's edge it asks: which share 2^-x of the traffic that
came would have met the budget? It moves towards that x, at once upwards and by part of the way downwards. The share in
force is on the grid, 2^-level with level >= x; what it falls short of x is fed back (back-calculation: Astrom and
Hagglund, "Advanced PID Control", 2006, section 3.5), so that the integral neither winds up nor drifts while the grid or
a bound holds the share. A level falls only once x lies LEAVE below the one beneath it, so that a load on the edge does
not make it flap.

All time that cannot be sampled away (reading, stage 0) is in the measured load too: where it alone is over the budget,
the level goes to its bound and stays there.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final

from proxy.core.sampling import LOAD_MAX

DOWN_GAIN: Final = 0.5  # of the way to a smaller x, in each step
LEAVE: Final = 0.5  # of a level: down from a load under 0.35 of the budget
LOAD_MIN: Final = 1e-4  # a pane without traffic says no more than this one


@dataclass(frozen=True, slots=True)
class Budget:
    """`x`: the integral; `level`: 0 (all) to LOAD_MAX, as `sampling.Now.load`; it holds from `first_pane` on."""

    x: float = 0.0
    level: int = 0
    first_pane: int = 0


@dataclass(frozen=True, slots=True)
class Work:
    """What a whole pane measured: seconds of judging, exchanges that were judged, and those that came for it."""

    seconds: float
    judged: int
    came: int

    def load(self, pane_s: float) -> float:
        """Share of a core that all which came would have taken: a saturated judge leaves some of it waiting."""
        return self.seconds / pane_s * max(1.0, self.came / self.judged if self.judged else 1.0)


def at_edge(budget: Budget, pane: int, load: float, target: float, heard_panes: int) -> Budget:
    """The budget after pane `pane - 1`, whose load is this share of a core; `target` is the one allowed.

    A change holds from `heard_panes` after `pane` on, and nothing moves before a whole pane was measured under it.
    """
    if pane - 1 < budget.first_pane:
        return budget
    wanted = budget.level + math.log2(max(load, LOAD_MIN) / target)
    x = wanted if wanted > budget.x else budget.x + DOWN_GAIN * (wanted - budget.x)
    x = min(float(LOAD_MAX), max(-1.0, x))
    level = _level(budget.level, x)
    return replace(budget, x=x) if level == budget.level else Budget(x, level, pane + heard_panes)


def _level(before: int, x: float) -> int:
    if x > before:
        return min(LOAD_MAX, math.ceil(x))
    return max(0, math.ceil(x + LEAVE)) if x + LEAVE < before - 1 else before
