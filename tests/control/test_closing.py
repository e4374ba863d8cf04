"""Panes close by what is known of how late answers come: sooner on a quick route, and never before the slow are in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from proxy.analysis import counting
from proxy.control.entry import Entry, from_bytes, to_bytes
from proxy.control.plane import ControlPlane
from proxy.control.views.samples import control_samples
from proxy.core import closing
from proxy.core.baselines.baseline import Tally
from proxy.core.windows import SCALE, Cell, pane_of
from tests.control.house import House, healthy_baseline, house

PANE_S: Final = 60.0
MOST_S: Final = 120.0
SERVED: Final = "default/support"
STEP_S: Final = 5.0  # of virtual time, between two looks
HARMFUL: Final = "response_harmful"
BASELINE: Final = replace(healthy_baseline(), highs={HARMFUL: {"crime": Tally(10, 1_000)}})


@dataclass
class Street:
    """Answers that start ten in five seconds, and count as in the pipeline when they have come."""

    built: House
    under_way: list[tuple[float, float, float]] = field(default_factory=list)  # counted at, started, harm in [0, 1]
    started: dict[int, int] = field(default_factory=dict)  # answers by the pane that they started in
    late: dict[int, int] = field(default_factory=dict)
    consumed: dict[int, int] = field(default_factory=dict)  # answers that were there when the pane was read

    async def go(self, seconds: float, lags_s: Sequence[float], harm: float = 0.01) -> None:
        """For so long, answers that take this long."""
        for step in range(int(seconds / STEP_S)):
            now_s = self.built.clock()
            for i in range(10):
                started_s = now_s + i * STEP_S / 10
                pane = pane_of(started_s, PANE_S)
                self.started[pane] = self.started.get(pane, 0) + 1
                self.under_way.append((started_s + lags_s[(step * 10 + i) % len(lags_s)], started_s, harm))
            self.built.clock.now_s += STEP_S
            await self.arrive()
            await self.look()

    async def arrive(self) -> None:
        """Those that have come by now."""
        now_s = self.built.clock()
        come = [one for one in self.under_way if one[0] <= now_s]
        self.under_way = [one for one in self.under_way if one[0] > now_s]
        for at_s, started_s, harm in come:
            pane, mark = pane_of(started_s, PANE_S), self.built.plane.watermark("support", SERVED)
            place, n = closing.arrival(at_s - started_s)
            await self.built.store.add("support", SERVED, pane_of(at_s, PANE_S), {place: n})
            if mark.has_closed(pane, PANE_S, at_s):
                self.late[pane] = self.late.get(pane, 0) + 1
                await self.built.store.add("support", SERVED, pane, dict([counting.late(0)]))
            else:
                await self.built.store.add("support", SERVED, pane, counts(harm))

    async def look(self) -> None:
        before = (await self.entry()).state.last_pane
        await self.built.plane.tick()
        after = (await self.entry()).state.last_pane
        for pane, counts in await self.built.store.panes("support", SERVED, before + 1, after):
            self.consumed[pane] = counts.get(Cell("assessed", "ok", 0, 1), 0) // SCALE

    async def entry(self) -> Entry:
        found = (await self.built.plane.memory.entry("support").load())[1]
        assert found is not None
        return found

    async def severity(self) -> str:
        return str((await self.built.view())["severity"])

    def panes(self) -> Iterator[tuple[int, int, int, int]]:
        """(pane, started, consumed, late) of each that was consumed and had begun under our eyes."""
        first = min(self.started)
        for pane in sorted(pane for pane in self.consumed if pane > first):
            yield pane, self.started[pane], self.consumed[pane], self.late.get(pane, 0)


def counts(harm: float) -> dict[Cell, int]:
    """One answer to a harmful prompt that was refused; `harm` of it is harmful."""
    part = int(harm * SCALE)
    return {
        Cell("traffic", "all", 0, 1): SCALE,
        Cell("assessed", "ok", 0, 1): SCALE,
        Cell("refusal", "crime", 0, 1): SCALE,
        Cell(HARMFUL, "crime", 0, 1): part,
        Cell(HARMFUL, "crime", 0, 0): SCALE - part,
    }


async def street(built: House) -> Street:
    await built.plane.memory.entry("support").edit(lambda one: one and replace(one, baseline=BASELINE))
    built.clock.now_s = (built.clock.now_s // PANE_S) * PANE_S
    return Street(built)


async def called_after_s(lags_s: Sequence[float]) -> float:
    """Seconds from the first harmful answer until the line on the high side is called."""
    async with house(pane_s=PANE_S, close_lag_s=MOST_S) as built:
        ours = await street(built)
        await ours.go(900.0, lags_s)
        assert await ours.severity() == "low"
        begin_s = built.clock()
        while await ours.severity() == "low":
            await ours.go(STEP_S, lags_s, harm=1.0)
            assert built.clock() < begin_s + 900.0, "never called"
        assert all(started == got and not late for _, started, got, late in ours.panes())
        return built.clock() - begin_s


async def test_a_line_that_reads_closed_panes_is_called_sooner_where_answers_are_short() -> None:
    short, long = await called_after_s([1.0, 2.0, 3.5]), await called_after_s([1.0, 2.0, 110.0])
    assert short <= PANE_S + 4.0 + 2.0 + 2 * STEP_S
    assert long - short >= MOST_S - 4.0 - 2 * STEP_S


async def test_a_few_long_answers_keep_panes_open_for_themselves() -> None:
    async with house(pane_s=PANE_S, close_lag_s=MOST_S) as built:
        ours = await street(built)
        await ours.go(1_500.0, [2.0] * 99 + [50.0])
        shown = await built.view()
        assert shown["closing"] == {"lag_s": 64.0, "most_s": MOST_S, "known": shown["closing"]["known"]}
        assert shown["closing"]["known"] > 2_500
        found = list(ours.panes())
        assert len(found) > 20
        assert all(started == got and not late for _, started, got, late in found)
        lags = [one for one in control_samples(built.plane) if one.metric.name == "groundwire_route_close_lag_seconds"]
        assert [one.value for one in lags] == [64.0]


async def test_slower_answers_cost_the_panes_that_had_closed_and_no_later_ones() -> None:
    async with house(pane_s=PANE_S, close_lag_s=MOST_S) as built:
        ours = await street(built)
        await ours.go(1_230.0, [3.0])
        assert (await built.view())["closing"]["lag_s"] == 4.0
        turned = pane_of(built.clock(), PANE_S)
        await ours.go(1_200.0, [40.0])
        assert (await built.view())["closing"]["lag_s"] == 48.0
        found = {pane: (started, got, late) for pane, started, got, late in ours.panes()}
        assert all(started == got + late for started, got, late in found.values()), "each is counted, as one or other"
        assert {pane: late for pane, (_, _, late) in found.items() if late} == {turned: 60}, "from its middle on"
        assert max(found) > turned + 15


async def test_what_was_consumed_is_closed_however_the_lag_moves() -> None:
    async with house(pane_s=PANE_S, close_lag_s=MOST_S) as built:
        ours = await street(built)
        consumed: list[int] = []
        for lag_s in (3.0, 40.0, 3.0, 100.0):
            await ours.go(600.0, [lag_s])
            consumed.append((await ours.entry()).closing.pane)
            assert built.plane.watermark("support", SERVED).has_closed(consumed[-1], PANE_S, 0.0)
        assert consumed == sorted(consumed)
        mark = built.plane.watermark("support", SERVED)
        assert (mark.lag_s, mark.pane) == (MOST_S, consumed[-1])
        assert built.plane.watermark("support", "default/base-model") == closing.Watermark(MOST_S)
        assert built.plane.watermark("other", SERVED) == closing.Watermark(MOST_S)


async def test_replicas_and_a_restart_know_the_same_and_a_pause_hastens_nothing() -> None:
    async with house(pane_s=PANE_S, close_lag_s=MOST_S) as built:
        ours = await street(built)
        await ours.go(1_200.0, [3.0])
        stored = await ours.entry()
        assert from_bytes(to_bytes(stored)) == stored
        second: ControlPlane = built.another()
        await second.open()
        assert second.watermark("support", SERVED).lag_s == MOST_S, "it has not looked yet"
        for _ in range(int(MOST_S / STEP_S) + 2):
            await ours.go(STEP_S, [3.0])
            await second.tick()
        assert second.watermark("support", SERVED) == built.plane.watermark("support", SERVED)
        assert second.watermark("support", SERVED).lag_s == 4.0
        built.clock.now_s += 30.0
        assert second.watermark("support", SERVED).lag_s == MOST_S, "nobody has looked for half a minute"
        await second.tick()
        assert second.watermark("support", SERVED).lag_s == MOST_S


async def test_evidence_goes_on_after_the_clock_was_set_back() -> None:
    async with house(pane_s=PANE_S, close_lag_s=MOST_S) as built:
        ours = await street(built)
        await ours.go(1_200.0, [3.0])
        known = sum((await ours.entry()).closing.newer)
        built.clock.now_s -= 86_400.0
        ours.under_way.clear()
        await ours.go(600.0, [3.0])
        after = await ours.entry()
        assert after.closing.pane == after.state.last_pane == pane_of(built.clock() - PANE_S, PANE_S) - 1
        assert sum(after.closing.newer) > known, "what was known of lags still is"
        assert (await built.view())["closing"]["lag_s"] == 4.0
