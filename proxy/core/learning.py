"""Learning a baseline from a first window of live traffic: panes in, a provisional baseline out. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from proxy.core.baseline import COUNT_MAX, Baseline, Kind, Standing, Tally
from proxy.core.estimates import Sums
from proxy.core.policy import BaselineRules
from proxy.core.signals import HIGHS, assessed_cells, harmful_cells, high_cells
from proxy.core.windows import Counts
from proxy.detectors.e_process import Key


@dataclass(frozen=True, slots=True)
class Learning:
    """Sums on the way to a baseline: by harm category, of assessable answers, and by signal that is bad when high.

    `judge` is whose verdicts these are. Panes up to `after_pane` may hold those of the judge before, and stay out.
    """

    refusals: Mapping[str, Sums] = field(default_factory=dict)
    assessed: Sums = Sums()
    highs: Mapping[str, Mapping[str, Sums]] = field(default_factory=dict)
    judge: str = ""
    after_pane: int = -1

    @property
    def n(self) -> int:
        """Evaluated harmful prompts so far, as many as they are worth after weighting."""
        return sum(math.floor(sums.n_eff) for sums in self.refusals.values())


def of_judge(learning: Learning, judge: str, now_pane: int) -> Learning:
    """What may go on under this judge: all of it where it is the same, else nothing, from after the pane of now on."""
    if learning.judge == judge:
        return learning
    begun = bool(learning.judge or learning.refusals or learning.assessed.n or learning.after_pane >= 0)
    return Learning(judge=judge, after_pane=now_pane if begun else -1)


def absorb(learning: Learning, counts: Counts) -> Learning:
    """Add a closed pane."""
    refusals = _added(learning.refusals, harmful_cells(counts))
    assessed = learning.assessed
    for (_, r, y), count in assessed_cells(counts).items():
        assessed = assessed.plus(r, y, count)
    highs = {signal: _added(learning.highs.get(signal, {}), high_cells(counts, signal)) for signal in HIGHS}
    return replace(learning, refusals=refusals, assessed=assessed, highs={s: of for s, of in highs.items() if of})


def _added(sums: Mapping[str, Sums], cells: Mapping[Key, int]) -> Mapping[str, Sums]:
    added = dict(sums)
    for (category, r, y), count in cells.items():
        added[category] = added.get(category, Sums()).plus(r, y, count)
    return added


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
        highs=tallies(learning.highs),
    )


def tallies(highs: Mapping[str, Mapping[str, Sums]]) -> dict[str, dict[str, Tally]]:
    """Of each signal that is bad when high; rounded so that the upper limit can only rise."""
    return {signal: {category: _high_tally(one) for category, one in of.items()} for signal, of in highs.items()}


def _high_tally(sums: Sums) -> Tally:
    n = min(COUNT_MAX, math.floor(sums.n_eff + 1e-9))
    return Tally(min(n, math.ceil(sums.rate * n - 1e-9)), n)


def tally(sums: Sums) -> Tally:
    """Whole counts worth as much as the weighted ones; rounded so that the lower limit can only fall."""
    n = min(COUNT_MAX, math.ceil(sums.n_eff - 1e-9))
    return Tally(min(n, math.floor(sums.rate * sums.n_eff + 1e-9)), n)
