"""Versions of baselines: what was learnt, promoted, rolled back; reviews, incidents, hours. In virtual time."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from proxy.control.baselines.orders import BaselineOrders
from proxy.control.orders import ConflictError, Orders, Word
from proxy.core.baselines.fingerprint import SYSTEM
from proxy.core.decisions.ladder import Command
from proxy.core.windows import SCALE, Cell
from tests.control.house import CATEGORIES, house, learnt, marked, one_route

KIM = Word("kim", "a drill")


async def test_what_was_learnt_is_a_version_with_its_context() -> None:
    async with house() as built:
        await marked(built, "sys-a")
        await learnt(built)
        version = await BaselineOrders(built.plane).version("support", "")
        assert version.number == 1
        assert version.baseline.refusals.keys() == set(CATEGORIES)
        assert version.context.facts["candidate"] == "support at default"
        assert version.context.seen == {SYSTEM: {"sys-a": 40}}
        shelf = (await built.plane.memory.shelves.shelf("support").load())[1]
        assert [(one.verb, one.after) for one in shelf.switches] == [("adopt", 1)]


async def test_two_replicas_shelve_it_once() -> None:
    async with house() as built:
        other = built.another()
        await other.open()
        for _ in range(16):
            await built.answers(10, 0)
            await built.second(built.plane, other)
        await asyncio.gather(built.plane.build_baselines(), other.build_baselines())
        await asyncio.gather(built.plane.build_baselines(), other.build_baselines())
        entry = (await built.plane.memory.entry("support").load())[1]
        shelf = (await built.plane.memory.shelves.shelf("support").load())[1]
        assert entry is not None
        assert entry.version in {one.number for one in shelf.heads}
        assert len({one.id for one in shelf.heads}) == 1


async def test_a_version_is_promoted_and_rolled_back_and_each_switch_has_a_record() -> None:
    async with house() as built:
        await learnt(built)
        orders = BaselineOrders(built.plane)
        await orders.promote("support", "", KIM)
        await built.days(5, 9, 1)
        second = await orders.live("support", 0.0, KIM)
        assert second.number == 2
        assert (await built.view())["baseline"]["version"] == 1, "a build puts nothing in force"
        await orders.promote("support", "2", KIM)
        shown = (await built.view())["baseline"]
        assert (shown["version"], shown["status"]) == (2, "promoted")
        said = await orders.rollback("support", KIM)
        assert "back on baseline version 1, promoted" in said
        record = await built.plane.memory.shelves.noted(said.rpartition(" ")[2])
        assert record is not None
        inputs = record.body["inputs"]
        assert (inputs["who"], inputs["before"]["version"], inputs["after"]["version"]) == ("kim", 2, 1)
        with pytest.raises(ConflictError, match="no baseline was in force before"):
            await orders.rollback("support", KIM)


async def test_a_rollback_to_what_nobody_promoted_is_provisional_again() -> None:
    async with house() as built:
        await learnt(built)
        orders = BaselineOrders(built.plane)
        await built.days(5, 9, 1)
        await orders.live("support", 0.0, KIM)
        await orders.promote("support", "2", KIM)
        assert "back on baseline version 1, provisional" in await orders.rollback("support", KIM)


async def test_a_promotion_confirms_a_files_baseline_and_another_version_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "b.json"
    file.write_text(json.dumps({"refusals": {"crime": [960, 1000]}, "assessed": [990, 1000]}))
    async with house(one_route(baseline_file=str(file))) as built:
        orders = BaselineOrders(built.plane)
        await orders.promote("support", "", KIM)
        assert (await built.view())["baseline"]["status"] == "promoted"
        await built.answers(30, 2)
        built.clock.now_s += 5.0
        await orders.live("support", 0.0, KIM)
        with pytest.raises(ConflictError, match="baseline_file"):
            await orders.promote("support", "2", KIM)


async def test_rates_of_now_are_shown_beside_those_of_the_baseline_whatever_they_are_kept_under(tmp_path: Path) -> None:
    file, kept = tmp_path / "b.json", {"toxicity": {"none": [2, 100]}}
    more = {"highs": kept, "anomaly": [1, 400], "hedging": {"none": [10, 100]}}
    file.write_text(json.dumps({"refusals": {"crime": [960, 1000]}, **more}))
    async with house(one_route(baseline_file=str(file))) as built:
        await built.second(built.plane)
        shown = (await built.view())["window"]["signals"]
        then = {signal: one["baseline"] for signal, one in shown.items() if one["baseline"] is not None}
        assert then == {"toxicity": 0.02, "anomaly": 0.0025, "hedging": 0.1}


async def test_a_forgotten_route_takes_its_shelf_with_it() -> None:
    async with house() as built:
        await learnt(built)
        await built.plane.memory.forget("support", lambda _: True)
        for key in ("shelf/support", "version/1/support", "watch/support", "hours/support"):
            assert await built.store.load(key) is None


# --- review, incidents, hours ----------------------------------------------------------------------------------------


async def test_a_review_is_due_once_a_month_until_somebody_promotes(caplog: pytest.LogCaptureFixture) -> None:
    async with house(baseline_review_s=100.0) as built:
        await learnt(built)
        for _ in range(3):
            built.clock.now_s += 60.0
            await built.plane.build_baselines()
        assert caplog.text.count("baseline_review_due") == 1
        orders = BaselineOrders(built.plane)
        shelf = (await orders.shelf("support"))[1]
        assert shelf.reminded_s > shelf.switches[-1].at_s
        await orders.promote("support", "", KIM)
        built.clock.now_s += 60.0
        await built.plane.build_baselines()
        assert caplog.text.count("baseline_review_due") == 1


async def test_an_incident_is_left_out_and_its_review_added() -> None:
    async with house() as built:
        await learnt(built)
        orders = BaselineOrders(built.plane)
        await built.vouch()
        begun = built.clock()
        await built.days(20, 1, 9)
        incident = (await built.view())["enforcement_id"]
        assert incident
        ended = built.clock()
        await Orders(built.plane).command("support", Command.RESTORE, Word("kim", "mended", force=True))
        await built.days(10, 10, 0)
        dirty = await orders.live("support", 0.0, KIM)
        await orders.promote("support", str(dirty.number), KIM)
        version, what = await orders.amend("support", incident, None, KIM)
        assert version is not None
        assert "without the panes of incident" in what
        assert version.incident == incident
        assert version.baseline.rate > dirty.baseline.rate
        shelf = (await orders.shelf("support"))[1]
        span = shelf.excluded[0]
        assert begun <= span.begin_s <= begun + 4.0, "where the change was dated"
        assert span.end_s == ended, "until somebody restored the route"
        assert version.baseline.rate > 0.9


async def test_hours_of_the_week_are_gathered_and_built_in() -> None:
    async with house(pane_s=60.0, close_lag_s=60.0) as built:
        for _ in range(3 * 60):
            counts = {Cell("length", "08", 0, 1): 20 * SCALE, Cell("refusal", "crime", 0, 1): 10 * SCALE}
            await built.store.add("support", "default/support", int(built.clock() // 60), counts)
            built.clock.now_s += 60.0
            await built.plane.tick()
            await built.plane.build_baselines()
        version = await BaselineOrders(built.plane).live("support", 0.0, KIM)
        hours = version.baseline.hours
        assert len(hours) in {1, 2}
        assert all(of == {"length": {"08": 1_200}} for of in hours.values())
