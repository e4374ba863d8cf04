"""PELT against the slow optimal partitioning, and on changes that were planted."""

from __future__ import annotations

import math
import random
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.detectors.pelt import PENALTY, SEGMENT_PANES_MIN, change_points, dating


def _cost(k: float, n: float) -> float:
    if n <= 0:
        return 0.0
    return -sum(part * math.log(part / n) for part in (k, n - k) if part > 0)


def _total(points: tuple[int, ...], k: list[int], n: list[int]) -> float:
    edges = [0, *points, len(k)]
    penalty = PENALTY * math.log(max(math.e, sum(n)))
    parts = pairwise(edges)
    return sum(_cost(sum(k[a:b]), sum(n[a:b])) for a, b in parts) + penalty * len(points)


def _slow(k: list[int], n: list[int]) -> float:
    """Optimal partitioning (Jackson et al. 2005), every start tried: the least cost."""
    penalty = PENALTY * math.log(max(math.e, sum(n)))
    best = [-penalty] + [math.inf] * len(k)
    for t in range(SEGMENT_PANES_MIN, len(k) + 1):
        for s in range(t - SEGMENT_PANES_MIN + 1):
            best[t] = min(best[t], best[s] + _cost(sum(k[s:t]), sum(n[s:t])) + penalty)
    return best[-1]


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), min_size=SEGMENT_PANES_MIN, max_size=40))
def test_pruning_loses_nothing(drawn: list[tuple[int, int]]) -> None:
    k, n = [hits for hits, _ in drawn], [hits + misses for hits, misses in drawn]
    points = change_points(k, n)
    edges = [0, *points, len(k)]
    assert all(b - a >= SEGMENT_PANES_MIN for a, b in pairwise(edges))
    assert _total(points, k, n) == pytest.approx(_slow(k, n), abs=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_a_fall_is_dated_to_minutes_and_the_interval_holds_it(seed: int) -> None:
    dice, at = random.Random(seed), 1_900
    n = [int(dice.random() < 0.5) for _ in range(2_880)]
    k = [one * int(dice.random() < (0.95 if pane < at else 0.70)) for pane, one in enumerate(n)]
    found = dating(k, n)
    assert found is not None
    assert abs(found.change - at) < 90
    assert found.low <= found.change <= found.high
    assert found.low - 20 <= at <= found.high + 20


def test_a_steady_rate_has_no_date_and_neither_has_silence() -> None:
    dice = random.Random(1)
    assert dating([int(dice.random() < 0.9) for _ in range(1_000)], [1] * 1_000) is None
    assert change_points([], []) == ()
    assert change_points([0] * 50, [0] * 50) == ()
    with pytest.raises(ValueError, match="2 panes"):
        change_points([0, 0], [1])


def test_two_changes_are_both_found_and_the_last_is_the_one_that_is_dated() -> None:
    k, n = [9] * 60 + [3] * 60 + [8] * 60, [10] * 180
    assert change_points(k, n) == (60, 120)
    found = dating(k, n)
    assert found is not None
    assert found.change == 120
    assert found.low >= 115
