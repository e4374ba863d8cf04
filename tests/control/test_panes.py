"""`route panes`: what a route counted, as records that `replay --panes` computes again."""

from __future__ import annotations

import io
import json
from pathlib import Path

import aiohttp
from aiohttp.test_utils import TestServer

from proxy.commands.replay.output import Output
from proxy.commands.replay.panes import replay_panes
from proxy.control.api.app import make_api
from proxy.core.windows import SCALE, Cell
from tests.control.house import CATEGORIES, house
from tests.control.test_tenants import ready, second


async def test_live_panes_go_out_and_are_replayed_elsewhere(tmp_path: Path) -> None:
    async with house() as built:
        await ready(built)
        for _ in range(70):
            await second(built, 2, 0)
        fallen = {Cell("refusal", category, 0, 0): 40 * SCALE for category in CATEGORIES}
        for _ in range(10):
            await built.store.add("support", "default/support", int(built.clock()), fallen)
            await built.second()
        for _ in range(5):
            await built.second()
        async with (
            TestServer(make_api(built.plane)) as server,
            aiohttp.ClientSession(str(server.make_url(""))) as session,
        ):
            async with session.get("/v1/routes/support/panes?last_s=3600") as answer:
                assert (answer.status, answer.content_type) == (200, "application/x-ndjson")
                body = await answer.read()
            for query, status in (
                ("none/panes", 404),
                ("support/panes?last_s=-1", 400),
                ("support/panes?last_s=x", 400),
            ):
                async with session.get(f"/v1/routes/{query}") as answer:
                    assert answer.status == status, await answer.text()
    file = tmp_path / "panes.jsonl"
    file.write_bytes(body)
    out, told = io.BytesIO(), io.StringIO()
    assert replay_panes(str(file), Output(out, told)) == 0, told.getvalue()
    assert "2 decisions computed again, 2 come out the same" in told.getvalue()
    alarms = [json.loads(line) for line in out.getvalue().splitlines()]
    assert {"warning", "critical"} <= {one["severity"] for one in alarms if one["signal"] == "refusal"}
    assert all(one["route"] == "support" for one in alarms)


async def test_without_a_baseline_there_is_nothing_to_compare_with() -> None:
    async with (
        house() as built,
        TestServer(make_api(built.plane)) as server,
        aiohttp.ClientSession(str(server.make_url(""))) as session,
        session.get("/v1/routes/support/panes") as answer,
    ):
        assert answer.status == 400 and "no baseline yet" in (await answer.json())["error"]["message"]
