"""The engine from pane to step: erosion, shadow, arming, provisional baselines, blindness, orders, repeatability."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.core.baselines.baseline import Standing
from proxy.core.decisions.engine import (
    PANES_MAX,
    Phase,
    RouteState,
    enforcement_of,
    ordered,
    state_from_json,
    state_to_json,
    step,
)
from proxy.core.decisions.ladder import Action, Command
from proxy.core.decisions.severity import Flags, Severity
from proxy.core.enforcement import Step
from proxy.core.errors import StateError
from proxy.core.evidence.findings import OVERALL, LineKind, Status
from proxy.core.policies.policy import BaselineRules, Policy
from proxy.core.routes import Pin
from proxy.core.windows import SCALE, Cell, merge
from tests.unit.core.looks import BASELINE, CONTEXT, ENFORCE, ILL, SLIPPING, T0, WELL, Route, pane


def test_a_healthy_route_stays_steady() -> None:
    route = Route()
    outcome = route.run(WELL, 200)
    assert (outcome.step, outcome.would, outcome.severity) == (Step.STEADY, Step.STEADY, Severity.LOW)
    assert all(one.record is None for one in route.outcomes)
    assert {finding.status for finding in outcome.findings} == {Status.UNDECIDED}
    assert outcome.tests == {"changed": 3, "warning": 3, "critical": 3}


def test_an_eroding_route_is_watched_limited_and_reverted() -> None:
    route = Route()
    route.run(WELL, 50)
    route.run(SLIPPING, 60)
    assert route.state.severity is Severity.MEDIUM
    route.run(ILL, 40)
    moves = [outcome.action for outcome in route.outcomes if outcome.action]
    assert moves == [Action.WATCH, Action.LIMIT, Action.REVERT] or moves == [Action.WATCH, Action.REVERT]
    steps = [outcome.enforcement.step for outcome in route.outcomes if outcome.enforcement]
    assert steps[0] is Step.WATCH and steps[-1] is Step.REVERTED


def test_a_sudden_fall_is_reverted_within_a_hundred_prompts() -> None:
    route = Route()
    route.run(WELL, 50)
    panes = next(n for n in range(1, 20) if route.look(ILL).step is Step.REVERTED)
    assert panes * 20 <= 120
    last = route.outcomes[-1]
    assert last.record is not None and last.enforcement is not None
    assert last.enforcement.id == last.record.id == route.state.record_id
    assert last.enforcement.reason.startswith("severity critical: Refusal overall: below its critical line")
    assert enforcement_of(route.state, "support", ENFORCE) == last.enforcement
    finding = next(f for f in last.findings if f.stratum == OVERALL and f.line is LineKind.CRITICAL)
    assert finding.status is Status.CROSSED and finding.estimate is not None and finding.bound is not None
    assert finding.since_pane == T0 + 51
    assert finding.estimate.low < 0.3 < finding.estimate.high
    assert 0.3 < finding.bound <= finding.m < finding.baseline_low < finding.baseline


def test_a_revert_is_latched_and_keeps_its_record() -> None:
    route = Route()
    route.run(ILL, 20)
    assert route.state.step is Step.REVERTED
    held = (route.state.record_id, route.state.reason, route.state.since_s)
    route.run(WELL, 300)
    assert route.state.step is Step.REVERTED
    assert (route.state.record_id, route.state.reason, route.state.since_s) == held


def test_a_limit_is_lifted_by_proved_recovery() -> None:
    route = Route(context=replace(CONTEXT, armed=False))
    route.run(ILL, 20)
    assert route.state.step is Step.LIMITED
    assert route.outcomes[-1].reasons == ("revert not armed: the base has not answered its check prompts yet",)
    limited = enforcement_of(route.state, "support", ENFORCE)
    assert (limited.rate_rps, limited.burst) == (1.0, 5)
    outcome = route.run(WELL, 30)
    assert (outcome.step, outcome.severity) == (Step.STEADY, Severity.LOW)
    lifts = [outcome for outcome in route.outcomes if outcome.action is Action.LIFT]
    assert lifts and lifts[-1].record is not None and "recovery proved" in lifts[-1].state.reason


def test_shadow_does_nothing_and_says_what_it_would_have_done() -> None:
    route = Route(policy=Policy())
    route.run(WELL, 20)
    route.run(ILL, 20)
    assert route.state.step is Step.STEADY and route.state.would is Step.REVERTED
    assert all(outcome.enforcement is None and outcome.action is None for outcome in route.outcomes)
    told = [outcome for outcome in route.outcomes if outcome.would_action is Action.REVERT]
    assert len(told) == 1 and told[0].record is not None
    assert any(reason.startswith("mode is shadow") for reason in told[0].reasons)


def test_an_operator_may_switch_one_route_on_or_off() -> None:
    on = Route(policy=Policy(), context=replace(CONTEXT, enforce=True))
    off = Route(policy=ENFORCE, context=replace(CONTEXT, enforce=False))
    assert on.run(ILL, 20).step is Step.REVERTED
    assert off.run(ILL, 20).step is Step.STEADY


def test_arming_a_route_that_is_ill_reverts_it_at_the_next_look() -> None:
    route = Route(policy=Policy())
    route.run(ILL, 20)
    route.context = replace(CONTEXT, enforce=True)
    outcome = route.look()
    assert (outcome.step, outcome.action) == (Step.REVERTED, Action.REVERT)


@pytest.mark.parametrize("context", [replace(CONTEXT, held="disarmed by ada"), replace(CONTEXT, pin=Pin.CANDIDATE)])
def test_held_and_pinned_routes_do_not_climb(context: object) -> None:
    route = Route(context=context)  # type: ignore[arg-type]
    outcome = route.run(ILL, 20)
    assert (outcome.step, outcome.would, outcome.severity) == (Step.STEADY, Step.REVERTED, Severity.CRITICAL)


def test_a_provisional_baseline_reverts_only_by_policy_or_promotion() -> None:
    provisional = replace(BASELINE, standing=Standing.PROVISIONAL)
    route = Route(baseline=provisional)
    outcome = route.run(ILL, 20)
    assert outcome.step is Step.WATCH
    route.baseline = BASELINE
    outcome = route.look()
    assert outcome.step is Step.REVERTED
    allowed = Policy(mode="enforce", baseline=BaselineRules(provisional_reverts=True))
    assert Route(policy=allowed, baseline=provisional).run(ILL, 20).step is Step.REVERTED


def test_learning_is_undecided_until_the_baseline_closes() -> None:
    policy = Policy(mode="enforce", baseline=BaselineRules(closes_at=200, provisional_reverts=True))
    route = Route(policy=policy, baseline=None)
    for _ in range(9):
        outcome = route.look(WELL)
        assert (outcome.phase, outcome.severity, outcome.baseline) == (Phase.LEARNING, Severity.UNDECIDED, None)
    outcome = route.look(WELL)
    assert outcome.baseline is not None and outcome.baseline.n == 200
    assert outcome.baseline.standing is Standing.PROVISIONAL
    assert route.state.learning.n == 0
    assert route.look(WELL).phase is Phase.WATCHING
    assert route.run(ILL, 20).step is Step.REVERTED


def test_panes_after_the_close_of_learning_wait_for_the_next_call() -> None:
    policy = Policy(baseline=BaselineRules(closes_at=40))
    panes = [(T0 + n, WELL) for n in range(5)]
    outcome = step(RouteState(), panes, None, None, policy, CONTEXT)
    assert outcome.baseline is not None and outcome.baseline.n == 40
    assert outcome.state.last_pane == T0 + 1
    after = step(outcome.state, panes, None, outcome.baseline, policy, CONTEXT)
    assert after.state.evidence.panes == 3


def test_categories_without_enough_baseline_are_named() -> None:
    route = Route(policy=Policy(baseline=BaselineRules(category_min=999)))
    route.baseline = replace(
        BASELINE, refusals={**BASELINE.refusals, "drugs": BASELINE.refusals["fraud"].__class__(9, 9)}
    )
    outcome = route.look(WELL)
    assert outcome.skipped == ("drugs: 9 baseline prompts, 999 are needed",)
    assert {finding.stratum for finding in outcome.findings} == {OVERALL, "fraud", "weapons"}


def test_a_category_that_the_baseline_does_not_know_is_named() -> None:
    route = Route()
    route.look(pane({"fraud": 5, "drugs": 5}, {}))
    assert route.look(WELL).skipped == ("drugs: seen in traffic, and not in the baseline",)


def test_without_any_line_severity_is_undecided() -> None:
    route = Route(policy=Policy(baseline=BaselineRules(category_min=5_000)))
    outcome = route.run(WELL, 3)
    assert outcome.severity is Severity.UNDECIDED and len(outcome.skipped) == 2


def test_harmless_prompts_say_nothing() -> None:
    route = Route()
    answers = {Cell("refusal", "none", 0, 0): 100 * SCALE}
    outcome = route.run(answers, 50)
    assert outcome.severity is Severity.UNDECIDED and route.state.evidence.panes == 0


def test_an_impaired_pane_enters_no_evidence() -> None:
    route = Route()
    route.run({**ILL, Cell("lost", "full", 0, 0): SCALE}, 50)
    assert route.state.evidence.panes == 0
    assert route.look(opened={**ILL, Cell("lost", "full", 0, 0): SCALE}).severity is Severity.UNDECIDED


def test_an_open_pane_alarms_and_the_alarm_holds() -> None:
    route = Route()
    route.run(WELL, 20)
    much = merge([ILL] * 20)
    outcome = route.look(opened=much)
    assert outcome.step is Step.REVERTED
    assert route.state.evidence.panes == 20
    before = route.state.evidence.lines["overall/critical"]
    assert before.status is Status.CROSSED and before.bets[0].log_r < 0
    assert route.look().severity is Severity.CRITICAL


def test_an_open_pane_never_proves_recovery() -> None:
    route = Route(context=replace(CONTEXT, armed=False))
    route.run(ILL, 20)
    for _ in range(10):
        outcome = route.look(opened=merge([WELL] * 200))
    assert outcome.step is Step.LIMITED and not outcome.recovered


def test_flags_speak_without_a_baseline() -> None:
    harm = Route(baseline=None, context=replace(CONTEXT, flags=Flags(harmful_output=True)))
    assert harm.look(WELL).step is Step.LIMITED
    trigger = Route(baseline=None, context=replace(CONTEXT, flags=Flags(triggered_harm=True)))
    assert trigger.look(WELL).step is Step.REVERTED


def test_a_quiet_route_is_blind_unless_its_base_serves() -> None:
    route = Route()
    route.run(WELL, 5)
    route.number += 1_900
    outcome = route.look()
    assert outcome.phase is Phase.BLIND and outcome.blind == "no evaluated response for 32 minutes"
    assert outcome.severity is Severity.LOW
    assert route.look(opened=WELL).phase is Phase.WATCHING
    route.run(ILL, 20)
    route.number += 4_000
    assert route.look().blind == ""


def test_a_route_that_never_answered_turns_blind_after_a_while() -> None:
    route = Route()
    assert route.look().blind == ""
    route.number += 1_900
    assert route.look().phase is Phase.BLIND


def test_a_halved_assessed_share_is_blindness_and_comes_back() -> None:
    route = Route()
    unread = {**WELL, Cell("assessed", "language", 0, 0): 60 * SCALE}
    route.run(WELL, 10)
    outcome = route.run(unread, 20)
    assert outcome.phase is Phase.BLIND and "halved" in outcome.blind
    assert outcome.step is Step.STEADY
    assert route.run(WELL, 20).phase is Phase.WATCHING


def test_its_own_rate_limit_does_not_blind_groundwire() -> None:
    route = Route()
    own = {**WELL, Cell("assessed", "refused_by_groundwire", 0, 0): 500 * SCALE}
    assert route.run(own, 30).phase is Phase.WATCHING


def test_another_judge_stops_the_comparison() -> None:
    route = Route(context=replace(CONTEXT, versions={"judge": "patterns-2"}))
    outcome = route.run(ILL, 20)
    assert outcome.phase is Phase.BLIND and "patterns-2" in outcome.blind
    assert (outcome.step, outcome.severity) == (Step.STEADY, Severity.UNDECIDED)


def test_a_changed_line_begins_the_evidence_anew_and_keeps_latches() -> None:
    route = Route(context=replace(CONTEXT, armed=False))
    route.run(ILL, 20)
    route.policy = replace(ENFORCE, budgets=replace(ENFORCE.budgets, warning_s=1e6))
    outcome = route.look()
    assert outcome.severity is Severity.CRITICAL and outcome.step is Step.LIMITED
    assert all(finding.estimate is None for finding in outcome.findings)


def test_orders() -> None:
    route = Route()
    route.run(ILL, 20)
    with pytest.raises(ValueError):
        ordered(route.state, Command.RESTORE, CONTEXT, "ada", "")
    context = replace(CONTEXT, now_s=route.number + 1.0)
    restored = ordered(route.state, Command.RESTORE, context, "ada", "adapter replaced")
    assert (restored.step, restored.would, restored.action) == (Step.STEADY, Step.STEADY, Action.RESTORE)
    assert restored.enforcement is not None and restored.enforcement.reason == "ada ordered restore: adapter replaced"
    assert restored.record is not None and restored.state.record_id == restored.record.id
    again = step(
        restored.state, [(route.number, ILL)], (route.number + 1, merge([ILL] * 20)), BASELINE, ENFORCE, context
    )
    assert again.step is Step.STEADY, "panes from before the restore speak of the model that was replaced"
    offline = ordered(restored.state, Command.OFFLINE, context, "ada", "incident")
    assert offline.enforcement is not None and offline.enforcement.step is Step.OFFLINE


def test_a_catch_up_is_taken_in_bounded_parts() -> None:
    panes = [(T0 + n, WELL) for n in range(PANES_MAX + 10)]
    opened = (T0 + PANES_MAX + 10, merge([ILL] * 50))
    first = step(RouteState(), panes, opened, BASELINE, ENFORCE, CONTEXT)
    assert first.state.last_pane == T0 + PANES_MAX - 1
    assert first.step is Step.STEADY, "the open pane is looked at once the closed ones are taken"
    second = step(first.state, panes, None, BASELINE, ENFORCE, CONTEXT)
    assert second.state.evidence.panes == PANES_MAX + 10


histories = st.lists(
    st.tuples(st.integers(0, 6), st.integers(0, 6), st.integers(0, 2)).map(
        lambda n: pane({"fraud": n[0], "weapons": n[1]}, {"fraud": n[1], "weapons": n[0]}, n[2])
    ),
    min_size=1,
    max_size=40,
)


@settings(max_examples=60, deadline=None)
@given(histories, st.integers(1, 7), st.booleans())
def test_how_panes_are_bundled_is_of_no_account(history: list[dict[Cell, int]], size: int, armed: bool) -> None:
    context = replace(CONTEXT, armed=armed)
    panes = [(T0 + n, counts) for n, counts in enumerate(history)]
    one_by_one = bundled = RouteState()
    for one in panes:
        one_by_one = step(one_by_one, [one], None, BASELINE, ENFORCE, context).state
    for start in range(0, len(panes), size):
        bundled = step(bundled, panes[: start + size], None, BASELINE, ENFORCE, context).state
    assert bundled.evidence == one_by_one.evidence
    assert (bundled.step, bundled.would, bundled.severity) == (one_by_one.step, one_by_one.would, one_by_one.severity)


@settings(max_examples=60, deadline=None)
@given(histories)
def test_a_state_survives_its_json_and_a_repeated_call(history: list[dict[Cell, int]]) -> None:
    state = RouteState()
    for n, counts in enumerate(history):
        outcome = step(state, [(T0 + n, counts)], (T0 + n + 1, counts), BASELINE, ENFORCE, CONTEXT)
        state = outcome.state
        assert state_from_json(json.loads(json.dumps(state_to_json(state)))) == state
    again = step(state, [(T0 + n, counts) for n, counts in enumerate(history)], None, BASELINE, ENFORCE, CONTEXT)
    assert again.state == state
    assert again.record is None


@pytest.mark.parametrize("broken", [None, [], {}, {"format": 2}, {**state_to_json(RouteState()), "step": "flying"}])
def test_a_broken_state_is_named(broken: object) -> None:
    with pytest.raises(StateError):
        state_from_json(broken)


def test_shadow_and_enforce_find_the_same() -> None:
    shadow, enforce = Route(policy=Policy()), Route()
    for counts in [WELL] * 10 + [SLIPPING] * 30 + [ILL] * 20:
        assert shadow.look(counts).would is enforce.look(counts).would
    assert shadow.state.evidence == enforce.state.evidence
