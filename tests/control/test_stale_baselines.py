"""What makes a baseline stale, and what ends it: on a real store, in virtual time."""

from __future__ import annotations

import pytest

from proxy.control.baselines.orders import BaselineOrders
from proxy.control.orders import Word
from proxy.control.views.samples import control_samples
from proxy.core.baselines.fingerprint import SYSTEM
from proxy.demo.synthetic import Served, Synthetic
from tests.control.house import House, house, learnt, marked, serving

KIM = Word("kim", "a drill")


async def test_a_new_system_prompt_makes_it_stale_and_safety_lines_stay(caplog: pytest.LogCaptureFixture) -> None:
    async with house() as built:
        await marked(built, "sys-a", 400)
        await learnt(built)
        await marked(built, "sys-b", 1)
        await built.days(4, 10, 0)
        await built.plane.build_baselines()
        assert not (await built.view())["baseline"]["stale"], "one odd request"
        for _ in range(4):
            await marked(built, "sys-b")
            await built.days(1, 10, 0)
        await built.days(5, 10, 0)
        await built.plane.build_baselines()
        shown = await built.view()
        assert shown["baseline"]["status"] == "stale"
        assert "more than 20% of requests carry a new system prompt" in shown["baseline"]["stale"]
        assert "baseline_stale" in caplog.text
        stale = {one.metric.name: one.value for one in control_samples(built.plane)}["groundwire_baseline_stale"]
        assert stale == 1
        await built.vouch()
        await built.days(30, 2, 8)
        assert (await built.view())["would_step"] == "reverted", "the safety lines stay in force"
        entry = (await built.plane.memory.entry("support").load())[1]
        assert entry is not None
        assert built.plane.looks.context(built.plane.setup, entry, "", built.clock()).stale == entry.outdated != ""


async def test_promoting_it_for_the_new_context_ends_it() -> None:
    async with house() as built:
        await marked(built, "sys-a", 400)
        await learnt(built)
        for _ in range(6):
            await marked(built, "sys-b")
            await built.days(1, 10, 0)
        await built.days(4, 10, 0)
        await built.plane.build_baselines()
        assert (await built.view())["baseline"]["stale"]
        await BaselineOrders(built.plane).promote("support", "", KIM)
        for _ in range(6):
            await marked(built, "sys-b")
            await built.days(1, 10, 0)
        await built.days(4, 10, 0)
        await built.plane.build_baselines()
        assert (await built.view())["baseline"]["status"] == "promoted"


async def test_another_classifier_makes_it_stale() -> None:
    async with house() as built:
        built.plane.note_judge("guard-1")
        await learnt(built)
        built.plane.note_judge("guard-2")
        await built.days(2, 10, 0)
        await built.plane.build_baselines()
        assert "the classifier changed from 'guard-1' to 'guard-2'" in (await built.view())["baseline"]["stale"]


async def adapters(server: Synthetic, built: House) -> None:
    server.models["support"] = Served("support", "adapters/v1", "base-model")
    await built.plane.discover()
    await learnt(built)


@pytest.mark.parametrize("how", ["another root", "unloaded and loaded again"])
async def test_the_load_of_an_adapter_makes_it_stale_and_keeps_its_lines(
    how: str, caplog: pytest.LogCaptureFixture
) -> None:
    server = Synthetic({"base-model": Served("base-model", "models/base")})
    async with serving(server) as upstream, house({}, upstreams={"default": upstream}) as built:
        await adapters(server, built)
        if how == "another root":
            server.models["support"] = Served("support", "adapters/v2", "base-model")
        else:
            gone = server.models.pop("support")
            await built.plane.discover()
            server.models["support"] = gone
        await built.plane.discover()
        shown = await built.view()
        assert shown["status"] == "watching"
        assert shown["baseline"]["status"] == "stale"
        assert "baseline_stale" in caplog.text
        await built.vouch()
        await built.days(30, 1, 9)
        assert (await built.view())["would_step"] == "reverted"


async def test_marks_that_were_learnt_after_a_promotion_are_tested_too() -> None:
    async with house() as built:
        await learnt(built)
        await BaselineOrders(built.plane).promote("support", "", KIM)
        for mark in ("sys-a", "sys-b"):
            for _ in range(6):
                await built.days(1, 10, 0)
                await marked(built, mark, 50)
                await built.plane.build_baselines()
            for _ in range(5):
                await built.days(1, 10, 0)
                await built.plane.build_baselines()
            assert (await built.view())["baseline"]["marks"] == {SYSTEM: 200}
            assert bool((await built.view())["baseline"]["stale"]) == (mark == "sys-b")


async def test_a_new_system_prompt_is_seen_after_the_clock_was_set_back() -> None:
    async with house() as built:
        await marked(built, "sys-a", 400)
        await learnt(built)
        built.clock.now_s -= 100_000.0
        for _ in range(6):
            await marked(built, "sys-b")
            await built.days(1, 10, 0)
            await built.plane.build_baselines()
        for _ in range(4):
            await built.days(1, 10, 0)
            await built.plane.build_baselines()
        assert "new system prompt" in (await built.view())["baseline"]["stale"]
