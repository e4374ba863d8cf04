"""The ladder: what step a route takes. A table of step and severity, and one function that reads it. Pure.

Two steps are kept: `step` is in force; `would` is where a policy that enforces, with nothing in its way, would stand.
In mode `shadow` only `would` moves. A revert and an offline route are latched: evidence never lifts them, only a
named person. Below them a step falls only on proved recovery (detection section 4).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from proxy.core.decisions.severity import Severity
from proxy.core.enforcement import Step
from proxy.core.routes import Pin

ORDER: Final = tuple(Step)
LATCHED: Final = frozenset({Step.REVERTED, Step.OFFLINE})


class Action(StrEnum):
    """What changes for the traffic of a route."""

    WATCH = "watch"  # nothing changes for traffic; people are told
    LIMIT = "limit"
    REVERT = "revert"
    LIFT = "lift"  # a mild step falls after proved recovery
    RESTORE = "restore"  # an operator puts the candidate back
    OFFLINE = "offline"


class Command(StrEnum):
    """What an operator may do to a route's step."""

    REVERT = "revert"
    RESTORE = "restore"
    OFFLINE = "offline"


@dataclass(frozen=True, slots=True)
class Conditions:
    """All that may stand between a severity and a step.

    `enforce`: the policy's mode, or an operator's switch for the route. `armed`: the base answered its check; else
    `unarmed_reason` says why not. `confirmed`: the baseline is promoted, or the policy lets a provisional one revert.
    `held`: why automatic actions are stopped ("" = they are not). `recovered`: a mirrored test lifted a finding now.
    `one_tenant`: why the evidence is too narrow for a revert ("" = it is not): it is no circumstance, so `would` heeds
    it too.
    """

    enforce: bool
    revert_on: Severity
    armed: bool
    unarmed_reason: str = ""
    confirmed: bool = True
    held: str = ""
    pin: Pin = Pin.NONE
    recovered: bool = False
    one_tenant: str = ""


@dataclass(frozen=True, slots=True)
class Move:
    """The answer: the steps after, what was done, and each reason why `step` stays below `would`."""

    step: Step
    would: Step
    action: Action | None
    would_action: Action | None
    reasons: tuple[str, ...] = ()


# Where a severity leads, when nothing stands in the way and `revert_on` is critical.
GOAL: Final = {
    Severity.UNDECIDED: Step.STEADY,
    Severity.LOW: Step.STEADY,
    Severity.MEDIUM: Step.WATCH,
    Severity.HIGH: Step.LIMITED,
    Severity.CRITICAL: Step.REVERTED,
}


def climb(step: Step, would: Step, severity: Severity, conditions: Conditions) -> Move:
    """The next step of a route, from the steps that stand, its severity now and the conditions."""
    goal = _goal(severity, conditions.revert_on)
    narrow = conditions.one_tenant if goal is Step.REVERTED else ""
    goal = Step.LIMITED if narrow else goal
    cap, reasons = _cap(step, goal, conditions)
    after = _next(step, min(goal, cap, key=ORDER.index), recovered=conditions.recovered)
    would_after = _next(would, goal, recovered=conditions.recovered)
    reasons = (*reasons, narrow) if narrow else reasons
    return Move(after, would_after, action(step, after), action(would, would_after), reasons)


def command(step: Step, order: Command) -> Move:
    """An operator's order. It is obeyed in every mode; who and why is recorded by the caller."""
    after = ORDERED[order]
    done = None if after is step else BY_COMMAND[order]
    return Move(after, after, done, done)


def action(before: Step, after: Step) -> Action | None:
    """What the ladder did between two steps; None where they are the same."""
    if before is after:
        return None
    return _BY_STEP[after] if _above(after, before) else Action.LIFT


ORDERED: Final = {
    Command.REVERT: Step.REVERTED,
    Command.RESTORE: Step.STEADY,
    Command.OFFLINE: Step.OFFLINE,
}
BY_COMMAND: Final = {
    Command.REVERT: Action.REVERT,
    Command.RESTORE: Action.RESTORE,
    Command.OFFLINE: Action.OFFLINE,
}
_BY_STEP: Final = {Step.WATCH: Action.WATCH, Step.LIMITED: Action.LIMIT, Step.REVERTED: Action.REVERT}


def _goal(severity: Severity, revert_on: Severity) -> Step:
    return Step.REVERTED if severity.rank >= revert_on.rank else GOAL[severity]


def _next(current: Step, goal: Step, *, recovered: bool) -> Step:
    """Up at once; down only on proved recovery; away from a latch never."""
    if current in LATCHED:
        return current
    return goal if recovered else max(current, goal, key=ORDER.index)


def _cap(step: Step, goal: Step, conditions: Conditions) -> tuple[Step, tuple[str, ...]]:
    """The highest step that may be taken, and why it is below the goal. A cap below the present step lowers nothing."""
    reasons = tuple(text for highest, text in _obstacles(step, conditions) if _above(goal, highest))
    caps = [highest for highest, _ in _obstacles(step, conditions)]
    return min([*caps, Step.OFFLINE], key=ORDER.index), reasons


def _obstacles(step: Step, conditions: Conditions) -> list[tuple[Step, str]]:
    """(highest step allowed, why) for each condition that stands in the way."""
    found: list[tuple[Step, str]] = []
    if not conditions.enforce:
        found.append((step, "mode is shadow: nothing is done"))
    if conditions.held:
        found.append((step, f"automatic actions are held: {conditions.held}"))
    if conditions.pin is not Pin.NONE:
        found.append((step, f"the route is pinned to its {conditions.pin} by config"))
    if not conditions.armed:
        found.append((Step.LIMITED, f"revert not armed: {conditions.unarmed_reason}"))
    if not conditions.confirmed:
        found.append((Step.WATCH, "the baseline is provisional: it informs and warns; `route promote` lets it act"))
    return found


def _above(one: Step, other: Step) -> bool:
    return ORDER.index(one) > ORDER.index(other)
