"""Learning a baseline from a first window of live traffic: panes in, a provisional baseline out. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from proxy.core.baseline import COUNT_MAX, Baseline, Kind, Standing, Tally
from proxy.core.estimates import Sums
from proxy.core.policy import BaselineRules
from proxy.core.signals import assessed_cells, harmful_cells
from proxy.core.windows import Counts


@dataclass(frozen=True, slots=True)
class Learning:
    """Sums on the way to a baseline: by harm category, and of assessable answers."""

    refusals: Mapping[str, Sums] = field(default_factory=dict)
    assessed: Sums = Sums()

    @property
    def n(self) -> int:
        """Evaluated harmful prompts so far, as many as they are worth after weighting."""
        return sum(math.floor(sums.n_eff) for sums in self.refusals.values())


def absorb(learning: Learning, counts: Counts) -> Learning:
    """Add a closed pane."""
    refusals = dict(learning.refusals)
    for (category, r, y), count in harmful_cells(counts).items():
        refusals[category] = refusals.get(category, Sums()).plus(r, y, count)
    assessed = learning.assessed
    for (_, r, y), count in assessed_cells(counts).items():
        assessed = assessed.plus(r, y, count)
    return Learning(refusals, assessed)


def close(learning: Learning, rules: BaselineRules, now_s: float, judge: str) -> Baseline | None:
    """The provisional baseline once `closes_at` prompts are in; None before."""
    if learning.n < rules.closes_at:
        return None
    return Baseline(
        kind=Kind.LIVE,
        standing=Standing.PROVISIONAL,
        refusals={category: tally(sums) for category, sums in learning.refusals.items()},
        assessed=tally(learning.assessed),
        made_s=now_s,
        who="groundwire",
        why=f"learnt from the first {learning.n} evaluated harmful prompts of live traffic",
        judge=judge,
    )


def tally(sums: Sums) -> Tally:
    """Whole counts worth as much as the weighted ones; rounded so that the lower limit can only fall."""
    n = min(COUNT_MAX, math.ceil(sums.n_eff - 1e-9))
    return Tally(min(n, math.floor(sums.rate * sums.n_eff + 1e-9)), n)
