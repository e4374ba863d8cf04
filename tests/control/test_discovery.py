"""Routes from real listings: TCP, Unix sockets, TLS, keys, and servers that have none."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import trustme
from aiohttp import web

from proxy.config.sections.serving import Auth, Upstream
from proxy.config.sections.watching import Discovery, RouteSettings
from proxy.config.settings import Settings
from proxy.control.bases.arming import key_of
from proxy.control.orders import Orders, Word
from proxy.control.routes.discovery import Reach, read_models
from proxy.control.routes.upstreams import UpstreamClient
from proxy.core.decisions.ladder import Command
from proxy.core.enforcement import Snapshot
from proxy.core.routes import Target
from proxy.core.windows import Cell
from proxy.demo.synthetic import Served, make_app, synthetic
from proxy.stores.embedded import open_embedded
from tests.control.house import House, serving

KIM = Word("kim", "a drill", force=True)


@asynccontextmanager
async def discovering(
    upstreams: dict[str, Upstream], routes: dict[str, RouteSettings] | None = None
) -> AsyncIterator[House]:
    """A house in front of these upstreams; `plane.discover` is called by hand."""
    store = await open_embedded(None)
    built = House(Settings(upstreams=upstreams, routes=routes or {}), store)
    await built.plane.open()
    try:
        yield built
    finally:
        await built.plane.stop()
        await store.close()


def targets(snapshot: Snapshot) -> dict[str, tuple[Target, Target | None]]:
    return {route.name: (route.candidate, route.base) for route in snapshot.routes}


async def test_an_adapter_is_a_route_and_its_parent_the_base() -> None:
    async with serving(synthetic(adapters=("a", "org/b"))) as upstream, discovering({"default": upstream}) as built:
        await built.plane.discover()
        base = Target("default", "base-model")
        assert targets(built.plane.snapshot) == {
            "a": (Target("default", "a"), base),
            "org/b": (Target("default", "org/b"), base),
        }
        assert (await built.view("org/b"))["status"] == "learning"


async def test_new_adapters_open_vanished_ones_close_and_come_back() -> None:
    server = synthetic(adapters=("a",))
    async with serving(server) as upstream, discovering({"default": upstream}) as built:
        await built.plane.discover()
        server.models["b"] = Served("b", "adapters/b", "base-model")
        gone = server.models.pop("a")
        await built.plane.discover()
        assert set(targets(built.plane.snapshot)) == {"b"}
        assert (await built.view("a"))["status"] == "closed"
        server.models["a"] = gone
        await built.plane.discover()
        assert set(targets(built.plane.snapshot)) == {"a", "b"}
        assert (await built.view("a"))["epoch"] == 1


async def test_a_reverted_route_stays_on_its_base_when_its_adapter_vanishes() -> None:
    server = synthetic(adapters=("a",))
    async with serving(server) as upstream, discovering({"default": upstream}) as built:
        await built.plane.discover()
        await Orders(built.plane).command("a", Command.REVERT, KIM)
        del server.models["a"]
        await built.plane.discover()
        snapshot = built.plane.snapshot
        assert snapshot.target(snapshot.by_name["a"]) == (Target("default", "base-model"), True)


@pytest.mark.parametrize("change", ["root", "parent"])
async def test_another_model_behind_the_name_without_a_baseline_is_learnt_anew(change: str) -> None:
    server = synthetic(adapters=("a",))
    async with serving(server) as upstream, discovering({"default": upstream}) as built:
        await built.plane.discover()
        server.models["other-base"] = Served("other-base", "models/other-base")
        new = {"root": "adapters/a-v2"} if change == "root" else {"parent": "other-base"}
        server.models["a"] = replace(server.models["a"], **new)
        await built.plane.discover()
        shown = await built.view("a")
        assert (shown["epoch"], shown["status"]) == (2, "learning")
        assert f"the candidate's {change} changed" in shown["reason"]


async def test_a_lone_model_is_the_default_route() -> None:
    async with serving(synthetic(adapters=())) as upstream, discovering({"default": upstream}) as built:
        await built.plane.discover()
        default = built.plane.snapshot.default
        assert default is not None
        assert (default.name, default.base) == ("base-model", None)
        assert "has no base" in (await built.view("base-model"))["armed"]["reason"]


async def test_base_and_candidate_on_two_servers() -> None:
    routes = {"tuned": RouteSettings(base_upstream="base")}
    async with (
        serving(synthetic("tuned", ())) as candidate,
        serving(synthetic("plain", ())) as base,
        discovering({"default": candidate, "base": base}, routes) as built,
    ):
        await built.plane.discover()
        assert targets(built.plane.snapshot) == {"tuned": (Target("default", "tuned"), Target("base", "plain"))}
        default = built.plane.snapshot.default
        assert default is not None
        assert default.name == "tuned"


async def test_without_a_key_the_setting_is_named_and_with_it_routes_are_found(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    server = synthetic()
    server.api_key = "s3cret-key"
    key = tmp_path / "key"
    key.write_text("Bearer s3cret-key\n")
    async with serving(server) as upstream:
        async with discovering({"default": upstream}) as built:
            await built.plane.discover()
            reading = built.plane.discovery.readings["default"]
            assert reading.reach is Reach.UNAUTHORISED
            assert "upstreams.default.auth" in reading.detail
        with_key = replace(upstream, auth=Auth(value_file=str(key)))
        async with discovering({"default": with_key}) as built:
            await built.plane.discover()
            assert set(targets(built.plane.snapshot)) == {"support-lora"}
    logged = "".join(str(vars(record)) for record in caplog.records)
    assert "upstreams.default.auth" in logged
    assert "s3cret" not in logged


@pytest.mark.parametrize("status", [404, 500])
async def test_a_server_without_a_listing_leaves_the_configured_routes(status: int) -> None:
    server = synthetic()
    server.listing_status = status
    async with (
        serving(server) as upstream,
        discovering({"default": upstream}, {"support-lora": RouteSettings(base_model="base-model")}) as built,
    ):
        await built.plane.discover()
        assert set(targets(built.plane.snapshot)) == {"support-lora"}
        assert f"answered {status}" in built.plane.discovery.readings["default"].detail


async def test_an_upstream_that_is_away_is_waited_for_and_closes_nothing() -> None:
    server = synthetic()
    async with serving(server) as upstream:
        store = await open_embedded(None)
        built = House(Settings(upstreams={"default": upstream}), store)
        await built.plane.discover()
    await built.plane.discover()
    reading = built.plane.discovery.readings["default"]
    assert reading.reach is Reach.UNREACHABLE
    assert "waiting for it" in reading.detail
    assert set(targets(built.plane.snapshot)) == {"support-lora"}
    await built.plane.stop()
    again = House(Settings(upstreams={"default": upstream}), store)
    await again.plane.open()
    assert set(targets(again.plane.snapshot)) == {"support-lora"}, "known from the store, without any listing"
    await again.plane.stop()
    await store.close()


async def test_a_configured_base_found_by_discovery_outlives_a_restart_without_the_upstream() -> None:
    server = synthetic()
    routes = {"support-lora": RouteSettings()}
    async with serving(server) as upstream:
        store = await open_embedded(None)
        settings = Settings(upstreams={"default": upstream}, routes=routes)
        built = House(settings, store)
        await built.plane.open()
        await built.plane.discover()
        await Orders(built.plane).command("support-lora", Command.REVERT, KIM)
        await built.plane.stop()
    again = House(settings, store)
    await again.plane.open()
    snapshot = again.published[0]
    assert snapshot.target(snapshot.by_name["support-lora"]) == (Target("default", "base-model"), True)
    await again.plane.stop()
    await store.close()


async def test_unix_sockets_and_tls(tmp_path: Path) -> None:
    async with (
        serving(synthetic(), str(tmp_path / "up.sock")) as upstream,
        UpstreamClient("default", upstream) as client,
    ):
        assert (await read_models(client)).reach is Reach.LISTED
    authority, ca_file = trustme.CA(), tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(ca_file))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("models.internal").configure_cert(context)
    runner = web.AppRunner(make_app(synthetic()), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    url = f"https://127.0.0.1:{runner.addresses[0][1]}"
    trusted = Upstream(url, tls_ca_file=str(ca_file), tls_server_name="models.internal")
    try:
        async with UpstreamClient("default", trusted) as client:
            assert (await read_models(client)).reach is Reach.LISTED
        async with UpstreamClient("default", replace(trusted, tls_server_name="other.internal")) as client:
            assert (await read_models(client)).reach is Reach.UNREACHABLE
    finally:
        await runner.cleanup()


async def test_an_unknown_model_asks_for_one_more_reading() -> None:
    server = synthetic(adapters=())
    async with serving(server) as upstream:
        store = await open_embedded(None)
        built = House(Settings(upstreams={"default": upstream}, discovery=Discovery(interval_s=3_600.0)), store)
        await built.plane.start()
        try:
            await _until(lambda: "default" in built.plane.discovery.readings)
            server.models["late"] = Served("late", "adapters/late", "base-model")
            built.plane.note_unknown_model("late")
            await _until(lambda: "late" in built.plane.snapshot.by_name)
        finally:
            await built.plane.stop()
            await store.close()


async def _until(probe: object) -> None:
    assert callable(probe)
    async with asyncio.timeout(30):
        while not probe():
            await asyncio.sleep(0.02)


def listed(*names: str) -> dict[str, Served]:
    return {
        "base-model": Served("base-model", "m"),
        **{name: Served(name, f"adapters/{name}", "base-model") for name in names},
    }


async def test_a_route_that_closed_long_ago_is_forgotten_with_all_that_was_kept_of_it() -> None:
    server = synthetic(adapters=("a", "held"))
    async with serving(server) as upstream, discovering({"default": upstream}) as built:
        await built.plane.discover()
        await Orders(built.plane).command("held", Command.REVERT, KIM)
        await built.store.add("a", "default/a", 1, {Cell("refusal", "crime", 0, 1): 1})
        server.models = listed("b")
        await built.plane.discover()
        built.clock.now_s += 604_799.0
        await built.plane.discover()
        assert set(await built.plane.memory.names()) == {"a", "b", "held"}
        built.clock.now_s += 2.0
        await built.plane.discover()
        assert set(await built.plane.memory.names()) == {"b", "held"}, "what is reverted stays"
        assert await built.plane.route_view("a") is None
        assert await built.store.load("route/a") is None
        assert await built.store.panes("a", "default/a", 0, 9) == []
        assert set(targets(built.plane.snapshot)) == {"b", "held"}
        server.models = listed("a")
        await built.plane.discover()
        assert (await built.view("a"))["status"] == "learning"


async def test_a_check_of_a_base_goes_with_the_last_route_of_the_base() -> None:
    server = synthetic(adapters=("a", "b"))
    async with serving(server) as upstream, discovering({"default": upstream}) as built:
        await built.plane.discover()
        await built.vouch()
        for left in (("b",), ()):
            server.models = listed(*left)
            await built.plane.discover()
            built.clock.now_s += 604_801.0
            await built.plane.discover()
            checked = await built.store.load(key_of(Target("default", "base-model"), ""))
            assert (checked is not None) == bool(left)


async def test_routes_have_a_bound_and_those_closed_for_longest_make_room(caplog: pytest.LogCaptureFixture) -> None:
    server = synthetic(adapters=("a", "b"))
    async with serving(server) as upstream:
        settings = Settings(upstreams={"default": upstream}, discovery=Discovery(routes_max=3))
        built = House(settings, await open_embedded(None))
        await built.plane.open()
        await built.plane.discover()
        for names in (("b",), ("c",), ("c", "d"), ("c", "d", "e", "f"), ("c", "d", "e", "f")):
            server.models = listed(*names)
            built.clock.now_s += 1.0
            await built.plane.discover()
        assert set(await built.plane.memory.names()) == {"c", "d", "e"}
        assert [one.getMessage() for one in caplog.records].count("routes_max_reached") == 1
        await built.plane.stop()
        await built.store.close()


async def test_listings_that_change_for_ever_leave_nothing_behind(tmp_path: Path) -> None:
    server = synthetic(adapters=())
    async with serving(server) as upstream:
        settings = Settings(upstreams={"default": upstream}, discovery=Discovery(routes_max=5))
        store = await open_embedded(tmp_path / "groundwire.db")
        built = House(settings, store)
        await built.plane.open()
        for turn in range(30):
            server.models = listed(f"adapter-{turn}", f"adapter-{turn + 1}")
            built.clock.now_s += 1.0
            await built.plane.discover()
            await built.plane.tick()
        assert len(await built.plane.memory.names()) == 5
        assert len(list((tmp_path / "groundwire.state").iterdir())) <= 5 + 2, "the routes, their names, the version"
        assert len(built.plane.looks.outcomes) <= 5
        await built.plane.stop()
        await store.close()
