"""The e-detector: fair bets, exact integers, and the recursion against a plain one in floats."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.detectors.e_process import (
    BETS,
    FRESH,
    LEVELS,
    NOTHING,
    UNIT,
    Bets,
    Direction,
    Key,
    advance,
    alternatives,
    best,
    log_add,
    log_evidence,
    log_limit,
    rows,
    tables,
)

ONE = 65_536
LOW = Direction.BAD_WHEN_LOW
HIGH = Direction.BAD_WHEN_HIGH
lines = st.floats(0.001, 0.999)
directions = st.sampled_from(list(Direction))
panes = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=25)


def feed(outcomes: Sequence[tuple[int, int]], m: float, direction: Direction = LOW) -> Bets:
    """The bets after panes of (refused, complied)."""
    bets, table = FRESH, tables(direction, {"a": m})
    for pane, (yes, no) in enumerate(outcomes):
        cells = {key: n * ONE for key, n in {("a", 0, 1): yes, ("a", 0, 0): no}.items() if n}
        bets = advance(bets, table, pane, cells)
    return bets


@given(directions, lines, st.floats(0.0, 1.0), st.integers(0, LEVELS - 1))
def test_no_bet_gains_while_the_rate_is_on_the_good_side(direction: Direction, m: float, q: float, r: int) -> None:
    """E[factor] <= 1 for every rate on the good side, sampled or not, for every bet: the whole claim rests on it."""
    rate = m + q * (1.0 - m) if direction is LOW else m * q
    table = rows(direction, m)
    for k in range(BETS):
        gain_if_one, gain_if_zero = (math.exp(table[r, y][k] / UNIT) for y in (1, 0))
        assert rate * gain_if_one + (1.0 - rate) * gain_if_zero <= 1.0 + 1e-8


@given(directions, lines)
def test_at_full_weight_a_factor_is_the_likelihood_ratio_of_its_alternative(direction: Direction, m: float) -> None:
    for k, p in enumerate(alternatives(direction, m)):
        assert 0.0 < p < 1.0
        assert (p < m) == (direction is LOW)
        assert rows(direction, m)[0, 1][k] / UNIT == pytest.approx(math.log(p / m), abs=1e-8)
        assert rows(direction, m)[0, 0][k] / UNIT == pytest.approx(math.log((1.0 - p) / (1.0 - m)), abs=1e-8)


@given(panes, st.floats(0.05, 0.95), directions)
def test_the_recursion_is_the_sum_over_all_beginnings(
    outcomes: list[tuple[int, int]], m: float, direction: Direction
) -> None:
    expected = 0.0
    counted = [pane for pane in outcomes if pane != (0, 0)]
    for p in alternatives(direction, m):
        for start in range(len(counted)):
            yes, no = (sum(pane[side] for pane in counted[start:]) for side in (0, 1))
            expected += math.exp(yes * math.log(p / m) + no * math.log((1.0 - p) / (1.0 - m))) / BETS
    if counted:
        found = log_evidence(feed(outcomes, m, direction)) / UNIT
        assert found == pytest.approx(math.log(expected), abs=1e-6, rel=1e-9)


@given(panes, st.floats(0.05, 0.95))
def test_the_best_beginning_has_the_largest_gain(outcomes: list[tuple[int, int]], m: float) -> None:
    bets = feed(outcomes, m)
    for k, bet in enumerate(bets):
        gains = {
            start: sum(yes * rows(LOW, m)[0, 1][k] + no * rows(LOW, m)[0, 0][k] for yes, no in outcomes[start:])
            for start in range(len(outcomes))
        }
        if bet.climb > 0:
            assert bet.climb == max(gains.values())
            yes, no = (sum(pane[side] for pane in outcomes[bet.start :]) for side in (0, 1))
            assert (bet.sums.get(("a", 0, 1), 0), bet.sums.get(("a", 0, 0), 0)) == (yes * ONE, no * ONE)
        else:
            assert max(gains.values()) <= 0
            assert (bet.start, bet.sums) == (-1, {})


@given(st.dictionaries(st.tuples(st.sampled_from("ab"), st.integers(0, 7), st.integers(0, 1)), st.integers(1, 10**7)))
def test_the_order_of_counts_is_of_no_account(cells: dict[Key, int]) -> None:
    table = tables(LOW, {"a": 0.8, "b": 0.6})
    backwards = dict(reversed(cells.items()))
    assert advance(FRESH, table, 3, cells) == advance(FRESH, table, 3, backwards)


def test_a_pane_without_counts_of_the_test_changes_nothing() -> None:
    bets = feed([(3, 4)], 0.8)
    table = tables(LOW, {"a": 0.8})
    assert advance(bets, table, 9, {}) is bets
    assert advance(bets, table, 9, {("other", 0, 1): ONE}) is bets


def test_a_fraction_of_an_observation_is_less_evidence() -> None:
    """A label of 0.5 goes half to each outcome: the logarithm is concave, so it never gains over a coin's mean."""
    table = tables(LOW, {"a": 0.8})
    half = advance(FRESH, table, 0, {("a", 0, 1): ONE // 2, ("a", 0, 0): ONE // 2})
    for bet, one, zero in zip(half, table["a", 0, 1], table["a", 0, 0], strict=True):
        mean = (math.exp(one / UNIT) + math.exp(zero / UNIT)) / 2.0
        assert bet.log_r / UNIT + math.log(BETS) <= math.log(mean) + 1e-8


@given(st.integers(-(2**43), 2**43), st.integers(-(2**43), 2**43))
def test_log_add(a: int, b: int) -> None:
    assert log_add(a, b) == log_add(b, a)
    high, low = max(a, b), min(a, b)
    assert high <= log_add(a, b) <= high + round(math.log(2.0) * UNIT)
    assert log_add(a, NOTHING * 2) == a
    if high - low < 30 * UNIT:
        exact = math.log1p(math.exp((low - high) / UNIT))
        assert (log_add(a, b) - high) / UNIT == pytest.approx(exact, abs=1e-9)


@pytest.mark.parametrize(("budget_s", "ln_a"), [(31_536_000.0, 15.5), (2_628_000.0, 13.0), (604_800.0, 11.5)])
def test_limits_of_ten_tests_in_one_minute_panes(budget_s: float, ln_a: float) -> None:
    """The table of detection section 1; one-second panes cost ln 60 more."""
    assert log_limit(10, budget_s, 60.0) / UNIT == pytest.approx(ln_a, abs=0.05)
    assert (log_limit(10, budget_s, 1.0) - log_limit(10, budget_s, 60.0)) / UNIT == pytest.approx(math.log(60.0))


def test_the_beginning_marks_the_change() -> None:
    bets = feed([(19, 1)] * 40 + [(6, 14)] * 10, 0.8)
    assert best(bets).start == 40
    assert log_evidence(bets) > 15 * UNIT


def test_a_huge_pane_neither_overflows_nor_raises() -> None:
    assert log_evidence(feed([(0, 10**9), (10**9, 0), (0, 5)], 0.9)) > 0
    assert log_evidence(feed([(10**9, 0)], 0.9)) < 0
