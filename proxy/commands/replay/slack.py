"""How far an open pane is from any alarm: a bound that spares looks, and never changes what they would say.

An open pane is read for rates that are bad when low. There only an outcome 0 is evidence, and one of them raises the
logarithm of E by the largest entry of the tables at most: log E of the pane is at most log(E + 1) + n0 * gain. While
that is below every limit that is not reached yet, a look could cross nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from proxy.core.evidence import Evidence
from proxy.core.findings import LineKind, Status
from proxy.core.plan import Plan, Test
from proxy.core.state import RouteState
from proxy.detectors.e_process import log_add, log_evidence


@dataclass(frozen=True, slots=True)
class Slack:
    """`left`: what evidence lacks to the nearest limit; `gain`: what one outcome 0 adds to it at most."""

    left: int
    gain: int

    def is_used_up(self, falls: int) -> bool:
        """Whether so many outcomes 0 in the open panes could cross a line."""
        return falls * self.gain >= self.left


NEVER = Slack(1, 0)  # there is no line that an open pane could cross


def slack_of(state: RouteState, plan: Plan) -> Slack:
    """The slack after a look."""
    left = min(_left(state.evidence, plan), default=None)
    if left is None:
        return NEVER
    gain = max((max(row) for test in plan.tests for (_, _, y), row in test.table.items() if y == 0), default=0)
    return Slack(left, gain)


def _left(evidence: Evidence, plan: Plan) -> Iterator[int]:
    for test in plan.tests:
        state = evidence.lines.get(test.key)
        odds = log_add(log_evidence(state.bets), 0) if state else 0
        crossed = state is not None and state.status is Status.CROSSED
        if not crossed:
            yield plan.limits[test.line] - odds
        elif test.line is LineKind.CHANGED:
            yield 0  # it may fall back, which only a look can tell
        if test.line is LineKind.WARNING and _may_guard(evidence, test):
            yield plan.limits[LineKind.CRITICAL] - odds


def _may_guard(evidence: Evidence, warning: Test) -> bool:
    critical = evidence.lines.get(f"{warning.stratum}/{LineKind.CRITICAL}")
    return critical is None or critical.status is Status.UNDECIDED
