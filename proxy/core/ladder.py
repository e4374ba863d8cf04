"""The ladder: what step a route takes. A table of step and severity, and one function that reads it. Pure.

Two steps are kept: `step` is in force; `would` is where a policy that enforces, with nothing in its way, would stand.
In mode `shadow` only `would` moves. A revert and an offline route are latched: evidence never lifts them, only a
named person. Below them a step falls only on proved recovery (detection section 4).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from proxy.core.enforcement import Step
from proxy.core.routes import Pin
from proxy.core.severity import Severity

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
    """

    enforce: bool
    revert_on: Severity
    armed: bool
    unarmed_reason: str = ""
    confirmed: bool = True
    held: str = ""
    pin: Pin = Pin.NONE
    recovered: bool = False


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
    raise NotImplementedError


def command(step: Step, order: Command) -> Move:
    """An operator's order. It is obeyed in every mode; who and why is recorded by the caller."""
    raise NotImplementedError
