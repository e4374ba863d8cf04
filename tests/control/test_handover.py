"""From one classifier to the next: the one before judges on, the new one learns beside it, no route is blind."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import pytest

from proxy.control.baselines.handover import duty, needed, seated
from proxy.control.baselines.orders import BaselineOrders
from proxy.control.orders import Word
from proxy.control.plane import ControlPlane
from proxy.control.views.samples import control_samples
from proxy.core.baselines.handover import AtHand, Duty, beside
from proxy.core.decisions import engine, replay
from proxy.core.decisions.record import from_bytes, to_bytes
from proxy.core.drift.hours import Hours
from proxy.core.windows import SCALE, Cell
from tests.control.house import CATEGORIES, House, house

KIM = Word("kim", "a drill")
OLD, NEW = "guard-1", "guard-2"


async def learnt(built: House) -> None:
    """The route has a baseline of its first classifier."""
    built.plane.note_judge(OLD)
    await built.days(16, 10, 0)
    await built.plane.build_baselines()
    await built.plane.build_baselines()


async def judged_beside(built: House, refused: int, complied: int, judge: str = NEW) -> None:
    """Verdicts of the learner in the pane of now."""
    counts = {}
    for category in CATEGORIES:
        counts[Cell("refusal", category, 0, 1)] = refused * SCALE
        counts[Cell("refusal", category, 0, 0)] = complied * SCALE
    await built.store.add("support", beside("default/support", judge), int(built.clock()), counts)


async def both(built: House, seconds: int, old: tuple[int, int], new: tuple[int, int], *planes: ControlPlane) -> None:
    """Some seconds in which the one before says one thing, and the new one another."""
    for _ in range(seconds):
        await built.answers(*old)
        await judged_beside(built, *new)
        await built.second(*planes)
        for plane in planes or (built.plane,):
            await plane.build_baselines()


async def entry_of(built: House) -> Any:
    entry = (await built.plane.memory.entry("support").load())[1]
    assert entry is not None
    return entry


def take_over(plane: ControlPlane, at_hand: Collection[str] = (OLD,)) -> None:
    plane.note_judge(NEW, at_hand)


async def test_the_one_before_judges_on_and_its_safety_lines_revert(caplog: pytest.LogCaptureFixture) -> None:
    async with house() as built:
        await learnt(built)
        await BaselineOrders(built.plane).promote("support", "", KIM)
        await built.vouch()
        take_over(built.plane)
        await both(built, 4, (10, 0), (9, 1))
        assert built.plane.duty("support") == Duty(OLD, NEW)
        shown = await built.view()
        assert (shown["status"], shown["baseline"]["status"]) == ("watching", "stale")
        assert "the classifier changed from 'guard-1' to 'guard-2'" in shown["baseline"]["stale"]
        assert "baseline_stale" in caplog.text
        stale = {one.metric.name: one.value for one in control_samples(built.plane)}["groundwire_baseline_stale"]
        assert stale == 1
        await both(built, 30, (2, 8), (9, 1))
        shown = await built.view()
        assert shown["step"] == "reverted", "no route is blind because a classifier is new"
        record = await built.plane.memory.decision(shown["enforcement_id"])
        assert record is not None
        assert record.body["inputs"]["context"]["versions"]["judge"] == OLD
        again = from_bytes(to_bytes(record))
        assert replay.differences(again) == (), "bit for bit"


async def test_a_promoted_baseline_waits_for_a_person_and_then_the_new_one_judges(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with house() as built:
        await learnt(built)
        orders = BaselineOrders(built.plane)
        await orders.promote("support", "", KIM)
        take_over(built.plane)
        await both(built, 20, (10, 0), (8, 2))
        assert "handover_waits" in caplog.text
        entry = await entry_of(built)
        assert (entry.version, entry.heir) == (1, NEW)
        assert built.plane.duty("support") == Duty(OLD, ""), "what it was to learn it has learnt"
        version = await orders.version("support", "2")
        assert (version.baseline.judge, round(version.baseline.rate, 3)) == (NEW, 0.8)
        assert version.parent == 1
        await orders.promote("support", "2", KIM)
        assert built.plane.judges_needed == {OLD, NEW}, "until a look has let all know"
        await built.second()
        assert built.plane.duty("support") == Duty(NEW, "")
        await built.days(12, 8, 2)
        await built.plane.build_baselines()
        shown = await built.view()
        assert (shown["status"], shown["baseline"]["status"]) == ("watching", "promoted")
        assert shown["severity"] == "low"
        assert built.plane.judges_needed == {NEW}, "the one before may go"


async def test_no_pane_of_both_is_evidence() -> None:
    """At the change a pane may hold verdicts of the two: of the one before it would look like a fall."""
    async with house() as built:
        await learnt(built)
        orders = BaselineOrders(built.plane)
        await orders.promote("support", "", KIM)
        take_over(built.plane)
        await both(built, 20, (10, 0), (8, 2))
        await orders.promote("support", "2", KIM)
        await built.second()
        entry = await entry_of(built)
        assert entry.judge_pane > int(built.clock()) + 3, "every replica has heard of it by then"
        assert entry.context_pane >= entry.judge_pane, "nor is it in a baseline"
        await built.vouch()
        for pane in range(int(built.clock()), entry.judge_pane + 1):
            counts = {Cell("refusal", category, 0, 0): 90 * SCALE for category in CATEGORIES}
            await built.store.add("support", "default/support", pane, counts)
        await built.days(12, 8, 2)
        assert (await built.view())["severity"] == "low"


async def test_a_provisional_one_is_handed_over_by_itself_where_the_route_is_well() -> None:
    async with house() as built:
        await learnt(built)
        take_over(built.plane)
        await both(built, 20, (10, 0), (8, 2))
        shown = await built.view()
        assert (shown["baseline"]["version"], shown["baseline"]["status"]) == (2, "provisional")
        assert shown["baseline"]["judge"] == NEW
        shelf = (await BaselineOrders(built.plane).shelf("support"))[1]
        assert [(one.verb, one.before, one.after) for one in shelf.switches] == [("adopt", 0, 1), ("adopt", 1, 2)]
        await built.days(12, 8, 2)
        assert (await built.view())["severity"] == "low"


async def test_what_is_ill_teaches_nothing_by_itself() -> None:
    async with house() as built:
        await learnt(built)
        take_over(built.plane)
        await both(built, 20, (2, 8), (2, 8))
        shown = await built.view()
        assert shown["baseline"]["version"] == 1
        assert shown["severity"] == "critical"


async def test_where_the_one_before_is_gone_the_route_is_blind_and_learns() -> None:
    async with house() as built:
        await learnt(built)
        await BaselineOrders(built.plane).promote("support", "", KIM)
        await built.second()
        take_over(built.plane, ())
        await built.days(3, 10, 0)
        await built.plane.build_baselines()
        shown = await built.view()
        assert (shown["status"], shown["baseline"]["status"]) == ("blind", "stale")
        assert "guard-1" in shown["reason"]
        assert built.plane.duty("support") == Duty(NEW, ""), "it judges alone, so nobody is beside it"
        for _ in range(24):
            await built.days(1, 8, 2)
            await built.plane.build_baselines()
        assert (await entry_of(built)).heir == NEW
        await BaselineOrders(built.plane).promote("support", "2", KIM)
        await built.days(12, 8, 2)
        shown = await built.view()
        assert (shown["status"], shown["severity"]) == ("watching", "low")


async def test_the_one_before_comes_back() -> None:
    async with house() as built:
        await learnt(built)
        await built.second()
        take_over(built.plane, ())
        await built.days(3, 10, 0)
        assert (await built.view())["status"] == "blind"
        take_over(built.plane, (OLD,))
        await built.days(12, 10, 0)
        assert (await built.view())["status"] == "watching"
        assert built.plane.duty("support") == Duty(OLD, NEW)


async def test_two_replicas_learn_it_once() -> None:
    async with house() as built:
        await learnt(built)
        await BaselineOrders(built.plane).promote("support", "", KIM)
        other = built.another()
        await other.open()
        for plane in (built.plane, other):
            take_over(plane)
        await both(built, 20, (10, 0), (8, 2), built.plane, other)
        shelf = (await BaselineOrders(built.plane).shelf("support"))[1]
        assert [one.number for one in shelf.heads] == [1, 2]
        assert (await entry_of(built)).heir == NEW


async def test_a_baseline_of_live_traffic_is_of_the_new_ones_verdicts() -> None:
    async with house() as built:
        await learnt(built)
        await BaselineOrders(built.plane).promote("support", "", KIM)
        take_over(built.plane)
        await both(built, 8, (10, 0), (7, 3))
        version = await BaselineOrders(built.plane).live("support", 0.0, KIM)
        assert version.baseline.judge == NEW
        assert version.baseline.rate == pytest.approx(0.7)


# --- pure ------------------------------------------------------------------------------------------------------------


async def test_who_judges() -> None:
    async with house() as built:
        entry = await entry_of(built)
        assert duty(entry, NEW) == Duty("", ""), "while it learns its first baseline, whoever judges judges alone"
        await learnt(built)
        entry = await entry_of(built)
        assert entry.judge == OLD
        assert needed([entry]) == {OLD}
        assert duty(entry, "") == Duty(OLD, "")
        assert seated(entry, entry.baseline, NEW, {OLD, NEW}, 50) == entry
        gone = seated(entry, entry.baseline, NEW, {NEW}, 50)
        assert (gone.judge, gone.judge_pane) == (NEW, 49)
        assert engine.state_to_json(gone.state) == engine.state_to_json(entry.state)


def test_what_is_at_hand_is_said_now_and_then_and_forgotten() -> None:
    said = AtHand().saying({OLD, NEW}, 1_000.0)
    assert said.fresh(1_100.0) == {OLD, NEW}
    assert said.saying({OLD}, 1_010.0) is said
    later = said.saying({OLD}, 1_100.0)
    assert later.fresh(1_150.0) == {OLD}
    many = AtHand().saying({f"guard-{n}" for n in range(14)}, 1_000.0).saying({OLD, NEW, "x", "y"}, 1_001.0)
    assert len(many.said) == 16
    assert {OLD, NEW, "x", "y"} <= set(many.said)


async def test_a_clock_that_is_set_back_takes_no_sight() -> None:
    """Else panes up to where the clock once was would be of another judge, or of another context, for as long."""
    async with house() as built:
        await learnt(built)
        await built.second()
        take_over(built.plane, ())
        await built.days(3, 10, 0)
        take_over(built.plane, (OLD,))
        await built.second()
        built.clock.now_s -= 100_000.0
        await built.second()
        entry = await entry_of(built)
        assert max(entry.judge_pane, entry.context_pane) <= int(built.clock())
        await built.days(12, 10, 0)
        assert (await built.view())["status"] == "watching"


async def test_panes_that_lost_much_and_hours_of_the_one_before_are_in_no_baseline_of_the_new_one() -> None:
    async with house() as built:
        await learnt(built)
        await BaselineOrders(built.plane).promote("support", "", KIM)
        take_over(built.plane)
        await both(built, 4, (10, 0), (10, 0))
        lost = {Cell("lost", "wire", 0, 1): 90 * SCALE, Cell("traffic", "all", 0, 1): 10 * SCALE}
        await built.store.add("support", "default/support", int(built.clock()), lost)
        await both(built, 1, (10, 0), (0, 10))
        entry = await entry_of(built)
        kept = built.plane.memory.shelves.hours("support")
        shapes = {place: {"topic": {"home": 900}} for place in range(168)}
        await kept.edit(lambda _: Hours(shapes, last=10, context_pane=entry.context_pane))
        version = await BaselineOrders(built.plane).live("support", 0.0, KIM)
        assert version.baseline.rate == 1.0
        assert version.baseline.hours == {}


def test_what_was_said_before_the_clock_was_set_back_is_said_again() -> None:
    said = AtHand().saying({OLD}, 100_000.0)
    assert said.fresh(1_000.0) == frozenset()
    assert said.saying({OLD}, 1_000.0).fresh(1_000.0) == {OLD}
