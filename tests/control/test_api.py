"""The control API over real HTTP: what it shows, what it obeys, and what it refuses."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp.test_utils import TestServer

from proxy.cli import main
from proxy.config.sections.serving import Listen
from proxy.control.api.app import make_api
from proxy.core.enforcement import Step
from proxy.core.errors import ConfigError
from proxy.core.windows import SCALE, Cell
from tests.control.house import House, healthy_baseline, house, one_route

WHO = {"actor": "kim", "reason": "a drill"}
ROUTES = {**one_route("support"), **one_route("org/tuned")}


class Caller:
    """Calls the API of a house."""

    def __init__(self, session: aiohttp.ClientSession, built: House) -> None:
        self.session = session
        self.house = built

    async def get(self, path: str) -> tuple[int, Any]:
        async with self.session.get(path) as answer:
            return answer.status, await answer.json()

    async def post(self, path: str, body: Any = WHO, **more: Any) -> tuple[int, Any]:
        async with self.session.post(path, **(more or {"json": body})) as answer:
            return answer.status, await answer.json()


@asynccontextmanager
async def calling(**more: Any) -> AsyncIterator[Caller]:
    async with (
        house(ROUTES, **more) as built,
        TestServer(make_api(built.plane)) as server,
        aiohttp.ClientSession(str(server.make_url(""))) as session,
    ):
        yield Caller(session, built)


async def test_routes_have_the_shape_that_the_command_line_reads() -> None:
    async with calling() as api:
        status, body = await api.get("/v1/routes")
        assert (status, [one["name"] for one in body["routes"]]) == (200, ["org/tuned", "support"])
        one = body["routes"][1]
        assert one["candidate"] == {"upstream": "default", "model": "support"}
        assert one["base"] == {"upstream": "default", "model": "base-model"}
        expected = {"step": "steady", "would_step": "steady", "status": "learning", "mode": "enforce", "pin": ""}
        assert {key: one[key] for key in expected} == expected
        assert one["baseline"]["status"] == "learning"
        assert one["counts"] == {"assessed": 0.0, "unassessed": {}, "set_aside": {}, "impaired_panes": 0}
        assert one["window"]["refusal_rate"] is None


async def test_the_number_of_tests_of_each_line_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    async with (
        house(one_route()) as built,
        TestServer(make_api(built.plane)) as server,
    ):
        assert (await built.view())["tests_by_line"] == {}
        await built.days(14, 10, 0)
        assert (await built.view())["tests_by_line"] == {"changed": 3, "warning": 3, "critical": 3}
        shown = ["route", "show", "support", "--control", f"127.0.0.1:{server.port}"]
        assert await asyncio.to_thread(main, shown) == 0
        told = capsys.readouterr().out
        assert "tests      3 of the changed line, 3 of the warning line, 3 of the critical line" in told
        assert "panes      close 1 s after their end (at most 1 s; 0 answers known)" in told


@pytest.mark.parametrize("name", ["org/tuned", "org%2Ftuned"])
async def test_names_with_slashes_plain_or_encoded(name: str) -> None:
    async with calling() as api:
        status, body = await api.get(f"/v1/routes/{name}")
        assert (status, body["name"]) == (200, "org/tuned")
        status, body = await api.post(f"/v1/routes/{name}/revert", {**WHO, "force": True})
        assert (status, body["route"]["served"]) == (200, "base")


async def test_counts_and_window_of_what_was_assessed() -> None:
    async with calling() as api:
        await api.house.answers(3, 1)
        aside = {Cell("late", "all", 0, 1): SCALE, Cell("lost", "wire", 0, 1): 2 * SCALE}
        await api.house.store.add("support", "default/support", int(api.house.clock()), aside)
        body = (await api.get("/v1/routes/support"))[1]
        assert body["counts"]["assessed"] == 8.0
        assert body["counts"]["set_aside"] == {"late": 1.0, "lost": 2.0}
        assert body["counts"]["impaired_panes"] == 1
        signals = body["window"].pop("signals")
        assert body["window"] == {"refusal_rate": 0.75, "n": 8.0, "seconds": 10.0}
        assert signals["toxicity"] == {"rate": None, "n": 0.0, "baseline": None}, "nobody counted it"


async def test_a_revert_and_a_restore_are_obeyed_noted_and_explained() -> None:
    async with calling() as api:
        status, body = await api.post("/v1/routes/support/revert")
        assert status == 409
        assert "revert not armed: the base has not answered" in body["error"]["message"]
        status, body = await api.post("/v1/routes/support/revert", {**WHO, "force": True})
        assert (status, body["route"]["step"]) == (200, "reverted")
        last = api.house.published[-1]
        assert last.by_route["support"].step is Step.REVERTED
        status, body = await api.get(f"/v1/explain/{last.by_route['support'].id}")
        assert status == 200
        assert "kim" in body["text"]
        assert "a drill" in body["text"]
        status, body = await api.post("/v1/routes/support/restore")
        assert (status, body["route"]["served"]) == (200, "candidate")
        assert api.house.published[-1].enforcements == ()
        lines = (await api.get("/v1/log"))[1]["log"]
        assert [(line["action"], line["actor"]) for line in lines] == [("restore", "kim"), ("revert", "kim")]


async def test_offline_and_back() -> None:
    async with calling() as api:
        assert (await api.post("/v1/routes/support/offline"))[0] == 200
        assert api.house.published[-1].by_route["support"].step is Step.OFFLINE
        assert (await api.post("/v1/routes/support/restore"))[0] == 200
        assert api.house.published[-1].enforcements == ()


@pytest.mark.parametrize(
    "body", [{}, {"actor": "kim"}, {"actor": "kim", "reason": "  "}, {"actor": 7, "reason": "x"}, []]
)
@pytest.mark.parametrize("path", ["/v1/routes/support/revert", "/v1/routes/support/arm", "/v1/rearm"])
async def test_no_change_without_a_name_and_a_reason(path: str, body: Any) -> None:
    async with calling() as api:
        status, answer = await api.post(path, body)
        assert status == 400
        assert answer["error"]["message"]
        assert (await api.get("/v1/log"))[1] == {"log": []}


async def test_what_is_not_json_is_refused() -> None:
    async with calling() as api:
        form = {"data": b'{"actor":"kim","reason":"x"}', "headers": {"Content-Type": "text/plain"}}
        assert (await api.post("/v1/rearm", **form))[0] == 400
        broken = {"data": b"{", "headers": {"Content-Type": "application/json"}}
        assert (await api.post("/v1/rearm", **broken))[0] == 400


async def test_what_is_not_there_is_said() -> None:
    async with calling() as api:
        for path in ("/v1/routes/nobody", "/v1/explain/0123", "/v1/nothing"):
            status, body = await api.get(path)
            assert status == 404
            assert body["error"]["message"]
        assert (await api.post("/v1/routes/nobody/revert"))[0] == 404
        assert (await api.post("/v1/routes/support/explode"))[0] == 404
        assert (await api.post("/v1/disarm", {**WHO, "scope": "route", "route": "nobody", "for_s": 60}))[0] == 404
        assert (await api.get("/v1/log?limit=0"))[0] == 400


async def test_promote_needs_a_baseline() -> None:
    async with calling() as api:
        status, body = await api.post("/v1/routes/support/promote")
        assert status == 409
        assert "0 of 200 evaluated harmful prompts" in body["error"]["message"]
        entry = api.house.plane.memory.entry("support")
        await entry.edit(lambda one: None if one is None else replace(one, baseline=healthy_baseline()))
        status, body = await api.post("/v1/routes/support/promote")
        assert (status, body["route"]["baseline"]["status"]) == (200, "promoted")


@pytest.mark.parametrize(
    "body",
    [
        {"scope": "all", "for_s": 0},
        {"scope": "all", "for_s": "2h"},
        {"scope": "all", "for_s": float(10**9)},
        {"scope": "route", "for_s": 60},
        {"scope": "all", "route": "support", "for_s": 60},
        {"scope": "some", "for_s": 60},
    ],
)
async def test_a_disarm_must_be_exact(body: dict[str, Any]) -> None:
    async with calling() as api:
        assert (await api.post("/v1/disarm", {**WHO, **body}))[0] == 400


async def test_disarm_and_rearm_are_shown_at_once() -> None:
    async with calling() as api:
        assert (await api.post("/v1/disarm", {**WHO, "scope": "all", "for_s": 60}))[0] == 200
        assert (await api.get("/v1/routes/support"))[1]["held"] == "disarmed by kim: a drill"
        assert (await api.get("/v1/status"))[1]["held"] == "disarmed by kim: a drill"
        assert (await api.post("/v1/rearm"))[0] == 200
        assert (await api.get("/v1/routes/support"))[1]["held"] == ""


async def test_a_token_is_demanded_where_one_is_set(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("let-me-in\n")
    async with calling(listen=Listen(control_token_file=str(file))) as api:
        assert (await api.get("/v1/routes"))[0] == 401
        for word, status in (("let-me-out", 401), ("let-me-in", 200)):
            api.session.headers["Authorization"] = f"Bearer {word}"
            assert (await api.get("/v1/routes"))[0] == status


@pytest.mark.parametrize("content", [None, " \n"])
async def test_a_token_file_that_is_no_good_stops_the_start(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "token"
    if content is not None:
        file.write_text(content)
    async with house(listen=Listen(control_token_file=str(file))) as built:
        with pytest.raises(ConfigError, match="control_token_file"):
            make_api(built.plane)


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8903", "127.0.0.1.evil.example"])
async def test_a_name_that_leads_to_loopback_is_refused(host: str) -> None:
    """A page whose name was rebound to 127.0.0.1 is of one origin with the API: only its Host tells it apart."""
    async with calling() as api:
        async with api.session.post("/v1/rearm", json=WHO, headers={"Host": host}) as answer:
            assert answer.status == 403
            assert "control_token_file" in (await answer.json())["error"]["message"]
        async with api.session.get("/v1/routes", headers={"Host": host}) as answer:
            assert answer.status == 403


@pytest.mark.parametrize("host", ["localhost", "localhost:8903", "127.0.0.1:1", "[::1]:8903"])
async def test_loopback_names_and_addresses_are_served(host: str) -> None:
    async with calling() as api, api.session.get("/v1/routes", headers={"Host": host}) as answer:
        assert answer.status == 200
