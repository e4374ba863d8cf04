"""The guard: disarming, its end, and the suspicion that the monitor itself is at fault."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from proxy.control.guard import Disarm, Guard, climbed, disarm, from_json, rearm, to_json
from proxy.core.errors import StateError
from proxy.core.policies.policy import Fault

NAMES = st.text(min_size=1, max_size=8)
TIMES = st.floats(0.0, 1e9, allow_nan=False)
DISARMS = st.builds(Disarm, route=st.just("") | NAMES, until_s=TIMES, actor=NAMES, reason=NAMES, at_s=TIMES)
GUARDS = st.builds(
    Guard,
    disarms=st.lists(DISARMS, max_size=4).map(tuple),
    climbs=st.dictionaries(NAMES, TIMES, max_size=4),
    fault=st.just("") | NAMES,
    fault_s=TIMES,
)


@effort(max_examples=40, deadline=None)
@given(GUARDS)
def test_what_is_kept_is_what_comes_back(guard: Guard) -> None:
    assert from_json(to_json(guard)) == guard


@pytest.mark.parametrize("data", [None, {}, [], {"disarms": [1], "climbs": {}, "fault": "", "fault_s": 0}])
def test_what_cannot_be_read_is_an_error_of_state(data: object) -> None:
    with pytest.raises(StateError):
        from_json(data)


@effort(max_examples=40, deadline=None)
@given(GUARDS, NAMES, TIMES, TIMES)
def test_a_disarm_holds_until_it_ends_and_on_its_route_only(
    guard: Guard, route: str, at_s: float, for_s: float
) -> None:
    held = disarm(rearm(guard), Disarm(route, at_s + for_s, "kim", "a drill", at_s))
    assert bool(held.held(route, at_s)) == (for_s > 0 and at_s + for_s > at_s)
    assert held.held(route, at_s + for_s) == ""
    assert held.held(route + "x", at_s) == ""


@effort(max_examples=40, deadline=None)
@given(st.integers(1, 30), st.integers(1, 60), st.integers(1, 5), st.floats(0.01, 1.0))
def test_a_storm_is_more_than_one_route_and_over_either_bound(climbs: int, more: int, most: int, share: float) -> None:
    rules, guard, routes = Fault(routes_max=most, share_max=share), Guard(), climbs + more
    for number in range(climbs):
        guard = climbed(guard, f"r{number}", 100.0 + number, routes, rules)
    assert bool(guard.fault) == (climbs > 1 and (climbs > most or climbs > share * routes))


@effort(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(700.0, 5_000.0)), min_size=1, max_size=8))
def test_climbs_far_apart_are_no_storm(climbs: list[tuple[str, float]]) -> None:
    guard, now_s = Guard(), 0.0
    for route, gap_s in climbs:
        now_s += gap_s
        guard = climbed(guard, route, now_s, 3, Fault(within_s=600.0))
    assert guard.fault == ""


def test_a_suspected_fault_stays_until_a_person_rearms() -> None:
    guard = Guard()
    for name in "abc":
        guard = climbed(guard, name, 10.0, 50, Fault())
    assert "3 of 50 routes climbed within 10 minutes" in guard.held("anything", 1e12)
    guard = rearm(guard)
    assert guard.held("anything", 11.0) == ""
    assert climbed(guard, "d", 12.0, 50, Fault()).fault == "", "the climbs before were looked at"
