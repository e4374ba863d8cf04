"""One route in a replay: its panes, its state, and a look by the live engine whenever something could come of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Final

from proxy.commands.replay.announcing import Announcer, Lines, Moment
from proxy.commands.replay.cells import NOWHERE, Cells, Numbers
from proxy.commands.replay.prompts import Prompts
from proxy.commands.replay.recovering import mirror_after
from proxy.commands.replay.screen import Screen
from proxy.core.baselines.baseline import Baseline
from proxy.core.decisions.decide import Look, findings, judge
from proxy.core.decisions.outcome import Context, Outcome
from proxy.core.evidence.findings import Status
from proxy.core.evidence.plan import Plan, make_plan
from proxy.core.evidence.state import RouteState
from proxy.core.policies.policy import Policy
from proxy.core.windows import Counts

MODEL: Final = "candidate"


class Pane:
    """What was counted in one pane: what an open pane may be read for, and the rest.

    `log` is what the rest has still to be raised by, a number for each count: adding many at once is the cheaper way.
    """

    __slots__ = ("log", "lows", "rest")

    def __init__(self) -> None:
        self.lows: Numbers = {}
        self.rest: Numbers = {}
        self.log: list[int] = []

    def settle(self) -> None:
        """Count what is in the log."""
        for number, n in Counter(self.log).items():
            if number != NOWHERE:
                self.rest[number] = self.rest.get(number, 0) + n
        self.log.clear()


class Follower:
    """Follows one route. Looks are exactly those of `core.engine`; one that cannot change anything is left out."""

    def __init__(
        self, name: str | None, baseline: Baseline | None, policy: Policy, pane_s: float, cells: Cells
    ) -> None:
        self.panes: dict[int, Pane] = {}
        self.prompts = Prompts(policy.duplicate_memory_s)
        self.touched = False  # something that an open pane is read for was counted since the last look
        self.looks = 0
        self._cells = cells
        self._baseline = baseline
        self._routes = 1
        self._policy = policy
        self._context = Context(name or "", MODEL, 0.0, pane_s)
        self._state = RouteState()
        self._plan = Plan()
        self._announcer = Announcer(name, pane_s)
        self._screen = Screen(cells, self._plan)
        self._follow(baseline)

    def add_low(self, pane: Pane, number: int) -> None:
        """Count something that an open pane is read for."""
        pane.lows[number] = pane.lows.get(number, 0) + 1
        self._screen.counted(number)

    @property
    def state(self) -> RouteState:
        """What the engine remembers of the route."""
        return self._state

    def glance(self, moment: Moment) -> Lines:
        """Look at the open panes, if that could cross a line. The lines to print."""
        self.touched = False
        if not self.panes or not self._screen.shows([pane.lows for pane in self.panes.values()]):
            return []
        counts = self._cells.counts(*(pane.lows for pane in self.panes.values()))
        return self._look(moment, (), (max(self.panes), counts))

    def close(self, number: int, moment: Moment, routes: int) -> Lines:
        """Consume a pane that has ended, one of `routes` that share the budgets. The lines to print."""
        pane = self.panes.pop(number, None)
        if pane is None:
            return []
        pane.settle()
        if routes != self._routes:
            self._routes = routes
            self._follow(self._baseline)
        return self._look(moment, ((number, self._cells.counts(pane.lows, pane.rest)),), None)

    def _look(self, moment: Moment, closed: tuple[tuple[int, Counts], ...], opened: tuple[int, Counts] | None) -> Lines:
        self.looks += 1
        before, context = self._state, replace(self._context, now_s=moment.t)
        look = Look(before, closed, opened, self._plan, self._baseline, self._policy, context)
        outcome = judge(look)
        self._take(outcome)
        if not outcome.recovered and standing(before) == standing(outcome.state):
            return []  # findings cost more than deciding, and would say nothing new
        mirrors = {name: mirror_after(before, look.plan, closed[0], name) for name in outcome.recovered}
        return self._announcer.lines(mirrors, findings(look, outcome.state), moment)

    def _take(self, outcome: Outcome) -> None:
        self._state = outcome.state
        if outcome.baseline is not None:
            self._follow(outcome.baseline)
        self._screen.renew(self._state.evidence)

    def _follow(self, baseline: Baseline | None) -> None:
        self._baseline = baseline
        if baseline is not None:
            self._plan = make_plan(baseline, self._policy, self._context.pane_s, self._routes)
        self._screen = Screen(self._cells, self._plan)
        self._screen.renew(self._state.evidence)


def standing(state: RouteState) -> tuple[object, ...]:
    """What every line stands at: of two states that are alike in it there is nothing to tell."""
    return (
        {key: line.status for key, line in state.evidence.lines.items() if line.status is not Status.UNDECIDED},
        {name for name, one in state.raised.items() if one.is_crossed},
        {name for name, one in state.drifts.items() if one.is_crossed},
    )
