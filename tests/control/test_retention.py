"""Records are kept for a time, and then removed, once a day; not those that a step in force rests on."""

from __future__ import annotations

from pathlib import Path

import pytest

from proxy.control.memory import DECISION, KINDS, LOG, Memory
from proxy.control.orders import Orders, Word
from proxy.control.retention import DAY_S, Retention
from proxy.core.decisions.ladder import Command
from proxy.stores.contract import Store
from proxy.stores.embedded import open_embedded
from tests.control.house import START_S, house

KIM = Word("kim", "a drill", force=True)


async def kept(store: Store, kind: str) -> list[str]:
    return [record_id for record_id, _, _ in await store.records(kind, 100)]


@pytest.mark.parametrize("place", ["memory", "file"])
async def test_what_is_too_old_is_removed_of_every_kind_once_a_day(place: str, tmp_path: Path) -> None:
    store = await open_embedded(None if place == "memory" else tmp_path / "groundwire.db")
    try:
        for kind in KINDS:
            for days in (399, 400, 401):
                await store.append(kind, f"{days}", START_S - days * DAY_S, b"why")
        retention = Retention(Memory(store))
        assert await retention.work(400, START_S) == len(KINDS)
        assert [await kept(store, kind) for kind in KINDS] == [["399", "400"]] * len(KINDS)
        assert await retention.work(400, START_S + DAY_S - 1.0) == 0, "not twice a day"
        assert await retention.work(400, START_S + DAY_S) == len(KINDS)
        assert await retention.work(400, START_S - DAY_S) == 0, "a clock that was set back removes nothing"
        assert [await kept(store, kind) for kind in KINDS] == [["399"]] * len(KINDS)
    finally:
        await store.close()


async def test_the_plane_prunes_and_keeps_why_a_route_is_reverted() -> None:
    async with house() as built:
        await built.second()
        await Orders(built.plane).command("support", Command.REVERT, KIM)
        record = (await built.view())["enforcement_id"]
        await built.store.append(DECISION, "old", built.clock() - 1.0, b"{}")
        built.clock.now_s += 401 * DAY_S
        await built.plane.tick()
        assert await kept(built.store, DECISION) == [record]
        assert await built.plane.memory.decision(record) is not None
        assert await kept(built.store, LOG) == []
        built.clock.now_s += 2 * DAY_S
        await built.plane.tick()
        assert await kept(built.store, DECISION) == [record], "for as long as it is in force"
