"""JS and KL divergence of shapes as metrics: once a pane, with few answers none, and gone with the route."""

from __future__ import annotations

from dataclasses import replace

from proxy.control.views.samples import control_samples
from proxy.core.windows import SCALE, Cell
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


async def test_how_far_the_last_hour_is_from_the_baseline() -> None:
    async with house() as built:
        await built.plane.measure_divergences()
        assert shown(built) == {}, "there is no baseline"
        baseline = replace(healthy_baseline(), shapes={"length": THEN})
        entry = built.plane.memory.entry("support")
        await entry.edit(lambda one: None if one is None else replace(one, baseline=baseline))
        await answered(built, {"07": 9, "08": 5})
        built.clock.now_s += 1.0
        await built.plane.measure_divergences()
        assert shown(built) == {}, "fourteen answers say nothing"
        await answered(built, NOW)
        await built.plane.measure_divergences()
        assert shown(built) == {}, "once a pane"
        built.clock.now_s += 1.0
        await built.plane.measure_divergences()
        now = {"07": 109.0, "08": 305.0, "09": 600.0}
        then = {name: float(n) for name, n in THEN.items()}
        js, kl = js_bits(now, then), kl_bits(now, then)
        assert js is not None and kl is not None and 0.1 < js < 0.5 < kl
        found = shown(built)
        assert abs(found["groundwire_route_shape_js_bits"] - js) < 1e-9
        assert abs(found["groundwire_route_shape_kl_bits"] - kl) < 1e-9
        built.clock.now_s += 3_700.0
        await built.plane.measure_divergences()
        assert shown(built) == {}, "nothing was answered within the hour"
        built.plane.divergences.forget("support")
        assert built.plane.divergences.known == {}
