"""Whether a look at open panes could say anything new: the same test in floating point, for all lines at once.

A look by the engine takes milliseconds, and an open pane may be read once a second. It could say something new only
where the evidence of a line reaches a limit that it had not reached, or where that of a crossed `changed` line falls
back. Both are seen here in microseconds; with a margin, since the engine itself computes in integers.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from proxy.commands.replay.cells import Cells, Numbers
from proxy.core.evidence import LN_10, Evidence, LineState
from proxy.core.findings import LineKind, Status
from proxy.core.plan import Plan, Test
from proxy.core.signals import REFUSAL
from proxy.detectors.e_process import BETS, SHARE, UNIT, log_add

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

    def renew(self, evidence: Evidence) -> None:
        """Go on from this evidence: wealth of each bet with its new beginning, and what it would have to reach."""
        for number, test in enumerate(self._plan.tests):
            state = evidence.lines.get(test.key, LineState())
            self._wealth[number] = [log_add(bet.log_r, SHARE) / UNIT for bet in state.bets]
            self._above[number] = self._limit(evidence, test, state.status) / UNIT - MARGIN
            falls_back = test.line is LineKind.CHANGED and state.status is Status.CROSSED
            self._below[number] = LN_10 / UNIT + MARGIN if falls_back else -math.inf

    def shows(self, panes: Iterable[Numbers]) -> bool:
        """Whether the counts of the open panes reach a limit, or fall back."""
        if not self._plan.tests:
            return False
        wealth = self._wealth.copy()
        for numbers in panes:
            for number, n in numbers.items():
                wealth += n * self._row(number)
        top = wealth.max(axis=1)
        odds = top + np.log(np.exp(wealth - top[:, None]).sum(axis=1))
        return bool(((odds >= self._above) | (odds < self._below)).any())

    def _limit(self, evidence: Evidence, test: Test, status: Status) -> float:
        """The lowest limit that this test has not reached, in UNIT."""
        limits = [math.inf if status is Status.CROSSED else float(self._plan.limits[test.line])]
        critical = evidence.lines.get(f"{test.stratum}/{LineKind.CRITICAL}", LineState())
        if test.line is LineKind.WARNING and critical.status is Status.UNDECIDED:
            limits.append(self._plan.limits[LineKind.CRITICAL])  # from there on the guarded form may hold
        return min(limits)

    def _row(self, number: int) -> Floats:
        """What one count of a cell adds to each bet, in nats."""
        if number not in self._rows:
            found = self._cells.cell(number)
            key, nothing = (found.stratum, found.r, found.y), (0,) * BETS
            table = [test.table.get(key, nothing) if found.signal == REFUSAL else nothing for test in self._plan.tests]
            self._rows[number] = np.array(table) / UNIT
        return self._rows[number]
