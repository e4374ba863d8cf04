"""Drift through the control plane: said, shown with gauges and a date, and kept across a restart."""

from __future__ import annotations

import logging
from dataclasses import replace

import pytest

from proxy.control.dating import Dates, taking
from proxy.control.views.samples import control_samples
from proxy.core.evidence.findings import Finding, LineKind, Status
from proxy.core.policies.policy import Policy
from proxy.core.windows import SCALE, Cell
from tests.control.house import ENFORCE, House, healthy_baseline, house

LENGTHS = {"08": 3_000, "09": 5_000, "10": 2_000}
BASELINE = replace(healthy_baseline(), shapes={"length": LENGTHS, "topic": {"code": 5_000, "law": 5_000}})


async def answers(home: House, *bins: tuple[str, str, int]) -> None:
    counts = {Cell(signal, name, 0, 1): n * SCALE for signal, name, n in bins}
    await home.store.add("support", "default/support", int(home.clock()), counts)
    await home.answers(20, 0)
    await home.second()


async def test_drift_of_the_output_is_shown_with_its_date_and_its_kind() -> None:
    async with house(policy=ENFORCE) as home:
        await home.plane.memory.entry("support").edit(lambda entry: entry and replace(entry, baseline=BASELINE))
        for _ in range(60):
            await answers(home, ("length", "08", 12), ("length", "09", 20), ("length", "10", 8), ("topic", "code", 9))
        turned = home.clock()
        for _ in range(20):
            await answers(home, ("length", "08", 2), ("length", "09", 8), ("length", "10", 30), ("topic", "code", 5))
        shown = await home.plane.route_view("support", in_full=True)
        assert shown is not None
        assert shown["severity"] == "medium"
        assert shown["step"] == "watch"
        assert shown["drift"]["kinds"]["output"] == ["length"]
        assert shown["drift"]["input_moved"], "all topics are code here, half of them in the baseline"
        [length] = [test for test in shown["tests"] if test["metric"] == "length"]
        assert length["status"] == "crossed"
        assert length["stratum"] == "above 10 on"
        dates = {one["metric"]: one for one in shown["dated"]}
        assert abs(dates["length"]["change_s"] - turned) <= 2
        assert dates["length"]["from_s"] <= turned <= dates["length"]["to_s"]
        assert shown["gauges"]["shapes"]["length"]["js_bits"] > 0.01
        assert shown["gauges"]["windows"]["60"]["refusal"]["rate"] == 1.0
        again = home.another()
        await again.open()
        await again.tick()
        entry = (await again.memory.entry("support").load())[1]
        assert entry is not None
        assert entry.state.drifts["length"].led == "above 10 on"


async def test_a_list_of_routes_is_spared_the_gauges() -> None:
    async with house() as home:
        assert (await home.view())["gauges"] is None


async def test_an_alarm_is_dated_once() -> None:
    def panes(first: int) -> list[tuple[int, dict[Cell, int]]]:
        cells = (Cell("refusal", "fraud", 0, 1), Cell("refusal", "fraud", 0, 0))
        return [(k, {cells[k >= first]: 5 * SCALE}) for k in range(100)]

    crossed = Finding("refusal", "overall", LineKind.WARNING, Status.CROSSED, 0.8, 0.9, 0.9, 9.0, 8.0, crossed_pane=80)
    dates = Dates()
    [first] = await dates.of("support", [crossed], panes(70), None, Policy(), 60.0)
    assert first["change_s"] == 70 * 60.0
    assert await dates.of("support", [crossed], panes(50), None, Policy(), 60.0) == [first]
    later = replace(crossed, crossed_pane=90)
    [second] = await dates.of("support", [later], panes(50), None, Policy(), 60.0)
    assert second["change_s"] == 50 * 60.0
    undecided = replace(crossed, status=Status.UNDECIDED)
    assert await dates.of("support", [undecided], panes(50), None, Policy(), 60.0) == []


def test_what_a_date_is_made_of() -> None:
    overall = Finding("refusal", "overall", LineKind.WARNING, Status.CROSSED, 0.8, 0.9, 0.9, 9.0, 8.0)
    takes = taking(overall, BASELINE, Policy(), 60.0)
    assert takes(Cell("refusal", "fraud", 0, 1)) == 1
    assert takes(Cell("refusal", "none", 0, 1)) is None
    assert takes(Cell("toxicity", "fraud", 0, 1)) is None
    category = taking(replace(overall, stratum="fraud"), BASELINE, Policy(), 60.0)
    assert category(Cell("refusal", "violence", 0, 1)) is None
    group = taking(replace(overall, metric="length", detail="above 10 on"), BASELINE, Policy(), 60.0)
    assert group(Cell("length", "11", 0, 1)) == 1
    assert group(Cell("length", "08", 0, 1)) == 0
    assert group(Cell("topic", "law", 0, 1)) is None


async def test_drift_is_said_when_it_begins_and_when_it_ends(caplog: pytest.LogCaptureFixture) -> None:
    async with house(policy=ENFORCE) as home:
        await home.plane.memory.entry("support").edit(lambda entry: entry and replace(entry, baseline=BASELINE))
        with caplog.at_level(logging.INFO):
            for _ in range(30):
                await answers(home, ("topic", "code", 40))
            assert [one.getMessage() for one in caplog.records].count("drift") == 1
            shown = {(one.metric.name, *one.labels.values()): one.value for one in control_samples(home.plane)}
            assert shown["groundwire_route_drift", "support", "input"] == 1
            assert shown["groundwire_route_drift", "support", "output"] == 0
            assert shown["groundwire_route_severity", "support"] == 1
            for _ in range(60):
                await answers(home, ("topic", "code", 20), ("topic", "law", 20))
            assert [one.getMessage() for one in caplog.records].count("drift_ended") == 1
