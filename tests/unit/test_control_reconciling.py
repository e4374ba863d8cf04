"""What stands after an outage in which two replicas decided apart."""

from __future__ import annotations

from dataclasses import replace

import pytest

from proxy.control import entry
from proxy.control.entry import Entry
from proxy.control.reconciling import reconciled
from proxy.core.enforcement import Enforcement, Step
from proxy.core.evidence.state import RouteState
from proxy.core.routes import Route, Target

BASE = Entry(Route("support", Target("default", "support"), Target("default", "base")))
KEY = entry.key_of("support")


def at(step: Step, record_id: str, **more: object) -> Entry:
    state = RouteState(step=step, would=step, record_id=record_id, last_pane=7)
    enforcement = Enforcement("support", step, record_id, "why", 1.0)
    return replace(BASE, state=state, enforcement=enforcement, **more)  # type: ignore[arg-type]


def settled(fleet: Entry, ours: Entry, key: str = KEY) -> Entry:
    return entry.from_bytes(reconciled(key, entry.to_bytes(fleet), entry.to_bytes(ours)))


@pytest.mark.parametrize("step", [Step.STEADY, Step.WATCH, Step.LIMITED])
@pytest.mark.parametrize("latch", [Step.REVERTED, Step.OFFLINE])
def test_a_latch_of_ours_stands_with_its_record_and_the_fleets_evidence(step: Step, latch: Step) -> None:
    fleet, ours = at(step, "theirs"), at(latch, "ours")
    fleet = replace(fleet, state=replace(fleet.state, last_pane=9))
    after = settled(fleet, ours)
    assert (after.state.step, after.state.record_id, after.state.last_pane) == (latch, "ours", 9)
    assert after.enforcement == ours.enforcement


@pytest.mark.parametrize("ours", [Step.STEADY, Step.WATCH, Step.LIMITED])
def test_else_the_fleet_stands(ours: Step) -> None:
    assert settled(at(Step.REVERTED, "theirs"), at(ours, "ours")) == at(Step.REVERTED, "theirs")
    assert settled(at(Step.WATCH, "theirs"), at(ours, "ours")) == at(Step.WATCH, "theirs")


def test_a_person_who_restored_meanwhile_is_obeyed() -> None:
    restored = at(Step.STEADY, "restored", restores=1)
    assert settled(restored, at(Step.REVERTED, "ours")) == restored


def test_another_model_behind_the_name_is_another_matter() -> None:
    assert settled(at(Step.STEADY, "theirs", epoch=2), at(Step.REVERTED, "ours")) == at(Step.STEADY, "theirs", epoch=2)


def test_values_of_other_kinds_and_unreadable_ones_are_the_fleets() -> None:
    assert reconciled("guard", b"theirs", b"ours") == b"theirs"
    assert reconciled(KEY, b"theirs", b"not an entry") == b"theirs"
