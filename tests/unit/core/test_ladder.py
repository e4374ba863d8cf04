"""The ladder: its table, its latches, and what may stand in the way."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.decisions.ladder import LATCHED, ORDER, Action, Command, Conditions, climb, command
from proxy.core.decisions.severity import Severity
from proxy.core.enforcement import Step
from proxy.core.routes import Pin

FREE = Conditions(enforce=True, revert_on=Severity.CRITICAL, armed=True)
steps = st.sampled_from(list(Step))
severities = st.sampled_from(list(Severity))
conditions = st.builds(
    Conditions,
    enforce=st.booleans(),
    revert_on=st.sampled_from([Severity.HIGH, Severity.CRITICAL]),
    armed=st.booleans(),
    unarmed_reason=st.just("not checked"),
    confirmed=st.booleans(),
    held=st.sampled_from(["", "disarmed by ada"]),
    pin=st.sampled_from(list(Pin)),
    recovered=st.booleans(),
)


def rung(step: Step) -> int:
    return ORDER.index(step)


@pytest.mark.parametrize(
    ("severity", "step", "action"),
    [
        (Severity.UNDECIDED, Step.STEADY, None),
        (Severity.LOW, Step.STEADY, None),
        (Severity.MEDIUM, Step.WATCH, Action.WATCH),
        (Severity.HIGH, Step.LIMITED, Action.LIMIT),
        (Severity.CRITICAL, Step.REVERTED, Action.REVERT),
    ],
)
def test_the_table_from_steady(severity: Severity, step: Step, action: Action | None) -> None:
    move = climb(Step.STEADY, Step.STEADY, severity, FREE)
    assert (move.step, move.would, move.action, move.reasons) == (step, step, action, ())


def test_revert_on_high() -> None:
    move = climb(Step.WATCH, Step.WATCH, Severity.HIGH, replace(FREE, revert_on=Severity.HIGH))
    assert (move.step, move.action) == (Step.REVERTED, Action.REVERT)


@pytest.mark.parametrize(
    ("changed", "step", "reason"),
    [
        ({"armed": False, "unarmed_reason": "base answered 500"}, Step.LIMITED, "revert not armed: base answered 500"),
        ({"confirmed": False}, Step.WATCH, "the baseline is provisional"),
        ({"enforce": False}, Step.STEADY, "mode is shadow"),
        ({"held": "disarmed by ada"}, Step.STEADY, "automatic actions are held: disarmed by ada"),
        ({"pin": Pin.CANDIDATE}, Step.STEADY, "the route is pinned to its candidate"),
    ],
)
def test_what_stands_in_the_way_is_said(changed: dict[str, object], step: Step, reason: str) -> None:
    move = climb(Step.STEADY, Step.STEADY, Severity.CRITICAL, replace(FREE, **changed))  # type: ignore[arg-type]
    assert (move.step, move.would, move.would_action) == (step, Step.REVERTED, Action.REVERT)
    assert len(move.reasons) == 1 and move.reasons[0].startswith(reason)


def test_recovery_lifts_a_limit_and_never_a_revert() -> None:
    recovered = replace(FREE, recovered=True)
    assert climb(Step.LIMITED, Step.LIMITED, Severity.LOW, recovered).action is Action.LIFT
    assert climb(Step.LIMITED, Step.LIMITED, Severity.LOW, FREE).step is Step.LIMITED
    assert climb(Step.REVERTED, Step.REVERTED, Severity.LOW, recovered).step is Step.REVERTED
    assert climb(Step.OFFLINE, Step.OFFLINE, Severity.LOW, recovered).step is Step.OFFLINE


@given(steps, steps, severities, conditions)
def test_a_latch_holds_whatever_the_evidence(step: Step, would: Step, severity: Severity, c: Conditions) -> None:
    move = climb(step, would, severity, c)
    if step in LATCHED:
        assert (move.step, move.action) == (step, None)
    if would in LATCHED:
        assert move.would is would


@given(steps, steps, severities, severities, conditions)
def test_worse_never_leads_to_less(step: Step, would: Step, one: Severity, two: Severity, c: Conditions) -> None:
    mild, harsh = sorted((one, two), key=lambda severity: severity.rank)
    low, high = climb(step, would, mild, c), climb(step, would, harsh, c)
    assert rung(low.step) <= rung(high.step)
    assert rung(low.would) <= rung(high.would)


@given(steps, steps, severities, conditions)
def test_shadow_and_holds_never_climb(step: Step, would: Step, severity: Severity, c: Conditions) -> None:
    move = climb(step, would, severity, c)
    free = climb(step, would, severity, replace(c, enforce=True, armed=True, confirmed=True, held="", pin=Pin.NONE))
    if not c.enforce or c.held or c.pin is not Pin.NONE:
        assert rung(move.step) <= rung(step)
    if not c.recovered:
        assert rung(move.step) >= rung(step) and rung(move.would) >= rung(would)
    assert move.would is free.would
    assert rung(move.step) <= rung(free.step)


@given(steps, steps, severities, conditions)
def test_no_revert_without_arms_and_offline_only_by_order(
    step: Step, would: Step, severity: Severity, c: Conditions
) -> None:
    move = climb(step, would, severity, c)
    if move.action is Action.REVERT:
        assert c.armed and c.confirmed and c.enforce and severity.rank >= c.revert_on.rank
    assert move.action not in (Action.OFFLINE, Action.RESTORE)
    assert (move.action is None) == (move.step is step)
    assert (move.would_action is None) == (move.would is would)


@given(steps, steps, severities, conditions)
def test_a_second_look_at_the_same_changes_nothing(step: Step, would: Step, severity: Severity, c: Conditions) -> None:
    once = climb(step, would, severity, c)
    twice = climb(once.step, once.would, severity, c)
    assert (twice.step, twice.would, twice.action) == (once.step, once.would, None)


@given(steps, st.sampled_from(list(Command)))
def test_an_order_is_obeyed_from_every_step(step: Step, order: Command) -> None:
    move = command(step, order)
    expected = {Command.REVERT: Step.REVERTED, Command.RESTORE: Step.STEADY, Command.OFFLINE: Step.OFFLINE}[order]
    assert move.step is expected and move.would is expected
    assert (move.action is None) == (step is expected)
