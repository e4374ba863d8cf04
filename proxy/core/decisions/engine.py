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
For an operator's order call `ordered`; after a promotion just pass the promoted baseline.
After a long absence at most PANES_MAX panes are taken in one call: call again while panes are left.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from proxy.core.baselines.baseline import Baseline
from proxy.core.decisions import explain, ladder
from proxy.core.decisions.decide import PANES_MAX, Look, Pane, findings, fresh_panes, judge
from proxy.core.decisions.ladder import LATCHED, Command
from proxy.core.decisions.outcome import Context, Outcome, Phase
from proxy.core.decisions.record import Record
from proxy.core.decisions.replay import record_of, record_of_order
from proxy.core.decisions.severity import Severity
from proxy.core.enforcement import Enforcement, Step
from proxy.core.evidence.plan import Plan, make_plan
from proxy.core.evidence.state import RouteState, restarted
from proxy.core.evidence.state import from_json as state_from_json
from proxy.core.evidence.state import to_json as state_to_json
from proxy.core.policies.policy import Policy
from proxy.core.windows import pane_of

__all__ = [
    "PANES_MAX",
    "Context",
    "Outcome",
    "Phase",
    "RouteState",
    "enforcement_of",
    "ordered",
    "plan_of",
    "state_from_json",
    "state_to_json",
    "step",
]


def step(  # noqa: PLR0917 - the order in which a reader would ask for them
    state: RouteState,
    panes: Sequence[Pane],
    open_pane: Pane | None,
    baseline: Baseline | None,
    policy: Policy,
    context: Context,
    *,
    plan: Plan | None = None,
    tell: bool = True,
) -> Outcome:
    """One look at a route: consume closed panes, glance at the open one, decide.

    `panes`: closed panes of the candidate; those at or before `state.last_pane` are skipped, at most PANES_MAX are
    taken. `open_pane`: the merged counts of all panes that are not closed yet, under the number of the newest; it is
    read for alarms only and not consumed. `baseline` None means learning. `plan`: that of baseline, policy and context
    (`plan_of`), where the caller kept it. `tell` false leaves the findings out where they are no news: they cost more
    than deciding.
    """
    taken = fresh_panes(state, panes)
    glanced = open_pane if open_pane is not None and _follows(open_pane, state, panes, taken) else None
    look = Look(state, taken, glanced, plan or plan_of(baseline, policy, context), baseline, policy, context)
    outcome = judge(look)
    news = _is_news(state, outcome)
    if tell or news:
        outcome = replace(outcome, findings=findings(look, outcome.state))
    if not news:
        return outcome
    return _recorded(state, outcome, record_of(look, outcome), policy, context)


def plan_of(baseline: Baseline | None, policy: Policy, context: Context) -> Plan:
    """The plan that `step` makes. The same baseline, policy, pane length and number of routes give the same one."""
    return Plan() if baseline is None else make_plan(baseline, policy, context.pane_s, context.routes)


def ordered(state: RouteState, order: Command, context: Context, who: str, why: str) -> Outcome:
    """An operator's order: revert, restore or offline. Obeyed in every mode. Raises ValueError without who or why.

    Restore begins the evidence anew, after the pane of now.
    """
    if not who.strip() or not why.strip():
        raise ValueError("an order needs the name of a person and a reason")
    move = ladder.command(state.step, order)
    after = replace(state, step=move.step, would=move.would)
    if order is Command.RESTORE:
        now = pane_of(context.now_s, context.pane_s)
        after = replace(restarted(after), last_pane=max(now, state.last_pane), seen_pane=now)
    outcome = Outcome(
        state=after,
        phase=Phase.WATCHING,
        findings=(),
        severity=after.severity,
        step=move.step,
        would=move.would,
        action=move.action,
        would_action=move.would_action,
    )
    return _recorded(state, outcome, record_of_order(state, order, context, (who, why), outcome), Policy(), context)


def enforcement_of(state: RouteState, route: str, policy: Policy) -> Enforcement:
    """What traffic is told of a route in this state."""
    limited = state.step is Step.LIMITED
    return Enforcement(
        route=route,
        step=state.step,
        id=state.record_id,
        reason=state.reason,
        since_s=state.since_s,
        rate_rps=policy.limited.rate_rps if limited else 0.0,
        burst=policy.limited.burst if limited else 0,
    )


def _follows(open_pane: Pane, state: RouteState, panes: Sequence[Pane], taken: Sequence[Pane]) -> bool:
    """Whether the open pane comes next: not consumed already, and no closed pane is left for another call."""
    last = taken[-1][0] if taken else state.last_pane
    return open_pane[0] > last and not any(pane > last for pane, _ in panes)


def _is_news(before: RouteState, outcome: Outcome) -> bool:
    """Whether people must be told: a step moved, or a severity that is medium or more came or went."""
    moved = (before.step, before.would) != (outcome.step, outcome.would)
    worst = max(before.severity.rank, outcome.severity.rank)
    return moved or (before.severity is not outcome.severity and worst >= Severity.MEDIUM.rank)


def _recorded(before: RouteState, outcome: Outcome, record: Record, policy: Policy, context: Context) -> Outcome:
    """With the record, its reason in the state, and the enforcement where the step moved."""
    state, moved = outcome.state, outcome.step is not before.step
    if moved or not _is_enforced(before.step):
        reason = explain.one_line(record)
        state = replace(state, record_id=record.id, reason=reason, since_s=context.now_s)
    enforcement = enforcement_of(state, context.route, policy) if moved else None
    return replace(outcome, state=state, record=record, enforcement=enforcement)


def _is_enforced(step_now: Step) -> bool:
    """A step that holds traffic keeps the record that put it in force."""
    return step_now is Step.LIMITED or step_now in LATCHED
