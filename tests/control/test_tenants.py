"""Tenants and power through the control plane: what a route is put on, and what people are shown."""

from __future__ import annotations

from dataclasses import replace

from proxy.core.baselines.baseline import Tally
from proxy.core.windows import SCALE, Cell
from tests.control.house import CATEGORIES, ENFORCE, House, healthy_baseline, house, one_route

ALONE = replace(ENFORCE, tenant_rule="off")


async def ready(built: House) -> None:
    """Armed, and with a promoted baseline."""
    await built.vouch()
    entry = built.plane.memory.entry("support")
    await entry.edit(lambda one: None if one is None else replace(one, baseline=healthy_baseline()))


async def second(built: House, ill_shard: int, n: int = 40) -> None:
    """Four tenants who are refused as ever, and one of them who is not and asks ten times as much."""
    cells: dict[Cell, int] = {Cell("assessed", "ok", 0, 1): (16 + n) * len(CATEGORIES) * SCALE}
    for category in CATEGORIES:
        cells[Cell("refusal", category, 0, 1)] = 16 * SCALE
        cells[Cell("refusal", category, 0, 0)] = n * SCALE
        for shard in (1, 2, 3):
            cells[Cell(f"refusal@{shard}", category, 0, 1)] = 4 * SCALE
        if n:
            cells[Cell(f"refusal@{ill_shard}", category, 0, 0)] = n * SCALE
    await built.store.add("support", "default/support", int(built.clock()), cells)
    await built.second()


async def test_one_tenant_limits_and_the_reason_is_shown() -> None:
    async with house(policy=ENFORCE) as built:
        await ready(built)
        for _ in range(5):
            await second(built, 2, 0)
        for _ in range(40):
            await second(built, 2)
        shown = await built.view()
        assert (shown["step"], shown["severity"]) == ("limited", "critical")
        assert "one tenant may not revert a route for all" in shown["reason"]
        assert built.published[-1].enforcements[0].step == "limited"


async def test_the_rule_may_be_turned_off() -> None:
    async with house(policy=ALONE) as built:
        await ready(built)
        for _ in range(30):
            await second(built, 2)
        assert (await built.view())["step"] == "reverted"


async def test_a_quiet_route_is_underpowered_and_says_what_helps() -> None:
    async with house(pane_s=60.0, close_lag_s=1.0) as built:
        await ready(built)
        for hour in range(3):
            built.clock.now_s += 3_600.0 * bool(hour)
            pane = int(built.clock() // 60.0)
            cells = {Cell("refusal", "crime", 0, 1): SCALE, Cell("assessed", "ok", 0, 1): SCALE}
            await built.store.add("support", "default/support", pane, cells)
            await built.plane.tick()
        built.clock.now_s += 600.0
        await built.plane.tick()
        shown = await built.view()
        assert shown["status"] == "underpowered"
        assert "canaries an hour" in shown["power"]["remedy"]
        places = {(line["place"], line["line"]) for line in shown["power"]["lines"]}
        assert ("overall", "warning") in places and ("crime", "critical") in places


async def test_routes_share_the_budgets() -> None:
    async with house({**one_route("a"), **one_route("b"), **one_route("support")}) as built:
        await ready(built)
        await second(built, 1, 0)
        shown = await built.view()
        assert shown["power"]["routes"] == 3
        alone = next(test for test in shown["tests"] if (test["stratum"], test["line"]) == ("overall", "critical"))
    async with house() as built:
        await ready(built)
        await second(built, 1, 0)
        own = next(t for t in (await built.view())["tests"] if (t["stratum"], t["line"]) == ("overall", "critical"))
    assert 1.0 < alone["limit_ln"] - own["limit_ln"] < 1.2, "ln 3"
    assert healthy_baseline().refusals["crime"] == Tally(960, 1_000)
