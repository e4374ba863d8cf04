"""What a record adds is what live counting adds."""

from __future__ import annotations

import math

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.analysis.counting import cells
from proxy.commands.replay.cells import BINS, EDGES, bin_of
from proxy.commands.replay.clock import LAG_MAX_S, Clock
from proxy.commands.replay.epochs import GRID, epochs_of, levels
from proxy.commands.replay.header import read_header
from proxy.core.exchange import Purpose
from proxy.core.observation import Observation
from proxy.core.windows import SCALE
from proxy.detectors import quantile
from tests.unit.replay.streams import header, ran


@given(st.floats(0.0, 1.0))
def test_bins_are_those_of_live_counting(score: float) -> None:
    assert BINS[bin_of(score)] == quantile.bin_of(score)


def test_bins_agree_at_every_edge() -> None:
    assert len(EDGES) == len(BINS) - 1 == len(set(BINS)) - 1
    for edge in EDGES:
        for near in (math.nextafter(edge, 0.0), edge, math.nextafter(edge, 1.0)):
            assert BINS[bin_of(near)] == quantile.bin_of(near)


@given(
    st.floats(0.0, 1.0),
    st.integers(0, 1),
    st.integers(0, 1),
    st.integers(0, 100_000),
    st.sampled_from(["crime", "privacy", "none"]),
)
def test_a_record_is_counted_as_the_observation_that_it_tells_of(
    score: float, anomaly: int, refusal: int, length: int, category: str
) -> None:
    seen = Observation(
        "x", "support", "m", False, 6_000.0, Purpose.USER, "", category, refusal=refusal, toxicity=score,
        anomalous=anomaly, shapes={"length": f"{length.bit_length():02d}", "topic": "travel"},
    )  # fmt: skip
    told = ("toxicity_bin", "anomaly", "length", "topic", *(["refusal"] if category != "none" else []))
    live = {place: n for place, n in cells([seen], 0, frozenset()) if place.signal in told}
    record = {
        "i": 0, "t": 6_000.0, "route": "support", "weight": 1, "refusal": refusal, "harm_category": category,
        "toxicity": score, "anomaly": anomaly, "length": length, "topic": "travel",
    }  # fmt: skip
    replay = ran(header(), [record, {**record, "i": 1}]).replay
    fresh = ran(header(), []).replay
    fresh.feed([orjson.dumps(record)], 2)
    pane = fresh.followers["support"].panes[100]
    pane.settle()
    counted = fresh.cells.counts(pane.lows, pane.rest)
    assert {place: n for place, n in counted.items() if place.stratum != "none"} == live
    assert replay.tally.bad == 0
    assert set(live.values()) == {SCALE}


@given(st.sampled_from(GRID))
def test_a_level_is_how_much_surer_than_the_lowest(pi_min: float) -> None:
    for pi, r in levels(pi_min).items():
        assert pi == pi_min * 2.0**r
        assert pi >= pi_min


def test_epochs_hold_from_their_time_on() -> None:
    epochs = epochs_of([{"from_t": 120, "harm": 1, "all": 0.25}, {"from_t": 0, "harm": 0.5, "all": 0.125}])
    first, begin, end = epochs.at(119.9)
    assert (first.harm[0.5], first.everything[1.0], begin, end) == (0, 3, -math.inf, 120.0)
    second, begin, end = epochs.at(120.0)
    assert (0.5 in second.harm, second.everything[1.0], begin, end) == (False, 2, 120.0, math.inf)


def test_a_header_says_which_epochs_and_baselines() -> None:
    found = read_header(orjson.dumps(header([{"from_t": 0, "harm": 1.0, "all": 0.5}])))
    known = found.baseline("support")
    assert known is not None and (known.n, round(known.rate, 3)) == (4_000, 0.95)
    assert found.baseline("other") is None


@given(st.lists(st.integers(0, 1_000), min_size=1, max_size=80))
def test_every_pane_closes_once_in_order_and_takes_nothing_more(steps: list[int]) -> None:
    clock, closed, held = Clock(60), [], set()
    for second in steps:
        for _, panes, _ in clock.advance(second):
            closed += panes
        pane = clock.open_pane(second)
        if pane is not None:
            held.add(pane)
            assert pane not in closed
    closed += clock.rest()
    assert closed == sorted(held)
    assert clock.lag_s <= LAG_MAX_S


def test_a_pane_waits_for_what_comes_late() -> None:
    clock = Clock(60)
    for second in (0, 30, 20, 59):
        list(clock.advance(second))
        clock.open_pane(second)
    assert clock.lag_s == 11
    assert [panes for _, panes, _ in clock.advance(65)] == [[]]
    assert clock.open_pane(58) == 0
    assert [(at, panes) for at, panes, _ in clock.advance(80)] == [(66.0, []), (71.0, [0])]
    assert clock.open_pane(58) is None


@pytest.mark.parametrize("value", [True, "0.5", None])
def test_a_score_is_a_number(value: object) -> None:
    with pytest.raises(Exception, match="toxicity"):
        bin_of(value)
