"""Whether a look at open panes could say anything new: the same test in floating point, for all lines at once.

A look by the engine takes milliseconds, and an open pane may be read once a second. It could say something new only
where the evidence of a line reaches a limit that it had not reached, where that of a crossed `changed` line falls
back, or where the guarded form of a critical line comes to hold. All are seen here in microseconds; with a margin,
since the engine itself computes in integers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from proxy.commands.replay.cells import Cells, Numbers
from proxy.core.evidence.canaries import merged
from proxy.core.evidence.findings import LineKind, Status
from proxy.core.evidence.plan import CANARIES, Plan
from proxy.core.evidence.refusal import LN_10, Evidence, LineState, guard
from proxy.core.evidence.signals import CANARY, read
from proxy.detectors.e_process import BETS, SHARE, UNIT, Key, advance, log_add

Floats: TypeAlias = NDArray[np.float64]
MARGIN: Final = 1e-6  # nats; an exact sum and this one differ by less than a thousandth of it


class Screen:
    """Of one plan. `renew` after each look, `shows` before one."""

    def __init__(self, cells: Cells, plan: Plan) -> None:
        self._cells = cells
        self._plan = plan
        self._rows: dict[int, Floats] = {}
        self._wealth = np.zeros((len(plan.tests), BETS))
        self._above = np.full(len(plan.tests), math.inf)
        self._below = np.full(len(plan.tests), -math.inf)
        self._lines: Mapping[str, LineState] = {}
        self._pairs = _pairs(plan)
        self._guards_at = plan.limits[LineKind.CRITICAL] / UNIT - MARGIN if self._pairs else math.inf

    def renew(self, evidence: Evidence) -> None:
        """Go on from this evidence: wealth of each bet with its new beginning, and what it would have to reach."""
        self._lines = evidence.lines
        for number, test in enumerate(self._plan.tests):
            state = evidence.lines.get(test.key, LineState())
            self._wealth[number] = [log_add(bet.log_r, SHARE) / UNIT for bet in state.bets]
            left = math.inf if state.status is Status.CROSSED else float(self._plan.limits[test.line])
            self._above[number] = left / UNIT - MARGIN
            falls_back = test.line is LineKind.CHANGED and state.status is Status.CROSSED
            self._below[number] = LN_10 / UNIT + MARGIN if falls_back else -math.inf

    def shows(self, panes: Sequence[Numbers]) -> bool:
        """Whether the counts of the open panes reach a limit, or fall back."""
        if not self._plan.tests:
            return False
        wealth = self._wealth.copy()
        for numbers in panes:
            for number, n in numbers.items():
                wealth += n * self._row(number)
        top = wealth.max(axis=1)
        odds = top + np.log(np.exp(wealth - top[:, None]).sum(axis=1))
        if ((odds >= self._above) | (odds < self._below)).any():
            return True
        return any(
            odds[warning] >= self._guards_at and self._may_guard(critical, warning, panes)
            for critical, warning in self._pairs
        )

    def _may_guard(self, critical: int, warning: int, panes: Sequence[Numbers]) -> bool:
        """Whether the guarded form of this critical line may hold: as `core.evidence` has it, for this test alone."""
        below, test = self._plan.tests[critical], self._plan.tests[warning]
        if self._lines.get(below.key, LineState()).status is not Status.UNDECIDED:
            return False
        bets = advance(self._lines.get(test.key, LineState()).bets, test.table, 0, self._merged(panes))
        return guard(below, bets) >= self._plan.guard_probability - MARGIN

    def _merged(self, panes: Sequence[Numbers]) -> Mapping[Key, int]:
        return merged(read(self._cells.counts(*panes)))

    def _row(self, number: int) -> Floats:
        """What one count of a cell adds to each bet, in nats."""
        if number not in self._rows:
            found, nothing = self._cells.cell(number), (0,) * BETS
            key = (CANARIES * (found.signal == CANARY) + found.stratum, found.r, found.y)
            self._rows[number] = np.array([test.table.get(key, nothing) for test in self._plan.tests]) / UNIT
        return self._rows[number]


def _pairs(plan: Plan) -> list[tuple[int, int]]:
    """(critical line, warning line) of each place."""
    warnings = {test.place: number for number, test in enumerate(plan.tests) if test.line is LineKind.WARNING}
    return [(number, warnings[t.place]) for number, t in enumerate(plan.tests) if t.line is LineKind.CRITICAL]
