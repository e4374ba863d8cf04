"""One look at a route: learn or consume, find, judge, climb. Pure, and exactly repeatable; `engine` adds the record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from proxy.core import blindness, drift, evidence, highs, ladder
from proxy.core.baseline import Baseline, Standing
from proxy.core.evidence import Evidence
from proxy.core.findings import Call
from proxy.core.ladder import LATCHED, Conditions
from proxy.core.learning import Learning, absorb, close, of_judge
from proxy.core.outcome import Context, Outcome, Phase
from proxy.core.plan import Plan
from proxy.core.policy import Policy
from proxy.core.routes import Pin
from proxy.core.severity import Severity, severity_of
from proxy.core.signals import harmful_cells, is_impaired, was_evaluated
from proxy.core.state import NO_PANE, RouteState
from proxy.core.windows import Counts, pane_of

PANES_MAX: Final = 512  # closed panes taken in one call, so that a catch-up never holds the loop for long
JUDGE: Final = "judge"

Pane = tuple[int, Counts]


@dataclass(frozen=True, slots=True)
class Look:
    """What is looked at: everything that `decide` needs, and that a record keeps."""

    state: RouteState
    panes: Sequence[Pane]
    open_pane: Pane | None
    plan: Plan
    baseline: Baseline | None
    policy: Policy
    context: Context


def fresh_panes(state: RouteState, panes: Sequence[Pane]) -> tuple[Pane, ...]:
    """The closed panes that this call takes: not consumed before, oldest first, at most PANES_MAX."""
    return tuple(sorted((p for p in panes if p[0] > state.last_pane), key=lambda p: p[0])[:PANES_MAX])


def decide(look: Look) -> Outcome:
    """Everything but the record."""
    if look.baseline is None:
        return _learn(look)
    if _other_judge(look.baseline, look.context):
        return _pass(look, _judge_text(look.baseline, look.context))
    return _watch(look)


def _learn(look: Look) -> Outcome:
    """Add panes to the learning baseline, up to the pane in which it closes; the rest waits for the next call."""
    state, rules, made = look.state, look.policy.baseline, None
    judge, now = look.context.versions.get(JUDGE, ""), pane_of(look.context.now_s, look.context.pane_s)
    state = replace(state, learning=of_judge(state.learning, judge, now))
    for pane, counts in look.panes:
        judged_alike = pane > state.learning.after_pane
        if judged_alike and not is_impaired(counts, look.policy.blind.lost_share_max):
            state = replace(state, learning=absorb(state.learning, counts))
        state = _passed_one(state, pane, counts)
        made = close(state.learning, rules, look.context.now_s, judge)
        if made is not None:
            state = replace(state, learning=Learning())
            break
    state, reasons = _climb(look, state, (), recovered=False)
    return replace(_conclude(look, state, reasons), baseline=made)


def _pass(look: Look, blind: str) -> Outcome:
    """Panes are taken note of, and enter nothing; nor will those that have begun: two judges may have met in them."""
    state, now = look.state, pane_of(look.context.now_s, look.context.pane_s)
    for pane, counts in look.panes:
        state = _passed_one(state, pane, counts)
    state = replace(state, last_pane=max(now, state.last_pane), seen_pane=max(now, state.seen_pane))
    state, reasons = _climb(look, state, (), recovered=False)
    return replace(_conclude(look, state, reasons), blind=blind, phase=Phase.BLIND)


def _watch(look: Look) -> Outcome:
    """Every closed pane moves the evidence and the ladder, so that panes decide alike however they were bundled."""
    state, plan = look.state, look.plan
    if state.evidence.plan_id != plan.id:
        state = replace(state, raised=highs.followed(state.raised))
    state = replace(state, evidence=evidence.follow(state.evidence, plan))
    recovered: list[str] = []
    for pane, counts in look.panes:
        state = _passed_one(state, pane, counts)
        if not is_impaired(counts, look.policy.blind.lost_share_max):
            proof, strata = evidence.consume(state.evidence, plan, pane, harmful_cells(counts))
            state = replace(state, evidence=proof, sight=blindness.watch(state.sight, plan, pane, counts))
            raised, lowered = highs.watch(state.raised, plan.highs, plan.high_limits, pane, counts)
            drifts, back = drift.watch(state.drifts, plan.drift, pane, counts, paused=bool(look.context.stale))
            state = replace(state, raised=raised, drifts=drifts)
            state, _ = _climb(look, state, _calls(state, plan), recovered=bool(strata or lowered or drift.lifts(back)))
            recovered.extend((*strata, *lowered, *back))
    seen, proof = _glance(look, state.evidence)
    state = replace(state, evidence=proof)
    state, reasons = _climb(look, state, _calls(state, plan), recovered=False)
    found = (*evidence.findings(seen, plan), *highs.findings(state.raised, plan.highs, plan.high_limits))
    found = (*found, *drift.findings(state.drifts, plan.drift))
    return replace(_conclude(look, state, reasons), findings=found, recovered=tuple(recovered))


def _calls(state: RouteState, plan: Plan) -> tuple[Call, ...]:
    return (*evidence.calls(state.evidence, plan), *highs.calls(state.raised), *drift.calls(state.drifts))


def _glance(look: Look, proof: Evidence) -> tuple[Evidence, Evidence]:
    if look.open_pane is None or is_impaired(look.open_pane[1], look.policy.blind.lost_share_max):
        return proof, proof
    pane, counts = look.open_pane
    return evidence.glance(proof, look.plan, pane, harmful_cells(counts))


def _climb(
    look: Look, state: RouteState, calls: tuple[Call, ...], *, recovered: bool
) -> tuple[RouteState, tuple[str, ...]]:
    """The state with its severity and its steps, and why `step` stays below `would`."""
    severity = severity_of(calls, look.context.flags, decided=bool(calls) and state.evidence.panes > 0)
    move = ladder.climb(state.step, state.would, severity, _conditions(look, recovered=recovered))
    return replace(state, step=move.step, would=move.would, severity=severity), move.reasons


def _conclude(look: Look, state: RouteState, reasons: tuple[str, ...]) -> Outcome:
    state = _seen_now(state, look)
    blind = _blind(state, look)
    return Outcome(
        state=state,
        phase=Phase.BLIND if blind else Phase.WATCHING if look.baseline else Phase.LEARNING,
        findings=(),
        severity=state.severity,
        step=state.step,
        would=state.would,
        action=ladder.action(look.state.step, state.step),
        would_action=ladder.action(look.state.would, state.would),
        reasons=reasons,
        blind=blind,
        skipped=_skipped(look, state),
        tests=look.plan.count,
    )


def _skipped(look: Look, state: RouteState) -> tuple[str, ...]:
    """Categories without lines: too little baseline, or seen in traffic and not in the baseline at all."""
    known = look.baseline.refusals if look.baseline else {}
    unseen = (category for category in state.evidence.unlined if category not in known)
    return (*look.plan.skipped, *(f"{category}: seen in traffic, and not in the baseline" for category in unseen))


def _conditions(look: Look, *, recovered: bool) -> Conditions:
    policy, context, baseline = look.policy, look.context, look.baseline
    return Conditions(
        enforce=policy.mode == "enforce" if context.enforce is None else context.enforce,
        revert_on=Severity(policy.revert_on),
        armed=context.armed,
        unarmed_reason=context.unarmed_reason,
        confirmed=baseline is None or baseline.standing is Standing.PROMOTED or policy.baseline.provisional_reverts,
        held=context.held,
        pin=context.pin,
        recovered=recovered,
    )


def _passed_one(state: RouteState, pane: int, counts: Counts) -> RouteState:
    seen = pane if was_evaluated(counts) else state.seen_pane
    return replace(state, last_pane=pane, seen_pane=max(seen, state.seen_pane))


def _seen_now(state: RouteState, look: Look) -> RouteState:
    """An open pane with an answer is sight too; the first look starts the clock of blindness."""
    if state.seen_pane == NO_PANE:
        state = replace(state, seen_pane=pane_of(look.context.now_s, look.context.pane_s))
    if look.open_pane is not None and was_evaluated(look.open_pane[1]):
        state = replace(state, seen_pane=max(state.seen_pane, look.open_pane[0]))
    return state


def _blind(state: RouteState, look: Look) -> str:
    """Why the route is blind. A candidate that gets no traffic, because the base serves, cannot be."""
    if state.step in LATCHED or look.context.pin is Pin.BASE:
        return ""
    quiet = pane_of(look.context.now_s, look.context.pane_s) - state.seen_pane
    return blindness.reason(state.sight, quiet, look.context.pane_s, look.policy.blind.quiet_s)


def _other_judge(baseline: Baseline, context: Context) -> bool:
    now = context.versions.get(JUDGE, "")
    return bool(baseline.judge and now and baseline.judge != now)


def _judge_text(baseline: Baseline, context: Context) -> str:
    return f"the baseline was judged by {baseline.judge}, answers now by {context.versions[JUDGE]}: make a new baseline"
