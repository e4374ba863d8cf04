"""Coverage epochs: every exchange that traffic may send has a weight of its pane, and estimates stay unbiased."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.analysis.sampling.coverage import (
    K_MAX,
    Coverage,
    Pressure,
    at_edge,
    at_edge_of_many,
    from_bytes,
    set_back,
    to_bytes,
)
from proxy.core.errors import StateError

fills = st.lists(st.floats(0, 1), max_size=60)


@given(fills, st.sampled_from([0.5, 1.0, 2.0, 60.0]))
def test_an_exchange_fits_its_pane_whenever_traffic_heard_within_three_seconds(
    fill: list[float], pane_s: float
) -> None:
    coverage, asked = Coverage(), [(0.0, 0)]  # what traffic may know: (from when, k)
    for pane, ratio in enumerate(fill, 1):
        coverage = at_edge(coverage, pane, pane_s, ratio)
        asked.append((pane * pane_s, coverage.k))
    for pane in range(1, len(fill) + 1):
        for begin_s in (pane * pane_s, (pane + 0.99) * pane_s):
            heard = [k for from_s, k in asked if from_s <= begin_s]
            lately = [k for from_s, k in asked if begin_s - 3.0 <= from_s <= begin_s]
            before = [k for from_s, k in asked if from_s < begin_s - 3.0][-1:]
            for k in {heard[-1], *lately, *before}:
                assert coverage.level(pane, k) is not None


@given(fills)
def test_k_stays_within_its_bounds_and_moves_one_at_a_time(fill: list[float]) -> None:
    coverage = Coverage()
    for pane, ratio in enumerate(fill, 1):
        after = at_edge(coverage, pane, 60.0, ratio)
        assert 0 <= after.k <= K_MAX
        assert abs(after.k - coverage.k) <= 1
        assert list(after.changes) == sorted(after.changes)
        assert from_bytes(to_bytes(after)) == after
        coverage = after


def test_a_crowded_queue_halves_the_share_and_a_calm_one_doubles_it() -> None:
    coverage = at_edge(Coverage(), 10, 60.0, 0.8)
    assert (coverage.k, coverage.epoch_k(9), coverage.epoch_k(10)) == (1, 0, 1)
    assert at_edge(coverage, 11, 60.0, 0.3) == coverage
    calm = at_edge(coverage, 11, 60.0, 0.0)
    assert calm.k == 0
    assert [calm.epoch_k(pane) for pane in (9, 10, 11, 12, 13)] == [0, 1, 1, 1, 0]


def test_an_analysis_without_time_asks_for_half_before_its_queue_is_full() -> None:
    assert at_edge(Coverage(), 10, 60.0, 0.02, busy_ratio=0.99).k == 1
    assert at_edge(Coverage(), 10, 60.0, 0.02, busy_ratio=0.9).k == 0


def test_a_busy_analysis_does_not_ask_for_twice_as_many() -> None:
    coverage = at_edge(Coverage(), 10, 60.0, 1.0)
    assert at_edge(coverage, 11, 60.0, 0.0, busy_ratio=0.75) == coverage
    assert at_edge(coverage, 11, 60.0, 0.0, busy_ratio=0.3).k == 0


def test_nothing_moves_twice_in_a_pane_or_while_a_fall_is_on_its_way() -> None:
    coverage = at_edge(Coverage(), 10, 60.0, 1.0)
    assert at_edge(coverage, 10, 60.0, 1.0) == coverage
    calm = at_edge(coverage, 11, 60.0, 0.0)
    assert at_edge(calm, 12, 60.0, 1.0) == calm
    assert at_edge(calm, 14, 60.0, 1.0).k == 1


@pytest.mark.parametrize("pane_s", [0.5, 1.0, 2.0])
def test_a_second_rise_waits_until_traffic_has_heard_of_the_first(pane_s: float) -> None:
    """Else short panes run to the last level, each rise decided on exchanges that came before the one before."""
    one = many = Coverage()
    panes = round(18.0 / pane_s)
    for pane in range(10, 10 + panes):
        one = at_edge(one, pane, pane_s, 0.0, busy_ratio=1.0)
        many = at_edge_of_many(many, pane, pane_s, Pressure(0.0, 1.0))
    for coverage in (one, many):
        starts = [first * pane_s for first, _ in coverage.changes[1:]]
        assert 2 <= len(starts) <= 6
        assert all(later - before >= 3.0 for before, later in pairwise(starts))


def test_an_exchange_rarer_than_its_pane_allows_has_no_weight() -> None:
    coverage = Coverage(((0, 0), (10, 2)))
    assert coverage.level(9, 1) is None
    assert [coverage.level(10, k) for k in (0, 1, 2, 3)] == [2, 1, 0, None]


def test_weighted_counts_estimate_all_of_a_pane_without_bias() -> None:
    """Half of a pane's exchanges came before traffic heard of k = 2: the weights make up for it."""
    coin, coverage = random.Random(7), Coverage(((0, 0), (10, 2)))
    positives = everything = 0.0
    for i in range(40_000):
        k, y = (0, 1) if i % 2 else (2, 0)
        if coin.random() < 2.0**-k:
            r = coverage.level(10, k)
            assert r is not None
            everything += 2.0**-r
            positives += 2.0**-r * y
    assert positives / everything == pytest.approx(0.5, abs=0.01)
    assert everything * 4 == pytest.approx(40_000, rel=0.02)


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b"[[1]]", b"[[0,9]]", b"[[5,0],[4,1]]", b'[["a","b"]]'])
def test_what_is_no_coverage_is_refused(data: bytes) -> None:
    with pytest.raises(StateError):
        from_bytes(data)


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), max_size=40), st.sampled_from([1.0, 60.0]))
def test_replicas_thin_alike_and_every_exchange_has_its_weight(fills: list[tuple[float, float]], pane_s: float) -> None:
    """One replica reads what the other wrote a second later: in no pane do the two have another K, or a k beyond it."""
    shared, known = Coverage(), Coverage()
    for pane, (first, second) in enumerate(fills, 1):
        stale, stale_of_pane = known, known.epoch_k(pane)
        shared = at_edge_of_many(shared, pane, pane_s, Pressure(first))
        shared = at_edge_of_many(shared, pane, pane_s, Pressure(second))
        assert shared.epoch_k(pane) == stale_of_pane
        for one in (stale, shared):
            assert shared.level(pane, one.asked(pane)) is not None
        known = shared


def test_a_rise_of_many_begins_when_all_have_heard_of_it() -> None:
    coverage = at_edge_of_many(Coverage(), 10, 60.0, Pressure(0.8))
    assert [coverage.asked(pane) for pane in (10, 11, 12)] == [0, 0, 1]
    assert [coverage.epoch_k(pane) for pane in (10, 11, 12)] == [0, 0, 1]


def test_coverage_of_many_comes_back_when_all_are_calm() -> None:
    coverage = at_edge_of_many(Coverage(), 10, 60.0, Pressure(0.8))
    for pane in range(13, 20):
        coverage = at_edge_of_many(coverage, pane, 60.0, Pressure(0.0))
        coverage = at_edge_of_many(coverage, pane, 60.0, Pressure(0.3))  # another replica has its hands full
        assert coverage.k == 1
    assert at_edge_of_many(coverage, 21, 60.0, Pressure(0.0)).k == 0


def test_what_an_earlier_version_kept_is_read() -> None:
    assert from_bytes(b"[[0, 0], [10, 2]]") == Coverage(((0, 0), (10, 2)))


def test_after_the_clock_was_set_back_what_traffic_sends_still_has_a_weight() -> None:
    """Else all of it would be lost until the clock has caught up, since the panes of now are those of before."""
    coverage = Coverage(((0, 0), (100, 1), (200, 3)))
    assert coverage.level(50, 3) is None
    back = set_back(coverage, 50)
    assert back.k == 3
    assert [back.level(pane, 3) for pane in (50, 51, 250)] == [0, 0, 0]
    assert back.level(50, 0) == 3
    assert at_edge(back, 54, 60.0, 0.0).k == 2
    assert from_bytes(to_bytes(back)) == back
