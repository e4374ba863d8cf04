"""Shadow policies, promotions and retention on real stores, with two control planes on a shared one."""

from __future__ import annotations

from pathlib import Path

import pytest

from proxy.config.sections.judging import PolicySettings
from proxy.control.memory import DECISION, SHADOW
from proxy.control.orders import Word
from proxy.control.policies.orders import PolicyOrders
from proxy.control.retention import DAY_S, Retention
from proxy.core.decisions.record import from_bytes
from proxy.core.decisions.replay import differences
from tests.contracts.conftest import place_of
from tests.control.house import Clock, House, one_route, settings_of
from tests.control.test_shadow_policies import STRICTER, WATCHING

KIM = Word("kim", "a drill", force=True)


async def days(houses: list[House], seconds: int, refused: int) -> None:
    """Some seconds of traffic through both replicas; each looks, the first one first."""
    for second in range(seconds):
        await houses[second % 2].answers(10 * refused, 10 * (10 - refused))
        for one in houses:
            await one.store.flush()
        houses[0].clock.now_s += 1.0
        for one in houses:
            await one.plane.tick()


@pytest.mark.parametrize("kind", ["embedded", "redis"])
async def test_two_replicas_share_shadows_and_a_promotion(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    place = place_of(kind, tmp_path, request)
    stores = [await place.open(timeout_s=20.0)]  # a busy machine is no outage
    stores.append(stores[0] if kind == "embedded" else await place.open(timeout_s=20.0))
    settings, clock = settings_of(one_route(), policies=PolicySettings(("tight",))), Clock()
    houses = [House(settings, store, clock, WATCHING, shadows={"tight": STRICTER}) for store in stores]
    try:
        for one in houses:
            await one.plane.open()
        await houses[0].vouch()
        await days(houses, 6, 10)
        await days(houses, 8, 6)
        told = [(await one.plane.shadows.diff(one.plane.setup, "support"))[0] for one in houses]
        assert told[0] == told[1], "both replicas tell the same"
        assert told[0]["differences"]
        assert told[0]["now"]["step"] == "reverted"
        assert (await houses[1].view())["step"] == "steady"
        for record_kind in (DECISION, SHADOW):
            records = await stores[1].records(record_kind, 100)
            assert len({record_id for record_id, _, _ in records}) == len(records), "each decision is kept once"
            assert all(differences(from_bytes(value)) == () for _, _, value in records)
        await PolicyOrders(houses[1].plane).promote("tight", "", KIM)
        await days(houses, 1, 6)
        assert [(await one.view())["step"] for one in houses] == ["reverted", "reverted"]
        assert [one.plane.setup.loaded("support").name for one in houses] == ["tight", "tight"]
        held, clock.now_s = (await houses[0].view())["enforcement_id"], clock.now_s + 401 * DAY_S
        retention = Retention(houses[0].plane.memory)
        await retention.work(400, clock.now_s)
        assert [record_id for record_id, _, _ in await stores[1].records(DECISION, 9)] == [held]
        assert await stores[1].records(SHADOW, 9) == []
    finally:
        for one in houses:
            await one.plane.stop()
        for store in stores[: 1 if kind == "embedded" else 2]:
            await store.close()
