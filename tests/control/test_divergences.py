"""JS and KL divergence of shapes as metrics: once a pane, with few answers none, and gone with the route."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from proxy.control.views.samples import control_samples
from proxy.control.views.standing import RENEW_MIN_S
from proxy.core.baselines.baseline import Baseline
from proxy.core.drift.hours import hour_at
from proxy.core.windows import SCALE, Cell, Counts
from proxy.detectors.divergence import js_bits, kl_bits
from tests.control.house import House, healthy_baseline, house

THEN = {"07": 600, "08": 300, "09": 100}
NOW = {"07": 100, "08": 300, "09": 600}


async def answered(built: House, bins: dict[str, int]) -> None:
    cells = {Cell("length", name, 0, 1): n * SCALE for name, n in bins.items()}
    await built.store.add("support", "default/support", int(built.clock()), cells)


def shown(built: House) -> dict[str, float]:  # their only route and signal
    return {
        one.metric.name: float(str(one.value))
        for one in control_samples(built.plane)
        if one.metric.name.startswith("groundwire_route_shape_")
    }


async def with_baseline(built: House, baseline: Baseline) -> None:
    entry = built.plane.memory.entry("support")
    await entry.edit(lambda one: None if one is None else replace(one, baseline=baseline))


async def test_how_far_the_last_hour_is_from_the_baseline() -> None:
    async with house() as built:
        await built.plane.renew_standings()
        assert shown(built) == {}, "there is no baseline"
        await with_baseline(built, replace(healthy_baseline(), shapes={"length": THEN}))
        await answered(built, {"07": 9, "08": 5})
        built.clock.now_s += RENEW_MIN_S
        await built.plane.renew_standings()
        assert shown(built) == {}, "fourteen answers say nothing"
        await answered(built, NOW)
        await built.plane.renew_standings()
        assert shown(built) == {}, "once a pane, and no sooner than that"
        built.clock.now_s += RENEW_MIN_S
        await built.plane.renew_standings()
        now = {"07": 109.0, "08": 305.0, "09": 600.0}
        then = {name: float(n) for name, n in THEN.items()}
        js, kl = js_bits(now, then), kl_bits(now, then)
        assert js is not None and kl is not None and 0.1 < js < 0.5 < kl
        found = shown(built)
        assert abs(found["groundwire_route_shape_js_bits"] - js) < 1e-9
        assert abs(found["groundwire_route_shape_kl_bits"] - kl) < 1e-9
        built.clock.now_s += 3_700.0
        await built.plane.renew_standings()
        assert shown(built) == {}, "nothing was answered within the hour"


async def test_an_hour_of_the_week_is_compared_with_its_own_shape() -> None:
    async with house() as built:
        hour = hour_at(int(built.clock()), 1.0)
        baseline = replace(healthy_baseline(), shapes={"length": THEN}, hours={hour: {"length": NOW}})
        await with_baseline(built, baseline)
        await answered(built, NOW)
        await built.plane.renew_standings()
        assert shown(built)["groundwire_route_shape_js_bits"] == 0.0
        view = await built.plane.route_view("support", in_full=True)
        assert view is not None and view["gauges"]["shapes"]["length"]["hour"] == hour


async def test_one_reading_of_the_hour_gives_rates_and_shapes(monkeypatch: pytest.MonkeyPatch) -> None:
    async with house() as built:
        await with_baseline(built, replace(healthy_baseline(), shapes={"length": THEN}))
        await answered(built, NOW)
        await built.answers(20, 0)
        await built.plane.renew_standings()  # with power, which reads a day of panes
        spans, read = [], built.store.panes

        async def counted(route: str, served: str, first: int, last: int) -> Sequence[tuple[int, Counts]]:
            spans.append(last - first)
            return await read(route, served, first, last)

        monkeypatch.setattr(built.store, "panes", counted)
        built.clock.now_s += RENEW_MIN_S
        await built.plane.renew_standings()
        assert spans == [3_600]
        assert shown(built) and built.plane.standings.known["support"].rates
