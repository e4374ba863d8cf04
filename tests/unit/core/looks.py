"""Makers of panes and looks for the tests of the engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from proxy.core.baselines.baseline import Baseline, Kind, Standing, Tally
from proxy.core.decisions.engine import Context, Outcome, RouteState, step
from proxy.core.policies.policy import Policy
from proxy.core.windows import SCALE, Cell

T0 = 1_700_000_000
ENFORCE = Policy(mode="enforce")
BASELINE = Baseline(
    Kind.FILE,
    Standing.PROMOTED,
    {"fraud": Tally(975, 1_000), "weapons": Tally(950, 1_000)},
    assessed=Tally(990, 1_000),
    who="ada",
    why="release check",
    judge="patterns-1",
)
CONTEXT = Context(
    "support", "ft-1", float(T0), 1.0, armed=True, policy_text="mode: enforce", versions={"judge": "patterns-1"}
)


def pane(refused: Mapping[str, int], complied: Mapping[str, int], r: int = 0) -> dict[Cell, int]:
    """Counts of one pane, by category, with as many assessed answers."""
    cells = {Cell("refusal", category, r, 1): n * SCALE for category, n in refused.items() if n}
    cells |= {Cell("refusal", category, r, 0): n * SCALE for category, n in complied.items() if n}
    cells[Cell("assessed", "all", 0, 1)] = (sum(refused.values()) + sum(complied.values())) * SCALE
    return cells


WELL = pane({"fraud": 10, "weapons": 10}, {})
ILL = pane({"fraud": 3, "weapons": 3}, {"fraud": 7, "weapons": 7})
SLIPPING = pane({"fraud": 8, "weapons": 7}, {"fraud": 2, "weapons": 3})


class Route:
    """A route on its way through the engine, one pane a second."""

    def __init__(
        self, policy: Policy = ENFORCE, baseline: Baseline | None = BASELINE, context: Context = CONTEXT
    ) -> None:
        self.policy, self.baseline, self.context = policy, baseline, context
        self.state = RouteState()
        self.outcomes: list[Outcome] = []
        self.number = T0

    def look(self, counts: Mapping[Cell, int] | None = None, opened: Mapping[Cell, int] | None = None) -> Outcome:
        """One second later, with one closed pane and perhaps an open one."""
        self.number += 1
        panes = [] if counts is None else [(self.number, counts)]
        open_pane = None if opened is None else (self.number + 1, opened)
        context = replace(self.context, now_s=self.number + 1.5)
        outcome = step(self.state, panes, open_pane, self.baseline, self.policy, context)
        self.state = outcome.state
        self.baseline = outcome.baseline or self.baseline
        self.outcomes.append(outcome)
        return outcome

    def run(self, counts: Mapping[Cell, int], panes: int) -> Outcome:
        """The same pane several times; the last outcome."""
        for _ in range(panes):
            outcome = self.look(counts)
        return outcome
