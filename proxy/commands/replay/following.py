"""One route in a replay: its panes, its state, and a look by the live engine whenever something could come of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from proxy.commands.replay.announcing import Announcer, Moment
from proxy.commands.replay.cells import Cells, Numbers
from proxy.commands.replay.prompts import Prompts
from proxy.commands.replay.screen import Screen
from proxy.core.baseline import Baseline
from proxy.core.decide import Look, decide
from proxy.core.outcome import Context, Outcome
from proxy.core.plan import Plan, make_plan
from proxy.core.policy import Policy
from proxy.core.state import RouteState
from proxy.core.windows import Counts

MODEL: Final = "candidate"


class Pane:
    """What was counted in one pane: what an open pane may be read for, and the rest."""

    __slots__ = ("lows", "rest")

    def __init__(self) -> None:
        self.lows: Numbers = {}
        self.rest: Numbers = {}


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
        self._policy = policy
        self._context = Context(name or "", MODEL, 0.0, pane_s)
        self._state = RouteState()
        self._plan = Plan()
        self._announcer = Announcer(name, pane_s)
        self._screen = Screen(cells, self._plan)
        self._follow(baseline)

    def glance(self, moment: Moment) -> list[bytes]:
        """Look at the open panes, if that could cross a line. The lines to print."""
        self.touched = False
        if not self.panes or not self._screen.shows([pane.lows for pane in self.panes.values()]):
            return []
        counts = self._cells.counts(*(pane.lows for pane in self.panes.values()))
        return self._look(moment, (), (max(self.panes), counts))

    def close(self, number: int, moment: Moment) -> list[bytes]:
        """Consume a pane that has ended. The lines to print."""
        pane = self.panes.pop(number, None)
        if pane is None:
            return []
        return self._look(moment, ((number, self._cells.counts(pane.lows, pane.rest)),), None)

    def _look(
        self, moment: Moment, closed: tuple[tuple[int, Counts], ...], opened: tuple[int, Counts] | None
    ) -> list[bytes]:
        self.looks += 1
        before, context = self._state, replace(self._context, now_s=moment.t)
        outcome = decide(Look(before, closed, opened, self._plan, self._baseline, self._policy, context))
        self._take(outcome)
        return self._announcer.lines(before, outcome, moment)

    def _take(self, outcome: Outcome) -> None:
        self._state = outcome.state
        if outcome.baseline is not None:
            self._follow(outcome.baseline)
        self._screen.renew(self._state.evidence)

    def _follow(self, baseline: Baseline | None) -> None:
        self._baseline = baseline
        self._plan = Plan() if baseline is None else make_plan(baseline, self._policy, self._context.pane_s)
        self._screen = Screen(self._cells, self._plan)
        self._screen.renew(self._state.evidence)
