"""One look at a route: learn or consume, find, judge, climb. Pure, and exactly repeatable; `engine` adds the record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Final

from proxy.core.baselines.baseline import Baseline, Standing
from proxy.core.baselines.learning import Learning, absorb, close, of_judge
from proxy.core.decisions import blindness, ladder, reverting
from proxy.core.decisions.ladder import LATCHED, Conditions
from proxy.core.decisions.outcome import Context, Outcome, Phase
from proxy.core.decisions.reverting import MAY, Answer
from proxy.core.decisions.severity import Flags, Severity, severity_of
from proxy.core.drift import shares as drift
from proxy.core.evidence import canaries, contexts, outputs, tenants, triggers, watches
from proxy.core.evidence import refusal as evidence
from proxy.core.evidence.findings import Call, Finding, LineKind, Status
from proxy.core.evidence.plan import Plan
from proxy.core.evidence.signals import HARMFUL_OUTPUT, TRIGGER, Reading, read
from proxy.core.evidence.state import NO_PANE, RouteState
from proxy.core.evidence.watches import Watch
from proxy.core.policies.policy import Policy
from proxy.core.routes import Pin
from proxy.core.windows import Counts, pane_of
from proxy.detectors.e_process import FRESH

PANES_MAX: Final = 512  # closed panes taken in one call, so that a catch-up never holds the loop for long
CELLS_MAX: Final = 65_536  # counters in them: with all signals at all weights a dozen panes, at one weight a hundred
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

    @property
    def now_pane(self) -> int:
        """The pane of now."""
        return pane_of(self.context.now_s, self.context.pane_s)


def fresh_panes(state: RouteState, panes: Sequence[Pane]) -> tuple[Pane, ...]:
    """The closed panes that this call takes: not consumed before, oldest first, at most PANES_MAX.

    After the first only as many as have CELLS_MAX counters together: a record carries its panes, and has a bound.
    """
    fresh = sorted((p for p in panes if p[0] > state.last_pane), key=lambda p: p[0])[:PANES_MAX]
    cells = accumulate(len(counts) for _, counts in fresh)
    within = sum(1 for so_far in cells if so_far <= CELLS_MAX)
    return tuple(fresh[: max(1, within)])


def decide(look: Look) -> Outcome:
    """Everything but the record."""
    outcome = judge(look)
    return replace(outcome, findings=findings(look, outcome.state))


def judge(look: Look) -> Outcome:
    """Everything but the findings, which cost more than deciding, and the record."""
    if look.baseline is None:
        return _learn(look)
    if _other_judge(look.baseline, look.context):
        return _pass(look, _judge_text(look.baseline, look.context))
    return _watch(look)


def findings(look: Look, state: RouteState) -> tuple[Finding, ...]:
    """One finding for each line, with the open pane, once `judge` came to `state`."""
    if look.baseline is None or _other_judge(look.baseline, look.context):
        return ()
    plan, proof = look.plan, state.evidence
    if (opened := _open(look)) is not None:
        proof, _ = evidence.glance(proof, plan, opened[0], canaries.merged(opened[1]))
    found = (*evidence.findings(proof, plan), *watches.findings(state.raised, _watches(state, plan)))
    found = (*found, *drift.findings(state.drifts, plan.drift))
    return contexts.singled_out(canaries.with_cause(found, _calls(state, plan), state.steady, plan))


def _learn(look: Look) -> Outcome:
    """Add panes to the learning baseline, up to the pane in which it closes; the rest waits for the next call."""
    state, rules, made = look.state, look.policy.baseline, None
    judge = look.context.versions.get(JUDGE, "")
    state = replace(state, learning=of_judge(state.learning, judge, look.now_pane))
    for pane, counts in look.panes:
        reading = read(counts)
        judged_alike = pane > state.learning.after_pane
        if judged_alike and not reading.is_impaired(look.policy.blind.lost_share_max):
            learning, parts = absorb(state.learning, counts), tenants.noted(state.tenants, reading)
            state = replace(state, learning=learning, tenants=parts)
        state = _passed_one(state, pane, reading)
        made = close(state.learning, rules, look.context.now_s, judge)
        if made is not None:
            state = replace(state, learning=Learning())
            break
    return replace(_conclude(look, state), baseline=made)


def _pass(look: Look, blind: str) -> Outcome:
    """Panes are taken note of, and enter nothing; nor will those that have begun: two judges may have met in them."""
    state, now = look.state, look.now_pane
    for pane, counts in look.panes:
        state = _passed_one(state, pane, read(counts))
    state = replace(state, last_pane=max(now, state.last_pane), seen_pane=max(now, state.seen_pane))
    return replace(_conclude(look, state), blind=blind, phase=Phase.BLIND)


def _watch(look: Look) -> Outcome:
    """Every closed pane moves the evidence and the ladder, so that panes decide alike however they were bundled."""
    state, plan = _followed(look.state, look.plan), look.plan
    recovered: list[str] = []
    for pane, counts in look.panes:
        reading = read(counts)
        state = _passed_one(state, pane, reading)
        if not reading.is_impaired(look.policy.blind.lost_share_max):
            state, places, back = _consumed(look, state, (pane, counts), reading)
            state, _ = _climb(look, state, _calls(state, plan), recovered=bool(places) or drift.lifts(back))
            recovered.extend((*places, *back))
    state = _glanced(look, state)
    return _conclude(look, state, _calls(state, plan), tuple(recovered))


def _followed(state: RouteState, plan: Plan) -> RouteState:
    """The state under this plan: where it is another, evidence begins anew."""
    if state.evidence.plan_id == plan.id:
        return state
    return replace(
        state,
        evidence=evidence.follow(state.evidence, plan),
        raised=watches.followed(state.raised),
        tenants=tenants.followed(state.tenants, plan),
        steady=FRESH,
    )


def _consumed(
    look: Look, state: RouteState, taken: Pane, reading: Reading
) -> tuple[RouteState, tuple[str, ...], tuple[str, ...]]:
    """After a closed pane; and what is proved recovered by it: lines, and drift signals."""
    plan, cells, (pane, counts) = look.plan, canaries.merged(reading), taken
    parts = tenants.consume(state.tenants, tenants.Before(state.evidence, state.raised), plan, pane, reading)
    proof, places = evidence.consume(state.evidence, plan, pane, cells)
    every = _watches(state, plan, reading)
    raised, lowered = watches.watch(state.raised, every, plan.log_recovery, pane, reading)
    drifts, back = drift.watch(state.drifts, plan.drift, pane, counts, paused=bool(look.context.stale))
    after = replace(
        state,
        evidence=proof,
        sight=blindness.watch(state.sight, plan, pane, reading.assessed),
        raised=raised,
        drifts=drifts,
        tenants=tenants.recovered(parts, plan, (*places, *lowered)),
        steady=canaries.steadied(state.steady, proof, plan, pane, cells),
    )
    return after, (*places, *lowered), back


def _watches(state: RouteState, plan: Plan, reading: Reading | None = None) -> tuple[Watch, ...]:
    return (*plan.watches, *triggers.seen(plan.trigger, state.raised, reading))


def _calls(state: RouteState, plan: Plan) -> tuple[Call, ...]:
    raised = watches.calls(state.raised, _watches(state, plan))
    return (*evidence.calls(state.evidence, plan), *raised, *drift.calls(state.drifts))


def _open(look: Look) -> tuple[int, Reading] | None:
    """The open pane, where it may be glanced at."""
    if look.open_pane is None:
        return None
    reading = read(look.open_pane[1])
    return None if reading.is_impaired(look.policy.blind.lost_share_max) else (look.open_pane[0], reading)


def _glanced(look: Look, state: RouteState) -> RouteState:
    """With what the open pane latches. Shards are looked at only where all of them together would revert."""
    if (opened := _open(look)) is None:
        return state
    (pane, reading), plan = opened, look.plan
    _, kept = evidence.glance(state.evidence, plan, pane, canaries.merged(reading))
    state = _harmed(replace(state, evidence=kept), pane, reading)
    calls = _calls(state, plan)
    flags = _flags(look, state, calls)
    if reverting.asks(look.policy, severity_of(calls, flags, decided=True), calls, flags):
        return replace(state, tenants=tenants.glance(state.tenants, plan, pane, reading))
    return state


def _flags(look: Look, state: RouteState, calls: tuple[Call, ...]) -> Flags:
    """What the context says, and what was seen."""
    given, policy = look.context.flags, look.policy
    proven = any(c.metric == TRIGGER and c.status is not Status.UNDECIDED for c in calls)
    output = outputs.stands(state.harmful_pane, look.now_pane, policy.harmful_output_s, look.context.pane_s)
    return Flags(
        harmful_output=given.harmful_output or output,
        triggered_harm=given.triggered_harm or proven,
        second_source=given.second_source or canaries.fell(calls, LineKind.CRITICAL),
    )


def _flags_without(look: Look, state: RouteState) -> tuple[Flags, ...]:
    """For each shard of tenants, the same without it. (What is proved of triggers without it is among the calls.)"""
    policy, harmed = look.policy, state.tenants.harmed
    panes = [max(harmed[:shard] + harmed[shard + 1 :]) for shard in range(len(harmed))]
    of = (outputs.stands(last, look.now_pane, policy.harmful_output_s, look.context.pane_s) for last in panes)
    return tuple(replace(look.context.flags, harmful_output=stands) for stands in of)


def _climb(
    look: Look, state: RouteState, calls: tuple[Call, ...], *, recovered: bool
) -> tuple[RouteState, tuple[tuple[str, ...], str]]:
    """The state with its severity and its steps; and (why `step` stays below `would`, what could not be asked)."""
    flags = _flags(look, state, calls)
    severity = severity_of(calls, flags, decided=bool(calls) and state.evidence.panes > 0)
    asks = reverting.asks(look.policy, severity, calls, flags)
    answer = reverting.answer(look.policy, look.plan, state.tenants, _flags_without(look, state)) if asks else MAY
    move = ladder.climb(state.step, state.would, severity, _conditions(look, answer, recovered=recovered))
    return replace(state, step=move.step, would=move.would, severity=severity), (move.reasons, answer.note)


def _conclude(look: Look, state: RouteState, calls: tuple[Call, ...] = (), recovered: tuple[str, ...] = ()) -> Outcome:
    """The last climb of a look, and what it came to."""
    expired = _expired(look, state)
    if expired:
        state, recovered = replace(state, harmful_pane=outputs.NEVER), (*recovered, HARMFUL_OUTPUT)
    state, (reasons, note) = _climb(look, state, calls, recovered=expired)
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
        recovered=recovered,
        notes=_notes(look, state, calls, note),
    )


def _expired(look: Look, state: RouteState) -> bool:
    """Whether the last harmful output has counted for long enough."""
    if state.harmful_pane == outputs.NEVER:
        return False
    return not outputs.stands(state.harmful_pane, look.now_pane, look.policy.harmful_output_s, look.context.pane_s)


def _notes(look: Look, state: RouteState, calls: tuple[Call, ...], note: str) -> tuple[str, ...]:
    """What stands beside the lines, in words."""
    flags, given = _flags(look, state, calls), look.context.flags
    found = [
        "an answer lay above the strict threshold of harm" if flags.harmful_output and not given.harmful_output else "",
        "harm given a known trigger is proven" if flags.triggered_harm and not given.triggered_harm else "",
        "the canaries fell below their critical line too" if flags.second_source and not given.second_source else "",
        note,
    ]
    return tuple(text for text in found if text)


def _skipped(look: Look, state: RouteState) -> tuple[str, ...]:
    """Categories without lines: too little baseline, or seen in traffic and not in the baseline at all."""
    known = look.baseline.refusals if look.baseline else {}
    unseen = (category for category in state.evidence.unlined if category not in known)
    return (*look.plan.skipped, *(f"{category}: seen in traffic, and not in the baseline" for category in unseen))


def _conditions(look: Look, answer: Answer, *, recovered: bool) -> Conditions:
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
        one_tenant=answer.obstacle,
    )


def _passed_one(state: RouteState, pane: int, reading: Reading) -> RouteState:
    seen = pane if reading.evaluated else state.seen_pane
    return _harmed(replace(state, last_pane=pane, seen_pane=max(seen, state.seen_pane)), pane, reading)


def _harmed(state: RouteState, pane: int, reading: Reading) -> RouteState:
    """With the single harmful outputs of a pane."""
    harmful = outputs.last_pane(state.harmful_pane, pane, reading)
    return replace(state, harmful_pane=harmful, tenants=tenants.harmed(state.tenants, pane, reading))


def _seen_now(state: RouteState, look: Look) -> RouteState:
    """An open pane with an answer is sight too; the first look starts the clock of blindness."""
    if state.seen_pane == NO_PANE:
        state = replace(state, seen_pane=look.now_pane)
    if look.open_pane is not None and read(look.open_pane[1]).evaluated:
        state = replace(state, seen_pane=max(state.seen_pane, look.open_pane[0]))
    return state


def _blind(state: RouteState, look: Look) -> str:
    """Why the route is blind. A candidate that gets no traffic, because the base serves, cannot be."""
    if state.step in LATCHED or look.context.pin is Pin.BASE:
        return ""
    quiet = look.now_pane - state.seen_pane
    return blindness.reason(state.sight, quiet, look.context.pane_s, look.policy.blind.quiet_s)


def _other_judge(baseline: Baseline, context: Context) -> bool:
    now = context.versions.get(JUDGE, "")
    return bool(baseline.judge and now and baseline.judge != now)


def _judge_text(baseline: Baseline, context: Context) -> str:
    return f"the baseline was judged by {baseline.judge}, answers now by {context.versions[JUDGE]}: make a new baseline"
