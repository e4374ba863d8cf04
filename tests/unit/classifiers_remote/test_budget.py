"""The budget: no window ever holds more requests than it may, and what may be spent can be spent."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.classifiers.remote.budget import DAY_S, MINUTE_S, Bucket, Budget


def asked(a_minute: int, a_day: int, times_s: list[float]) -> list[float]:
    """The times at which a request was granted."""
    budget, granted = Budget.fresh(a_minute, a_day, times_s[0]), []
    for now_s in times_s:
        if (after := budget.take(now_s)) is not None:
            budget = after
            granted.append(now_s)
    return granted


def most_in_any(window_s: float, times_s: list[float]) -> int:
    return max((sum(begin <= one < begin + window_s for one in times_s) for begin in times_s), default=0)


STEPS = st.lists(
    st.sampled_from([0.0, 0.001, 0.5, 1.0, 2.0, 7.0, 59.999, 60.0]) | st.floats(0, 90), min_size=1, max_size=300
)


@given(st.integers(1, 40), STEPS)
@settings(max_examples=200)
def test_no_minute_has_more_than_its_budget(a_minute: int, steps_s: list[float]) -> None:
    times_s, now_s = [], 1000.0
    for step_s in steps_s:
        now_s += step_s
        times_s.append(now_s)
    granted = asked(a_minute, 10**9, times_s)
    assert granted
    assert most_in_any(MINUTE_S - 1e-5, granted) <= a_minute  # clocks are read in whole microseconds


@given(st.integers(1, 50), st.integers(1, 500))
def test_no_day_has_more_than_its_budget_and_a_day_spends_it(a_day: int, a_minute: int) -> None:
    times_s = [minute * 60.0 for minute in range(0, 3 * 1440, 7)]
    granted = asked(a_minute, a_day, times_s)
    assert most_in_any(DAY_S, granted) <= a_day
    first_two_days = sum(one < 2 * DAY_S for one in granted)
    assert first_two_days >= a_day


def test_a_request_that_is_refused_by_one_window_is_not_taken_from_the_other() -> None:
    budget = Budget.fresh(a_minute=1, a_day=1000, now_s=0.0).take(0.0)
    assert budget is not None
    day_left = budget.day.left
    assert budget.take(1.0) is None
    assert budget.at(1.0).day.left == day_left


def test_a_clock_that_goes_back_fills_nothing() -> None:
    bucket = Bucket.full(1, MINUTE_S, 1000.0).less_one()
    assert bucket.at(10.0).at(1000.0).left == 0
    assert bucket.at(1000.0 + MINUTE_S).left == 1
