"""When a pane closes: at the p99.9 of the lags that are known, never after the bound, whoever counted, in any order."""

from __future__ import annotations

import random
from collections.abc import Sequence

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.closing import (
    BLOCK_MIN,
    EDGES_S,
    KNOWN_MIN,
    PAUSE_MAX_S,
    Closing,
    Lags,
    Steady,
    Watermark,
    added,
    arrival,
    from_json,
    lag_of,
    lags_of,
    remembered,
    to_json,
    until,
)
from proxy.core.windows import SCALE, Cell, Counts, merge

PANE_S = 60.0
MOST_S = 120.0
COUNTS = st.integers(0, 3_000) | st.integers(0, 3)
LAGS = st.lists(COUNTS, min_size=len(EDGES_S) + 1, max_size=len(EDGES_S) + 1).map(tuple)
SECONDS = st.floats(-5.0, 2_000.0)


def pane_with(*lags_s: float, each: int = 1) -> dict[Cell, int]:
    return merge({place: n * each} for place, n in map(arrival, lags_s))


@given(known=LAGS, most_s=st.floats(0.0, 2_000.0))
def test_within_it_lie_999_of_1000_or_it_is_the_most(known: Lags, most_s: float) -> None:
    lag_s = lag_of(known, most_s)
    assert lag_s <= most_s
    if lag_s < most_s:
        within = sum(n for edge, n in zip(EDGES_S, known, strict=False) if edge <= lag_s)
        assert sum(known) >= KNOWN_MIN
        assert within * 1_000 >= sum(known) * 999
        below = sum(n for edge, n in zip(EDGES_S, known, strict=False) if edge < lag_s)
        assert lag_s == EDGES_S[0] or below * 1_000 < sum(known) * 999, "no later than it must be"


@given(lag_s=SECONDS)
def test_an_arrival_lies_within_the_edge_of_its_bin(lag_s: float) -> None:
    place, n = arrival(lag_s)
    assert n == SCALE
    if place.stratum == "more":
        assert lag_s > EDGES_S[-1]
    else:
        below = max((edge for edge in EDGES_S if edge < int(place.stratum)), default=float("-inf"))
        assert below < lag_s <= int(place.stratum)


@given(arrivals=st.lists(SECONDS, max_size=60), seed=st.integers(0, 9), replicas=st.integers(1, 5))
def test_who_counted_and_in_what_order_does_not_matter(arrivals: list[float], seed: int, replicas: int) -> None:
    toss = random.Random(seed)
    parts: list[list[float]] = [[] for _ in range(replicas)]
    for lag_s in toss.sample(arrivals, len(arrivals)):
        toss.choice(parts).append(lag_s)
    together = lags_of(pane_with(*arrivals))
    assert lags_of(merge(pane_with(*part) for part in parts)) == together
    assert added(lags_of(pane_with(*part)) for part in parts) == together
    assert sum(together) == len(arrivals)


@given(
    lags=st.lists(st.tuples(st.integers(1, 40), LAGS), max_size=12),
    cuts=st.lists(st.integers(0, 12), max_size=4),
)
def test_panes_are_remembered_alike_however_they_are_bundled(
    lags: Sequence[tuple[int, Lags]], cuts: Sequence[int]
) -> None:
    panes: list[tuple[int, Counts]] = []
    for gap, one in lags:
        panes.append(((panes[-1][0] if panes else 0) + gap, counts_of(one)))
    whole = remembered(Closing(), panes, PANE_S)
    bundled, begin = Closing(), 0
    for cut in sorted({*cuts, len(panes)}):
        bundled = remembered(bundled, panes[max(0, begin - 1) : cut], PANE_S)  # one of them twice, after a lost race
        begin = cut
    assert bundled == whole
    assert from_json(orjson.loads(orjson.dumps(to_json(whole)))) == whole
    assert whole.known(panes) == added((whole.older, whole.newer)), "none is known twice"


def counts_of(lags: Lags) -> Counts:
    return {Cell("lag", str(edge), 0, 1): n * SCALE for edge, n in zip((*EDGES_S, "more"), lags, strict=True)}


def test_a_route_of_which_little_is_known_waits_the_longest() -> None:
    assert lag_of(lags_of(pane_with(1.0, each=KNOWN_MIN - 1)), MOST_S) == MOST_S
    assert lag_of(lags_of(pane_with(1.0, each=KNOWN_MIN)), MOST_S) == EDGES_S[0]
    assert lag_of(lags_of(pane_with(1.0, each=KNOWN_MIN)), 1.0) == 1.0


def test_slower_answers_are_heard_of_before_their_pane_closes_and_forgotten_after_two_blocks() -> None:
    quick = [(pane, pane_with(3.0, each=BLOCK_MIN)) for pane in range(60)]
    closing = remembered(Closing(), quick, PANE_S)
    assert lag_of(closing.known(()), MOST_S) == EDGES_S[0]
    slow = [(60, merge([pane_with(3.0, each=BLOCK_MIN), pane_with(40.0, each=BLOCK_MIN)]))]
    assert lag_of(closing.known(slow), MOST_S) == 48.0, "what has arrived in an open pane is known"
    closing = remembered(closing, slow, PANE_S)
    lags_s = []
    for pane in range(61, 61 + 130):
        closing = remembered(closing, [(pane, pane_with(3.0, each=BLOCK_MIN))], PANE_S)
        lags_s.append(lag_of(closing.known(()), MOST_S))
    assert lags_s == sorted(lags_s, reverse=True), "it falls once, and does not come back"
    assert 60 < lags_s.index(EDGES_S[0]) < 125


def test_blocks_turn_only_with_enough_in_them() -> None:
    closing = remembered(Closing(), [(pane, pane_with(3.0, each=10)) for pane in range(399)], PANE_S)
    assert sum(closing.older) == 0, "an hour is not enough"
    closing = remembered(closing, [(399, pane_with(3.0, each=10))], PANE_S)
    assert (sum(closing.older), sum(closing.newer), closing.since) == (BLOCK_MIN, 0, 400)
    many = remembered(Closing(), [(pane, pane_with(3.0, each=BLOCK_MIN)) for pane in range(59)], PANE_S)
    assert sum(many.older) == 0, "nor are enough answers of a minute"


@given(pane=st.integers(0, 100), lag_s=st.floats(0.0, 200.0), later_s=st.floats(0.0, 500.0), up_to=st.integers(-1, 100))
def test_what_was_consumed_stays_closed_and_time_opens_nothing(
    pane: int, lag_s: float, later_s: float, up_to: int
) -> None:
    mark = Watermark(lag_s, up_to)
    ends_s = (pane + 1) * PANE_S
    if pane <= up_to:
        assert mark.has_closed(pane, PANE_S, 0.0)
    else:
        assert mark.has_closed(pane, PANE_S, ends_s + later_s) == (ends_s + lag_s < ends_s + later_s)
    if mark.has_closed(pane, PANE_S, ends_s):
        assert mark.has_closed(pane, PANE_S, ends_s + later_s)


def test_after_a_pause_nothing_is_hastened_for_a_while() -> None:
    steady = Steady(0.0, 0.0)
    for second in range(1, 300):
        steady = steady.at(float(second), whole=True)
    assert not steady.holds(299.0, MOST_S)
    assert steady.at(299.0 + PAUSE_MAX_S, whole=True).since_s == 0.0
    for after in (
        steady.at(299.0 + PAUSE_MAX_S + 0.1, whole=True),
        steady.at(300.0, whole=False),
        steady.at(200.0, whole=True),
    ):
        assert after.since_s == after.last_s
        assert after.holds(after.since_s + MOST_S, MOST_S)
        assert not after.holds(after.since_s + MOST_S + 0.1, MOST_S)


def test_a_clock_that_was_set_back_leaves_nothing_ahead() -> None:
    closing = remembered(Closing(), [(500, pane_with(3.0, each=2_000))], PANE_S)
    back = until(closing, 40)
    assert (back.since, back.pane, back.newer) == (40, 40, closing.newer)
    assert until(back, 41) == back
    assert remembered(back, [(41, pane_with(3.0))], PANE_S).pane == 41


def test_an_entry_of_an_older_version_remembers_nothing() -> None:
    assert from_json(None) == Closing()
    with pytest.raises(ValueError, match="not enough values"):
        from_json({"blocks": [{}], "since": 1, "pane": 1})
    assert from_json({**to_json(Closing()), "blocks": [{"5": 7}, {}]}) == Closing(), "bins of another table"
