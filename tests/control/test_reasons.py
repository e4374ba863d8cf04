"""What metrics tell of why a route stands where it stands, in virtual time on the real engine."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.control.orders import Orders, Word
from proxy.control.views.rates import SHOWN, rates_in, rates_of
from proxy.control.views.reasons import reason_samples
from proxy.control.views.standing import POWER_EVERY_S
from proxy.core.decisions.ladder import Command
from proxy.core.observation import NO_HARM
from proxy.core.windows import SCALE, Cell, Counts
from tests.control.house import House, healthy_baseline, house

Labels = frozenset[tuple[str, str]]


def told(built: House) -> Mapping[tuple[str, Labels], float]:
    """Samples by name (without its prefix) and labels, the route's left out."""
    found: dict[tuple[str, Labels], float] = {}
    for one in reason_samples(built.plane):
        assert one.labels["route"] == "support"
        assert isinstance(one.value, float | int)
        labels = frozenset((name, value) for name, value in one.labels.items() if name != "route")
        found[one.metric.name.removeprefix("groundwire_"), labels] = float(one.value)
    return found


def labels(**of: str) -> Labels:
    return frozenset(of.items())


OVERALL = {"signal": "refusal", "stratum": "overall", "line": "critical"}


async def eroded(built: House) -> None:
    await built.vouch()
    await built.days(14, 10, 0)
    await built.days(40, 3, 7)


async def test_a_revert_is_told_with_its_record_its_line_and_its_time() -> None:
    async with house() as built:
        await eroded(built)
        now, shown = told(built), await built.view()
        assert shown["step"] == "reverted"
        assert now["route_decision_info", labels(record=shown["enforcement_id"], **OVERALL)] == 1
        assert now["route_since_timestamp_seconds", labels()] == shown["since_s"]
        assert now["route_line_crossed", labels(**OVERALL)] == 1
        tests = {(one["metric"], one["stratum"], one["line"]): one for one in shown["tests"]}
        assert now["route_line_ratio", labels(**OVERALL)] == tests["refusal", "overall", "critical"]["m"]
        assert len([name for name, _ in now if name == "route_decision_info"]) == 1, "of the present state alone"


async def test_a_healthy_route_has_lines_and_none_is_crossed() -> None:
    async with house() as built:
        await built.vouch()
        await built.days(20, 10, 0)
        now = told(built)
        assert {value for (name, _), value in now.items() if name == "route_line_crossed"} == {0.0}


async def test_an_order_names_its_record_and_no_line() -> None:
    async with house() as built:
        await built.vouch()
        await built.days(14, 10, 0)
        await Orders(built.plane).command("support", Command.REVERT, Word("kim", "a drill"))
        record = (await built.view())["enforcement_id"]
        found = [dict(of) for name, of in told(built) if name == "route_decision_info"]
        assert found == [{"record": record, "signal": "", "stratum": "", "line": ""}]
        assert "kim" not in str(found)


async def test_rates_stand_beside_those_of_the_baseline() -> None:
    async with house() as built:
        await eroded(built)
        await built.plane.standings.work(built.plane.setup, built.plane.memory.known_entries().values(), built.clock())
        now = told(built)
        asked = 14 * 20 + 40 * 20
        assert now["route_rate_ratio", labels(signal="refusal")] == pytest.approx((14 * 20 + 40 * 6) / asked)
        assert now["baseline_rate_ratio", labels(signal="refusal")] == 1.0
        assert now["baseline_review_due", labels()] == 0


async def test_a_route_with_too_little_traffic_becomes_underpowered() -> None:
    async with house() as built:
        await built.vouch()
        await built.days(14, 10, 0)
        standings, setup = built.plane.standings, built.plane.setup
        await standings.work(setup, built.plane.memory.known_entries().values(), built.clock())
        assert told(built)["route_underpowered", labels()] == 0, "too early to say"
        built.clock.now_s += 48 * POWER_EVERY_S
        await built.answers(1, 0)
        built.clock.now_s += 20 * POWER_EVERY_S
        await standings.work(setup, built.plane.memory.known_entries().values(), built.clock())
        assert told(built)["route_underpowered", labels()] == 1


async def test_nothing_is_read_from_the_store_before_it_is_due() -> None:
    async with house() as built:
        await built.vouch()
        await built.days(14, 10, 0)
        entries = built.plane.memory.known_entries().values()
        await built.plane.standings.work(built.plane.setup, entries, built.clock())
        before = dict(built.plane.standings.known)
        await built.days(2, 0, 10)
        await built.plane.standings.work(built.plane.setup, entries, built.clock())
        assert built.plane.standings.known == before
        built.clock.now_s -= 7_200.0  # a clock that was set back makes nobody wait for two hours
        await built.plane.standings.work(built.plane.setup, entries, built.clock())
        assert built.plane.standings.known != before


CELLS = st.dictionaries(
    st.builds(
        Cell,
        st.sampled_from(SHOWN),
        st.sampled_from(("violence", "crime", NO_HARM)),
        st.integers(0, 7),
        st.integers(0, 1),
    ),
    st.integers(1, 1_000).map(lambda n: n * SCALE),
)


@given(CELLS)
def test_a_rate_is_a_share_and_harmless_prompts_are_in_no_refusal(counts: Counts) -> None:
    rates = dict(rates_of(counts))
    assert all(0.0 <= rate <= 1.0 for rate in rates.values())
    harmful = {cell: n for cell, n in counts.items() if not (cell.signal == "refusal" and cell.stratum == NO_HARM)}
    assert rates == dict(rates_of(harmful))
    assert set(rates) == {cell.signal for cell in harmful}


def test_a_baseline_tells_what_it_counted_alone() -> None:
    assert dict(rates_in(healthy_baseline())) == {"refusal": 0.96}
