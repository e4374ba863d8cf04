"""Shapes by hour of the week: each hour once, enough of it or the pooled one."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from proxy.core.drift import hours as gathered
from proxy.core.drift.hours import GATHERED_MAX, HOUR_MIN, Hours, hour_of_week, usable, with_hour
from proxy.core.errors import StateError
from proxy.core.windows import SCALE, Cell, Counts

MONDAY = int(datetime(2026, 1, 5, 0, tzinfo=UTC).timestamp() // 3_600)


def answers(n: int, where: str = "08", signal: str = "length") -> Counts:
    return {Cell(signal, where, 0, 1): n * SCALE}


def test_the_week_begins_on_monday() -> None:
    assert [hour_of_week(MONDAY + h) for h in (0, 25, 167, 168)] == [0, 25, 167, 0]


def test_most_panes_name_the_hour_and_of_two_halves_the_later() -> None:
    nine = (MONDAY + 9) * 60  # panes of a minute
    assert gathered.main_hour(range(nine + 5, nine + 65), 60.0) == 9
    assert gathered.main_hour(range(nine + 29, nine + 89), 60.0) == 9
    assert gathered.main_hour(range(nine + 30, nine + 90), 60.0) == 10
    assert gathered.main_hour(range(nine, nine + 180), 60.0) is None
    assert gathered.main_hour([], 60.0) is None


def test_an_hour_counts_once_and_weeks_add() -> None:
    one = with_hour(Hours(), MONDAY + 9, answers(300))
    assert with_hour(one, MONDAY + 9, answers(300)) == one
    assert usable(one) == {}, "too little of its own"
    two = with_hour(one, MONDAY + 9 + 168, answers(300, "09"))
    assert usable(two) == {9: {"length": {"08": 300, "09": 300}}}


def test_an_hour_that_may_not_count_passes() -> None:
    passed = with_hour(Hours(), MONDAY, None)
    assert (passed.shapes, passed.last) == ({}, MONDAY)
    assert with_hour(passed, MONDAY, answers(600)).shapes == {}


def test_what_the_clock_does_not_move_is_left_out() -> None:
    assert usable(with_hour(Hours(), MONDAY, answers(HOUR_MIN, "0.01", "embedding"))) == {}


def test_old_weeks_weigh_less_in_the_end() -> None:
    full = with_hour(Hours(), MONDAY, answers(GATHERED_MAX + 1))
    after = with_hour(full, MONDAY + 168, answers(10, "09"))
    assert after.shapes[0] == {"length": {"08": (GATHERED_MAX + 1) // 2, "09": 10}}


def test_it_comes_back_from_the_store() -> None:
    one = with_hour(Hours(context_pane=7), MONDAY, answers(600))
    assert gathered.from_json(json.loads(json.dumps(gathered.to_json(one)))) == one
    with pytest.raises(StateError):
        gathered.from_json([])
