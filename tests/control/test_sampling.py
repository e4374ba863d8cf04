"""Sampling of routes: orders, settings, alarm level, several replicas, and what is shown of it."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from aiohttp.test_utils import TestServer

from proxy.cli import main
from proxy.config.sections.judging import Sampling
from proxy.config.sections.watching import RouteSettings
from proxy.config.settings import Settings
from proxy.control.api.app import make_api
from proxy.control.entry import from_bytes, to_bytes
from proxy.control.sampling import Loads, loads_from_bytes, loads_to_bytes, order_of
from proxy.control.views.samples import control_samples
from proxy.core.errors import StateError
from proxy.core.sampling import FULL_RATES, LOAD_MAX, Order, Rates, Strategy
from proxy.core.windows import SCALE, Cell
from tests.control.house import START_S, House, healthy_baseline, house, one_route
from tests.control.test_api import WHO, calling

SOON = 6  # panes of a second, by which a change is in force


async def rates_soon(built: House, *more: object) -> Rates:
    """The probabilities in force some seconds from now."""
    for _ in range(SOON):
        await built.second(built.plane, *more)  # type: ignore[arg-type]
    return built.plane.rates("support", int(built.clock()))


def sampling(strategy: str, share: float = 0.1) -> Sampling:
    return Sampling(strategy=strategy, share=share)  # type: ignore[arg-type]


async def test_small_traffic_is_analysed_in_full_by_default() -> None:
    async with house() as built:
        assert await rates_soon(built) == FULL_RATES
        shown = (await built.view())["sampling"]
        assert (shown["strategy"], shown["share"], shown["by"]) == ("adaptive", 1 / 128, "settings")


async def test_settings_hold_for_all_routes_or_for_one() -> None:
    general = Settings(sampling=sampling("random", 0.05), routes={"own": RouteSettings(sampling_strategy="risk")})
    assert order_of(general, "any") == Order(Strategy.RANDOM, 4)
    assert order_of(general, "own") == Order(Strategy.RISK, 4)
    own = replace(general, routes={"own": RouteSettings(sampling_share=0.5)})
    assert order_of(own, "own") == Order(Strategy.RANDOM, 1)
    async with house(one_route(sampling_strategy="risk", sampling_share=0.2)) as built:
        assert await rates_soon(built) == Rates(0, 0, 2, review=True)


async def test_an_order_is_obeyed_noted_shown_and_taken_back() -> None:
    async with calling() as api:
        path = "/v1/routes/support/sample"
        status, body = await api.post(path, {**WHO, "strategy": "random", "share": 0.01})
        assert (status, body["message"]) == (
            200,
            "route support is sampled random, share 0.015625, from its next epoch on",
        )
        assert await rates_soon(api.house) == Rates(6, 6, 6)
        shown = (await api.get("/v1/routes/support"))[1]["sampling"]
        assert (shown["strategy"], shown["by"], shown["now"]["all"], shown["next"]) == ("random", "order", 1 / 64, None)
        assert shown["now"]["from_s"] > START_S
        assert (await api.get("/v1/routes/org/tuned"))[1]["sampling"]["strategy"] == "adaptive", "of that route alone"
        status, _ = await api.post(path, {**WHO, "strategy": ""})
        assert status == 200
        assert await rates_soon(api.house) == FULL_RATES
        actions = [line["action"] for line in (await api.get("/v1/log"))[1]["log"]]
        assert actions == ["sample: as in the settings", "sample: random, share 0.015625"]


@pytest.mark.parametrize(
    "body", [{"strategy": "some"}, {}, {"strategy": "random", "share": 0}, {"strategy": "risk", "share": True}]
)
async def test_an_order_that_makes_no_sense_is_refused(body: dict[str, object]) -> None:
    async with calling() as api:
        status, answer = await api.post("/v1/routes/support/sample", {**WHO, **body})
        assert status == 400
        assert "strategy" in answer["error"]["message"] or "share" in answer["error"]["message"]
        assert (await api.post("/v1/routes/nobody/sample", {**WHO, "strategy": "full"}))[0] == 404


async def test_the_command_line_orders_and_shows(capsys: pytest.CaptureFixture[str]) -> None:
    async with house() as built, TestServer(make_api(built.plane)) as server:
        at = ["--control", f"127.0.0.1:{server.port}"]
        order = ["route", "sample", "support", "--strategy", "risk", "--share", "0.05", "--reason", "costs", *at]
        assert await asyncio.to_thread(main, order) == 0
        assert "is sampled risk, share 0.0625" in capsys.readouterr().out
        await built.second()
        traffic = {Cell("traffic", "all", 0, 1): 5 * SCALE, Cell("unsampled", "harmless", 0, 1): 2 * SCALE}
        await built.store.add("support", "default/support", int(built.clock()), traffic)
        assert await asyncio.to_thread(main, ["route", "show", "support", *at]) == 0
        shown = capsys.readouterr().out
        assert "sampling   risk, share 0.0625 (ordered): harmful prompts 1, risky answers 1, all 1 (epoch 0)" in shown
        assert "next: harmful prompts 1, risky answers 0.25, all 0.0625, all risky ones for review (epoch 1)" in shown
        assert "exchanges  analysed 3, unsampled 2" in shown


async def test_a_raised_alarm_level_samples_four_times_as_much() -> None:
    """Through the engine: refusals fall below the warning line, the severity is medium or more."""
    async with house(sampling=sampling("random", 0.1)) as built:
        kept = built.plane.memory.entry("support")
        await kept.edit(lambda one: one and replace(one, baseline=healthy_baseline()))
        await built.days(SOON, 96, 4)
        assert built.plane.rates("support", int(built.clock())) == Rates(3, 3, 3)
        await built.days(20, 80, 20)
        assert (await built.view())["severity"] in ("medium", "high", "critical")
        assert built.plane.rates("support", int(built.clock())) == Rates(0, 1, 1)
        assert "the alarm level is raised" in (await built.view())["sampling"]["now"]["why"]


async def test_evidence_of_a_change_samples_every_harmful_prompt() -> None:
    """Through the engine: refusals fall, the odds for a change pass 1,000, the trigger is on."""
    async with house(sampling=sampling("random", 0.1)) as built:
        kept = built.plane.memory.entry("support")
        await kept.edit(lambda one: one and replace(one, baseline=healthy_baseline()))
        await built.days(SOON, 96, 4)
        assert built.plane.rates("support", int(built.clock())).harm_k == 3
        await built.days(4, 80, 20)
        entry = built.plane.memory.known_entry("support")
        assert entry is not None
        assert entry.sampling.suspected
        await built.days(SOON, 80, 20)
        assert built.plane.rates("support", int(built.clock())).harm_k == 0
        assert "a change is suspected" in entry.sampling.epochs[-1].why


async def test_the_busiest_replica_sets_the_level_for_all() -> None:
    async with house() as built:
        other = built.another()
        await other.open()
        other.note_load(3)
        assert await rates_soon(built, other) == Rates(0, 1, 3)
        assert other.rates("support", int(built.clock())) == Rates(0, 1, 3)
        other.note_load(0)
        assert await rates_soon(built, other) == FULL_RATES
        await other.stop()


async def test_replicas_keep_to_the_same_probabilities_in_every_pane() -> None:
    async with house() as built:
        other = built.another()
        await other.open()
        for second in range(40):
            built.plane.note_load(second % 5)
            other.note_load((second * 7) % LOAD_MAX)
            pane = int(built.clock())
            before = [plane.rates("support", pane + 1) for plane in (built.plane, other)]
            await built.second(built.plane, other)
            after = [plane.rates("support", pane + 1) for plane in (built.plane, other)]
            assert len({*before, *after}) == 1, "and none changes once its pane begins"
        await other.stop()


async def test_a_replica_that_is_gone_asks_for_nothing() -> None:
    async with house() as built:
        built.plane.note_load(4)
        assert (await rates_soon(built)).rest_k == 4
        after = built.another()
        await after.open()
        built.clock.now_s += 200.0
        built.plane = after
        assert await rates_soon(built) == FULL_RATES


async def test_unusual_traffic_is_sampled_more() -> None:
    async with house() as built:
        built.plane.note_load(4)
        assert (await rates_soon(built)).rest_k == 4
        built.plane.note_unusual("support")
        assert (await rates_soon(built)).rest_k == 3


async def test_the_schedule_survives_a_restart() -> None:
    async with house(sampling=sampling("risk", 0.1)) as built:
        before = await rates_soon(built)
        after = built.another()
        await after.open()
        assert after.rates("support", int(built.clock())) == before == Rates(0, 1, 3, review=True)
        entry = after.memory.known_entry("support")
        assert entry is not None
        assert from_bytes(to_bytes(entry)) == entry
        await after.stop()


async def test_metrics_of_what_is_in_force() -> None:
    async with house(sampling=sampling("risk", 0.1)) as built:
        await rates_soon(built)
        found = {(one.metric.name, one.labels.get("of")): one.value for one in control_samples(built.plane)}
        assert found["groundwire_route_sampling_ratio", "all"] == 1 / 8
        assert found["groundwire_route_sampling_ratio", "harmful"] == 1.0
        assert found["groundwire_route_sampling_epoch", None] == 1.0
        assert found["groundwire_sampling_load_level", None] == 0.0


def test_loads_are_kept_and_forgotten() -> None:
    loads = Loads().saying("a", 3, 100.0).saying("b", 1, 110.0)
    assert loads_from_bytes(loads_to_bytes(loads)) == loads
    assert loads.level(120.0) == 3
    assert loads.saying("a", 3, 130.0) is loads, "said just now"
    assert loads.saying("a", 0, 130.0).level(130.0) == 1
    assert loads.level(400.0) == 0
    assert set(loads.saying("c", 1, 285.0).levels) == {"b", "c"}
    for broken in (b"[1]", b"{", b'{"a": [99, 1]}'):
        with pytest.raises(StateError):
            loads_from_bytes(broken)
