"""What goes into a look at a route besides its counts, and what comes out. Pure data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from proxy.core.baselines.baseline import Baseline
from proxy.core.decisions.ladder import Action
from proxy.core.decisions.record import Record
from proxy.core.decisions.severity import Flags, Severity
from proxy.core.enforcement import Enforcement, Step
from proxy.core.evidence.findings import Finding
from proxy.core.evidence.state import RouteState
from proxy.core.routes import Pin


class Phase(StrEnum):
    """What the engine is doing for a route."""

    LEARNING = "learning"  # no baseline yet: severity is undecided
    WATCHING = "watching"
    BLIND = "blind"  # not healthy, not ill: not seen


@dataclass(frozen=True, slots=True)
class Context:
    """What is true now about the route, besides its counts.

    `model`: the candidate's name. `now_s`: Unix time. `pane_s`: length of a pane in seconds. `enforce`: an operator's
    switch for this route (`route arm`), None follows the policy's mode. `armed`: the base answered its check prompts
    (or an operator forced it), else `unarmed_reason`. `held`: why automatic actions are stopped (disarmed, suspected
    fault), "" = not. `policy_text`: the policy file's text. `versions`: for the record; `versions["judge"]` is
    compared with the baseline's, since another judge makes another metric. `stale` says why the baseline is ("": it
    is not): safety lines stay in force, drift lines pause. `routes`: how many are watched, and share the budgets.
    """

    route: str
    model: str
    now_s: float
    pane_s: float
    armed: bool = False
    unarmed_reason: str = "the base has not answered its check prompts yet"
    enforce: bool | None = None
    held: str = ""
    pin: Pin = Pin.NONE
    flags: Flags = Flags()
    policy_text: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    stale: str = ""
    routes: int = 1


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one call found and decided.

    `action` is what was done, `would_action` what would have been done, None where nothing changed; `reasons` say why
    `step` stays below `would` ("mode is shadow: ...", "revert not armed: ..."). `blind` is "" or why the route is
    blind. `skipped` names categories without lines, with the reason. `tests` counts the tests of each kind of line.
    `recovered` names the strata whose recovery is proved now. `notes` say what stands beside the lines ("the canaries
    fell below their critical line too"). Of the last three, see `engine`.
    """

    state: RouteState
    phase: Phase
    findings: tuple[Finding, ...]
    severity: Severity
    step: Step
    would: Step
    action: Action | None = None
    would_action: Action | None = None
    reasons: tuple[str, ...] = ()
    blind: str = ""
    skipped: tuple[str, ...] = ()
    tests: Mapping[str, int] = field(default_factory=dict)
    recovered: tuple[str, ...] = ()
    enforcement: Enforcement | None = None
    baseline: Baseline | None = None
    record: Record | None = None
    notes: tuple[str, ...] = ()
