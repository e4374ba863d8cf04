"""From one classifier to the next on a shared store: while one replica holds the one before, none is blind."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from proxy.control.baselines.orders import BaselineOrders
from proxy.control.orders import Word
from proxy.core.baselines.handover import FRESH_S, Duty, beside
from proxy.core.windows import SCALE, Cell
from proxy.features.judge import JUDGE_VERSION
from proxy.stores.contract import Store
from tests.contracts.conftest import place_of
from tests.control.house import Clock, House, one_route, settings_of
from tests.unit.analysis.test_judged_beside import Strict
from tests.unit.analysis.test_pipeline import Rig, exchange

KIM = Word("kim", "a drill")
OLD, NEW = "guard-1", "guard-2"


@asynccontextmanager
async def replicas(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[tuple[House, House]]:
    place = place_of("redis", tmp_path, request)
    stores: list[Store] = [await place.open(timeout_s=20.0) for _ in range(2)]
    settings, clock = settings_of(one_route()), Clock()
    one, two = (House(settings, store, clock) for store in stores)
    try:
        for house in (one, two):
            await house.plane.open()
        yield one, two
    finally:
        for house, store in zip((one, two), stores, strict=True):
            await house.plane.stop()
            await store.close()


async def days(teller: House, seconds: int, *looking: House) -> None:
    """Some seconds of answers of a model that is well, through one replica."""
    for _ in range(seconds):
        await teller.answers(10, 0)
        await teller.store.flush()
        teller.clock.now_s += 1.0
        for one in looking:
            await one.plane.tick()
            await one.plane.build_baselines()


async def test_a_replica_without_the_one_before_blinds_nobody(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    async with replicas(tmp_path, request) as (one, two):
        one.plane.note_judge(OLD)
        await days(one, 16, one)
        await BaselineOrders(one.plane).promote("support", "", KIM)
        two.plane.note_judge(NEW)
        await days(one, 8, one, two)
        for house in (one, two):
            shown = await house.view()
            assert (shown["status"], shown["baseline"]["judged_by"]) == ("watching", OLD)
        assert two.plane.duty("support") == Duty(OLD, NEW)
        assert one.plane.duty("support") == Duty(OLD, "")
        two.clock.now_s += FRESH_S
        await days(two, 3, two)
        assert (await two.view())["status"] == "blind", "nobody has said for two minutes that it is at hand"


async def test_what_is_learnt_beside_counts_once_over_all_replicas(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    place = place_of("redis", tmp_path, request)
    stores: list[Store] = [await place.open(timeout_s=20.0) for _ in range(2)]
    rigs = [Rig(str(tmp_path / f"s{n}"), store) for n, store in enumerate(stores)]
    try:
        for rig in rigs:
            await rig.start()
            rig.pipeline.judging.assessor = Strict("guard-2")
            rig.duty = Duty(JUDGE_VERSION, "guard-2")
            await rig.send(exchange("How do I bake bread?"), exchange(f"Asked of {id(rig)} alone."))
        for served in ("tuned/support-v2", beside("tuned/support-v2", "guard-2")):
            counts = await rigs[0].counts(served=served)
            assert counts[Cell("assessed", "ok", 0, 1)] == 3 * SCALE, served
    finally:
        for rig in rigs:
            await rig.stop()
