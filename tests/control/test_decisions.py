"""From panes to a snapshot: the whole decision in virtual time, on the real store and the real engine."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import orjson
import pytest

from proxy.control.baselines.orders import BaselineOrders
from proxy.control.entry import Entry
from proxy.control.orders import Orders, Word
from proxy.control.plane import ControlPlane
from proxy.control.policies.in_force import Loaded, Policies
from proxy.control.setup import Setup
from proxy.control.views.samples import control_samples
from proxy.core.baselines.baseline import Standing
from proxy.core.baselines.baseline import to_json as baseline_to_json
from proxy.core.decisions.ladder import Command
from proxy.core.decisions.record import Record, from_bytes
from proxy.core.enforcement import Snapshot, Step
from proxy.core.errors import ConfigError, StateError, WireError
from proxy.core.policies.policy import BaselineRules, Fault, Policy
from proxy.core.routes import Target
from proxy.core.windows import SCALE, Cell
from proxy.stores.embedded import open_embedded
from proxy.telemetry.exposition import render
from tests.control.house import CATEGORIES, ENFORCE, House, healthy_baseline, house, one_route, settings_of

KIM = Word("kim", "a drill")


async def learnt(built: House) -> None:
    """Healthy traffic until the baseline has closed."""
    await built.vouch()
    await built.days(14, 10, 0)
    assert (await built.view())["baseline"]["status"] == "provisional"


async def test_a_route_learns_erodes_and_is_put_back_on_its_base() -> None:
    async with house() as built:
        assert (await built.view())["status"] == "learning"
        await learnt(built)
        assert (await built.view())["status"] == "watching"
        await built.days(40, 3, 7)
        steps = [one.enforcements[0].step for one in built.published if one.enforcements]
        assert steps[-1] is Step.REVERTED
        last = built.published[-1]
        assert last.target(last.routes[0]) == (Target("default", "base-model"), True)
        shown = await built.view()
        assert (shown["step"], shown["served"], shown["severity"]) == ("reverted", "base", "critical")
        assert shown["enforcement_id"] == last.enforcements[0].id
        record = await built.plane.memory.decision(shown["enforcement_id"])
        assert record is not None
        assert record.body["decision"]["step"] == "reverted"
        journal = await built.plane.memory.journal(10)
        assert journal[0]["action"] == "revert"
        assert journal[0]["actor"] == "groundwire"
        assert "line" in journal[0]["reason"]


async def test_nothing_happens_to_a_healthy_route() -> None:
    async with house() as built:
        await learnt(built)
        await built.days(60, 10, 0)
        assert [one.enforcements for one in built.published] == [()] * len(built.published)
        assert (await built.view())["step"] == "steady"


async def test_shadow_only_says_what_it_would_have_done() -> None:
    async with house(policy=replace(ENFORCE, mode="shadow")) as built:
        await learnt(built)
        await built.days(40, 2, 8)
        assert all(not one.enforcements for one in built.published)
        shown = await built.view()
        assert (shown["step"], shown["would_step"], shown["mode"]) == ("steady", "reverted", "shadow")
        assert "mode is shadow" in shown["reason"]
        assert (await built.plane.memory.decision(shown["enforcement_id"])) is not None
        assert await built.plane.memory.journal(10) == []


async def test_an_unarmed_route_stops_at_limited() -> None:
    async with house() as built:
        await built.vouch(refused=3)
        await built.days(54, 10, 0)
        await built.days(40, 2, 8)
        last = built.published[-1]
        assert last.enforcements[0].step is Step.LIMITED
        assert last.enforcements[0].rate_rps > 0
        shown = await built.view()
        assert (shown["step"], shown["would_step"]) == ("limited", "reverted")
        assert "revert not armed: the base refused 3 of 24" in shown["reason"]


async def test_a_provisional_baseline_reverts_only_where_the_policy_or_a_person_says_so() -> None:
    policy = Policy(mode="enforce", baseline=BaselineRules(closes_at=200))
    async with house(policy=policy) as built:
        await learnt(built)
        await built.days(30, 2, 8)
        shown = await built.view()
        assert (shown["step"], shown["would_step"]) == ("watch", "reverted")
        assert "the baseline is provisional" in shown["reason"]
        await BaselineOrders(built.plane).promote("support", "", KIM)
        await built.days(2, 2, 8)
        shown = await built.view()
        assert (shown["step"], shown["baseline"]["status"]) == ("reverted", "promoted")


async def test_disarm_stops_new_actions_and_keeps_reverts() -> None:
    calm = replace(ENFORCE, fault=Fault(share_max=1.0))  # two of two would be a storm
    async with house({**one_route("a"), **one_route("b")}, calm) as built:
        orders = Orders(built.plane)
        await built.vouch()
        await built.days(14, 10, 0, "a", "b")
        await orders.disarm("b", 3_600.0, KIM)
        await built.days(40, 2, 8, "a", "b")
        steps = {one.route: one.step for one in built.published[-1].enforcements}
        assert steps == {"a": Step.REVERTED}
        assert "disarmed by kim: a drill" in (await built.view("b"))["reason"]
        await orders.disarm("", 3_600.0, KIM)
        await built.second()
        assert {one.route for one in built.published[-1].enforcements} == {"a"}
        await orders.rearm(KIM)
        await built.second()
        assert {one.route: one.step for one in built.published[-1].enforcements}["b"] is Step.REVERTED


async def test_many_routes_that_climb_together_are_held_and_said() -> None:
    names = [f"route-{n}" for n in range(4)]
    routes = {name: one for n in names for name, one in one_route(n).items()}
    async with house(routes) as built:
        await built.vouch()
        await built.days(14, 10, 0, *names)
        await built.days(40, 1, 9, *names)
        assert not any(one.step is Step.REVERTED for one in built.published[-1].enforcements)
        assert "suspected fault of the monitor" in (await built.plane.status())["fault"]
        views = [await built.view(name) for name in names]
        assert [view["would_step"] for view in views] == ["reverted"] * 4
        assert all("suspected fault of the monitor" in view["reason"] for view in views)
        await Orders(built.plane).rearm(KIM)
        await built.second()
        assert {one.step for one in built.published[-1].enforcements} == {Step.REVERTED}


async def test_two_planes_on_one_store_make_one_transition_and_one_record() -> None:
    async with house() as built:
        second = built.another()
        await second.open()
        await learnt(built)
        for _ in range(40):
            await built.answers(1, 9)
            await built.second(built.plane, second)
        decisions = await built.store.records("decision", 100)
        reverts = [one for one in await built.plane.memory.journal(100) if one["action"] == "revert"]
        assert len(reverts) == 1
        moved = [from_bytes(record).body["decision"]["step"] for _, _, record in decisions]
        assert moved.count("reverted") == 1
        assert built.plane.snapshot.enforcements == second.snapshot.enforcements
        await second.stop()


async def test_a_restart_resumes_and_the_revert_stays(tmp_path: Path) -> None:
    settings = settings_of(one_route())
    store = await open_embedded(tmp_path / "gw.db")
    before = House(settings, store)
    await before.plane.open()
    await learnt(before)
    await before.days(40, 1, 9)
    version = before.published[-1].version
    await before.plane.stop()
    await store.close()

    store = await open_embedded(tmp_path / "gw.db")
    after = House(settings, store, before.clock)
    await after.plane.open()
    first = after.published[0]
    assert first.version > version
    assert first.enforcements[0].step is Step.REVERTED
    assert first.target(first.routes[0])[1]
    await after.days(30, 10, 0)
    assert after.published[-1].enforcements[0].step is Step.REVERTED, "good behaviour does not lift a latch"
    await after.plane.stop()
    await store.close()


async def test_a_record_whose_append_failed_is_appended_by_the_next_look() -> None:
    async with house() as built:
        await learnt(built)
        memory = built.plane.memory
        whole = memory.append_decision

        async def broken(record: Record, kind: str = "decision") -> None:
            raise StateError("the disk is full")

        memory.append_decision = broken  # type: ignore[method-assign]
        await built.days(40, 1, 9)
        memory.append_decision = whole  # type: ignore[method-assign]
        await built.second()
        shown = await built.view()
        assert await memory.decision(shown["enforcement_id"]) is not None


async def test_a_full_disk_stops_no_revert(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    store = await open_embedded(tmp_path / "groundwire.db")
    built = House(settings_of(one_route()), store)
    await built.plane.open()
    await learnt(built)
    await store.flush()
    pages = store._database.database._db
    pages.execute("PRAGMA max_page_count=1")
    await store.append("log", "what fills it", 0.0, b"x" * 200_000)
    await built.days(40, 1, 9)
    assert built.published[-1].enforcements[0].step is Step.REVERTED
    shown = await built.view()
    assert (shown["step"], shown["served"]) == ("reverted", "base")
    assert await built.plane.memory.decision(shown["enforcement_id"]) is not None
    assert "full" in (await built.plane.status())["not_durable"]
    assert "groundwire_store_not_durable 1\n" in render(control_samples(built.plane)).decode()
    said = [record.getMessage() for record in caplog.records]
    assert (said.count("store_not_durable"), said.count("look_failed")) == (1, 0)
    pages.execute("PRAGMA max_page_count=1000000")
    await built.plane.stop()
    await store.close()
    store = await open_embedded(tmp_path / "groundwire.db")
    after = House(settings_of(one_route()), store, clock=built.clock)
    await after.plane.open()
    assert after.published[0].enforcements[0].step is Step.REVERTED
    await after.plane.stop()
    await store.close()


async def test_versions_only_grow() -> None:
    async with house() as built:
        await learnt(built)
        await built.days(40, 1, 9)
        await Orders(built.plane).command("support", Command.RESTORE, KIM)
        versions = [one.version for one in built.published]
        assert versions == sorted(set(versions))
        assert versions[0] >= int(1.8e9), "never below a version of before a lost state file"


@pytest.mark.parametrize("pin", ["candidate", "base"])
async def test_a_pin_is_in_the_very_first_snapshot(pin: str) -> None:
    async with house(one_route(pin=pin)) as built:
        first: Snapshot = built.published[0]
        assert first.target(first.routes[0])[1] is (pin == "base")


async def test_metrics_tell_what_the_api_tells() -> None:
    async with house() as built:
        await learnt(built)
        await built.days(40, 1, 9)
        page = render(control_samples(built.plane)).decode()
        assert 'groundwire_route_step{route="support",step="reverted"} 1' in page
        assert 'groundwire_route_severity{route="support"} 4' in page
        assert 'groundwire_route_revert_armed{route="support"} 1' in page
        assert f"groundwire_snapshot_version {built.plane.snapshot.version}" in page
        assert page.count("# HELP groundwire_route_evidence_ratio ") == 1


async def test_a_route_that_nobody_asks_is_blind_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    async with house() as built:
        await learnt(built)
        built.clock.now_s += ENFORCE.blind.quiet_s + 10.0
        await built.plane.tick()
        shown = await built.view()
        assert shown["status"] == "blind"
        assert "no evaluated response for 30 minutes" in shown["reason"]
        assert "route_blind" in [record.getMessage() for record in caplog.records]
        await built.answers(10, 0)
        await built.second()
        assert (await built.view())["status"] == "watching"


async def test_a_reload_takes_pins_policies_and_routes() -> None:
    async with house({**one_route("a"), **one_route("b")}) as built:
        policies = Policies(Loaded(replace(ENFORCE, mode="shadow"), "text"))
        await built.plane.reload(settings_of(one_route("a", pin="base")), policies)
        last = built.published[-1]
        assert [route.name for route in last.routes] == ["a"], "b was a route by hand and is no longer"
        assert last.target(last.routes[0])[1]
        assert (await built.view("a"))["mode"] == "shadow"
        assert (await built.view("b"))["status"] == "closed"


async def test_a_reload_with_a_bad_file_changes_nothing(tmp_path: Path) -> None:
    async with house() as built:
        before, count = built.plane.setup, len(built.published)
        broken = tmp_path / "baseline.json"
        broken.write_text('{"refusals": {}}')
        with pytest.raises(ConfigError, match="refusals"):
            await built.plane.reload(settings_of(one_route(baseline_file=str(broken), pin="base")), before.policies)
        assert (built.plane.setup, len(built.published)) == (before, count)


async def test_a_baseline_from_a_file_is_watched_from_the_first_second_and_may_be_promoted(tmp_path: Path) -> None:
    file = tmp_path / "baseline.json"
    file.write_bytes(orjson.dumps(baseline_to_json(healthy_baseline(Standing.PROVISIONAL))))
    async with house(one_route(baseline_file=str(file))) as built:
        await built.days(3, 10, 0)
        shown = await built.view()
        assert (shown["status"], shown["baseline"]["kind"]) == ("watching", "file")
        await BaselineOrders(built.plane).promote("support", "", KIM)
        await built.days(3, 10, 0)
        assert (await built.view())["baseline"]["status"] == "promoted"


async def test_a_restored_candidate_begins_anew_and_is_reverted_again_if_it_is_still_bad() -> None:
    async with house() as built:
        await learnt(built)
        await built.days(40, 1, 9)
        await Orders(built.plane).command("support", Command.RESTORE, KIM)
        assert (await built.view())["step"] == "steady"
        await built.second()
        await built.days(40, 1, 9)
        assert (await built.view())["step"] == "reverted"
        actions = [line["action"] for line in await built.plane.memory.journal(20)]
        assert actions.count("revert") == 2


async def test_a_fault_in_one_route_keeps_no_other_from_being_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    async with house({**one_route("broken"), **one_route()}) as built:
        look = built.plane.looks.look

        async def looking(setup: Setup, name: str, now_s: float) -> Entry | None:
            if name == "broken":
                raise ValueError("a fault of ours")
            return await look(setup, name, now_s)

        monkeypatch.setattr(built.plane.looks, "look", looking)
        await built.vouch()
        await built.days(20, 10, 0)
        await built.days(30, 2, 8)
        assert (await built.view())["step"] == "reverted"
        assert [one.route for one in built.published[-1].enforcements] == ["support"]


async def test_an_impaired_pane_is_not_hidden_among_open_ones() -> None:
    """Of two open panes one lost a third of its exchanges: together they lost less than the bound."""
    async with house() as built:
        await built.vouch()
        await built.plane.memory.entry("support").edit(
            lambda entry: None if entry is None else replace(entry, baseline=healthy_baseline())
        )
        harmless = {Cell("assessed", "ok", 0, 1): 6_000 * SCALE}
        await built.store.add("support", "default/support", int(built.clock()), harmless)
        built.clock.now_s += 1.0
        await built.answers(0, 40)
        lost = {Cell("lost", "wire", 0, 1): 40 * SCALE}
        await built.store.add("support", "default/support", int(built.clock()), lost)
        await built.plane.tick()
        assert (await built.view())["would_step"] == "steady"


async def test_a_clock_that_is_set_back_does_not_stop_the_evidence() -> None:
    async with house() as built:
        await built.vouch()
        built.clock.now_s += 86_400.0
        await built.days(20, 10, 0)
        built.clock.now_s -= 86_400.0
        await built.days(40, 2, 8)
        assert (await built.view())["step"] == "reverted"


async def test_a_snapshot_that_could_not_be_handed_over_is_offered_again() -> None:
    async with house() as built:
        handed: list[Snapshot] = []

        def failing_once(snapshot: Snapshot) -> None:
            handed.append(snapshot)
            if len(handed) == 1:
                raise WireError("too large")

        plane = ControlPlane(built.settings, built.plane.setup.policies, built.store, failing_once, built.clock)
        with pytest.raises(WireError):
            await plane.open()
        await plane.publish()
        assert len(handed) == 2


async def test_what_was_accepted_in_the_last_moment_of_a_pane_is_in_it() -> None:
    """The pipeline takes an answer until its pane closes; the store has it up to a flush later."""
    async with house() as built:
        pane = int(built.clock())
        await built.answers(10, 0)
        built.clock.now_s += 2.1
        await built.plane.tick()
        counts = {Cell("refusal", category, 0, 1): 10 * SCALE for category in CATEGORIES}
        await built.store.add("support", "default/support", pane, counts)
        built.clock.now_s += 5.0
        await built.plane.tick()
        assert (await built.view())["baseline"]["n"] == 40
