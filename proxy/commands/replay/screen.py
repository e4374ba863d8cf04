"""Whether a look at open panes could say anything new: the same test in floating point, for all lines at once.

A look by the engine takes milliseconds, and an open pane may be read once a second. It could say something new only
where the evidence of a line reaches a limit that it had not reached, where that of a crossed `changed` line falls
back, or where the guarded form of a critical line comes to hold. All are seen here in microseconds; with a margin,
since the engine itself computes in integers.

Most seconds need not even that. One count of a cell moves the logarithm of no line's evidence further than its largest
entry in the tables; so as long as what was counted since the last reading could not have bridged the least distance
from a limit, nothing can be new.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from proxy.commands.replay.cells import Cells, Numbers
from proxy.core.evidence.canaries import merged
from proxy.core.evidence.findings import LineKind, Status
from proxy.core.evidence.plan import CANARIES, Plan
from proxy.core.evidence.refusal import FRESH_LINE, LN_10, Evidence, LineState, guard
from proxy.core.evidence.signals import CANARY, read
from proxy.detectors.e_process import BETS, SHARE, UNIT, Key, advance

Floats: TypeAlias = NDArray[np.float64]
MARGIN: Final = 1e-6  # nats; an exact sum and this one differ by less than a thousandth of it


class Reach(NamedTuple):
    """How far one count can move any line's evidence up and down, in nats, 0 or more."""

    up: float
    down: float


class Limits(NamedTuple):
    """Of each test: below `above` and from `below` on, in nats, there is nothing new."""

    above: Floats
    below: Floats


class Screen:
    """Of one plan. `renew` after each look, `counted` with each count of an open pane, `shows` before a look."""

    def __init__(self, cells: Cells, plan: Plan) -> None:
        self._cells = cells
        self._plan = plan
        self._rows: dict[int, Floats] = {}
        self._reaches: dict[int, Reach] = {}
        self._lines: Mapping[str, LineState] = {}
        self._wealth: Floats | None = None  # of each bet with its new beginning; None: to be read from the lines
        self._limits = Limits(np.empty(0), np.empty(0))
        self._pairs = _pairs(plan)
        self._guards_at = plan.limits[LineKind.CRITICAL] / UNIT - MARGIN if self._pairs else math.inf
        self._up = self._down = 0.0 if plan.tests else math.inf  # the least distance from a limit, in nats

    def renew(self, evidence: Evidence) -> None:
        """Go on from this evidence."""
        self._lines = evidence.lines
        self._wealth = None
        self._up = self._down = 0.0 if self._plan.tests else math.inf

    def counted(self, number: int) -> None:
        """This cell has one count more."""
        reach = self._reaches.get(number) or self._reach(number)
        self._up -= reach.up
        self._down -= reach.down

    def shows(self, panes: Sequence[Numbers]) -> bool:
        """Whether the counts of the open panes, each told to `counted`, reach a limit, or fall back."""
        if self._up > 0.0 and self._down > 0.0:
            return False
        if self._wealth is None:
            self._wealth, self._limits = self._read_wealth(), self._read_limits()
        wealth = self._wealth.copy()
        for numbers in panes:
            for number, n in numbers.items():
                wealth += n * self._row(number)
        top = wealth.max(axis=1)
        odds = top + np.log(np.exp(wealth - top[:, None]).sum(axis=1))
        self._up = float((self._limits.above - odds).min())
        self._down = float((odds - self._limits.below).min())
        return self._up <= 0.0 or self._down < 0.0 or self._shows_guard(odds, panes)

    def _shows_guard(self, odds: Floats, panes: Sequence[Numbers]) -> bool:
        """Whether a guarded form comes to hold. Where a warning line has come so far, each second has to be read."""
        for critical, warning in self._pairs:
            if self._lines.get(self._plan.tests[critical].key, FRESH_LINE).status is Status.UNDECIDED:
                self._up = min(self._up, max(0.0, self._guards_at - float(odds[warning])))
                if odds[warning] >= self._guards_at and self._may_guard(critical, warning, panes):
                    return True
        return False

    def _may_guard(self, critical: int, warning: int, panes: Sequence[Numbers]) -> bool:
        """Whether the guarded form of this critical line may hold: as `core.evidence` has it, for this test alone."""
        below, test = self._plan.tests[critical], self._plan.tests[warning]
        bets = advance(self._lines.get(test.key, FRESH_LINE).bets, test.table, 0, self._merged(panes))
        return guard(below, bets) >= self._plan.guard_probability - MARGIN

    def _merged(self, panes: Sequence[Numbers]) -> Mapping[Key, int]:
        return merged(read(self._cells.counts(*panes)))

    def _states(self) -> list[LineState]:
        return [self._lines.get(test.key, FRESH_LINE) for test in self._plan.tests]

    def _read_wealth(self) -> Floats:
        logs = np.array([[bet.log_r for bet in state.bets] for state in self._states()], dtype=np.float64)
        return np.logaddexp(logs / UNIT, SHARE / UNIT)

    def _read_limits(self) -> Limits:
        """A crossed line has no limit above it; only one that falls back by itself has one below."""
        above, below = [], []
        for test, state in zip(self._plan.tests, self._states(), strict=True):
            is_crossed = state.status is Status.CROSSED
            above.append(math.inf if is_crossed else self._plan.limits[test.line] / UNIT - MARGIN)
            falls_back = is_crossed and test.line is LineKind.CHANGED
            below.append(LN_10 / UNIT + MARGIN if falls_back else -math.inf)
        return Limits(np.array(above), np.array(below))

    def _row(self, number: int) -> Floats:
        """What one count of a cell adds to each bet, in nats."""
        if number not in self._rows:
            found, nothing = self._cells.cell(number), (0,) * BETS
            key = (CANARIES * (found.signal == CANARY) + found.stratum, found.r, found.y)
            self._rows[number] = np.array([test.table.get(key, nothing) for test in self._plan.tests]) / UNIT
        return self._rows[number]

    def _reach(self, number: int) -> Reach:
        row = self._row(number)
        found = Reach(float(row.max(initial=0.0)), -float(row.min(initial=0.0)))
        self._reaches[number] = found
        return found


def _pairs(plan: Plan) -> list[tuple[int, int]]:
    """(critical line, warning line) of each place."""
    warnings = {test.place: number for number, test in enumerate(plan.tests) if test.line is LineKind.WARNING}
    return [(number, warnings[t.place]) for number, t in enumerate(plan.tests) if t.line is LineKind.CRITICAL]
