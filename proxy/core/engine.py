"""The evidence engine's one entry point: once a second, for each route, from panes to a step with its reason. Pure.

    outcome = step(state, panes, open_pane, baseline, policy, context)

The caller reads the closed panes of the *candidate* after `state.last_pane` from the store (a window belongs to the
model that served), calls `step`, and writes `outcome.state` by compare-and-set. Losing that race loses nothing: read
again and call again; panes that were already consumed are skipped, so a call may be repeated. The same input gives
the same output bit for bit on every CPU (detection section 8).

What else the caller does with an Outcome:
  * `outcome.baseline` is set once, when live learning closed: keep it and pass it from then on.
  * `outcome.record` is set when step, would or severity changed: append it under `record.id` before acting.
  * `outcome.enforcement` is set when `step` changed: it goes down the wire.
After an operator's order use `ordered`, and after a promotion just pass the promoted baseline.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from proxy.core.baseline import Baseline, Learning
from proxy.core.enforcement import Enforcement, Step
from proxy.core.findings import Finding
from proxy.core.ladder import Action, Command
from proxy.core.policy import Policy
from proxy.core.record import Record
from proxy.core.routes import Pin
from proxy.core.severity import Flags, Severity
from proxy.core.windows import Counts


class Phase(StrEnum):
    """What the engine is doing for a route."""

    LEARNING = "learning"  # no baseline yet: severity is undecided
    WATCHING = "watching"
    BLIND = "blind"  # not healthy, not ill: not seen


@dataclass(frozen=True, slots=True)
class Context:
    """What is true now about the route, besides its counts.

    `model`: the candidate's name. `pane_s`: length of a pane in seconds. `enforce`: an operator's switch for this
    route (`route arm`), None follows the policy's mode. `armed`: the base answered its check prompts (or an operator
    forced it), else `unarmed_reason`. `held`: why automatic actions are stopped (disarmed, suspected fault), "" = not.
    `policy_text`: the policy file's text, for the record. `versions`: judge, groundwire, ... for the record.
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


@dataclass(frozen=True, slots=True)
class RouteState:
    """All that is remembered of a route between two calls. `state_to_json` and `state_from_json` keep it.

    `last_pane`: the last closed pane that was consumed, -1 before the first. `seen_pane`: the last pane with an
    evaluated response. `step` is in force, `would` is what a policy in force would have reached.
    """

    last_pane: int = -1
    seen_pane: int = -1
    step: Step = Step.STEADY
    would: Step = Step.STEADY
    severity: Severity = Severity.UNDECIDED
    learning: Learning = field(default_factory=Learning)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one call found and decided.

    `action` is what was done, `would_action` what would have been done, None where nothing changed; `reasons` say why
    `step` stays below `would` ("mode is shadow", "revert not armed: ..."). `blind` is "" or why the route is blind.
    `skipped` names categories without lines, with the reason. `limits`: number of tests of each kind, ("warning", 5).
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
    enforcement: Enforcement | None = None
    baseline: Baseline | None = None
    record: Record | None = None


def step(
    state: RouteState,
    panes: Sequence[tuple[int, Counts]],
    open_pane: tuple[int, Counts] | None,
    baseline: Baseline | None,
    policy: Policy,
    context: Context,
) -> Outcome:
    """One look at a route: consume closed panes (oldest first), glance at the open one, decide.

    `panes`: closed panes of the candidate, those at or before `state.last_pane` are skipped. `open_pane`: the merged
    counts of panes not closed yet, read for low-side alarms only and not consumed. `baseline` None means learning.
    """
    raise NotImplementedError


def ordered(state: RouteState, order: Command, context: Context, who: str, why: str) -> Outcome:
    """An operator's order: revert, restore or offline. Restore begins the evidence anew. Obeyed in every mode."""
    raise NotImplementedError


def state_to_json(state: RouteState) -> dict[str, Any]:
    """Plain JSON values; `state_from_json` is the inverse."""
    raise NotImplementedError


def state_from_json(data: Any) -> RouteState:
    """Read a state. Raises StateError."""
    raise NotImplementedError
