"""The circuit breaker, by its rules and by properties over any history."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from proxy.classifiers.remote.breaker import (
    FAILURES_MAX,
    RETRY_AFTER_MAX_S,
    WAIT_MAX_S,
    WAIT_MIN_S,
    Breaker,
    State,
)


def opened(now_s: float = 0.0) -> Breaker:
    breaker = Breaker()
    for _ in range(FAILURES_MAX):
        breaker = breaker.failed(now_s)
    return breaker


def test_it_opens_after_failures_in_a_row_only() -> None:
    breaker = Breaker()
    for _ in range(3 * FAILURES_MAX):
        for _ in range(FAILURES_MAX - 1):
            breaker = breaker.failed(0.0)
        assert breaker.state(0.0) is State.CLOSED
        breaker = breaker.succeeded(0.0)
    assert opened().state(0.0) is State.OPEN


def test_half_open_lets_one_call_through_whose_success_closes() -> None:
    breaker = opened()
    assert not breaker.allows(WAIT_MIN_S - 0.001)
    assert breaker.state(WAIT_MIN_S) is State.HALF_OPEN
    probing = breaker.begun(WAIT_MIN_S)
    assert breaker.allows(WAIT_MIN_S)
    assert not probing.allows(WAIT_MIN_S)
    assert probing.succeeded(WAIT_MIN_S + 1) == Breaker()


def test_a_failed_probe_waits_twice_as_long_up_to_a_bound() -> None:
    breaker, now_s, waits = opened(), 0.0, []
    for _ in range(12):
        assert breaker.open_until_s is not None
        waits.append(breaker.open_until_s - now_s)
        now_s = breaker.open_until_s
        breaker = breaker.begun(now_s).failed(now_s)
    assert waits[:3] == [WAIT_MIN_S, 2 * WAIT_MIN_S, 4 * WAIT_MIN_S]
    assert waits[-1] == WAIT_MAX_S


def test_a_probe_that_was_cancelled_leaves_room_for_another() -> None:
    probing = opened().begun(WAIT_MIN_S)
    assert probing.abandoned().allows(WAIT_MIN_S)


def test_the_servers_own_wait_opens_at_once_and_is_kept() -> None:
    asked = Breaker().failed(0.0, retry_after_s=120.0)
    assert asked.state(119.9) is State.OPEN
    assert asked.state(120.0) is State.HALF_OPEN
    assert asked.failed(1.0).state(119.9) is State.OPEN, "a late failure does not shorten it"
    assert asked.succeeded(1.0).state(119.9) is State.OPEN, "nor does the answer to an earlier call"


@given(st.floats(allow_nan=False, min_value=-1e300, max_value=1e300))
def test_no_server_stops_us_for_ever(retry_after_s: float) -> None:
    breaker = Breaker().failed(5.0, retry_after_s)
    assert breaker.open_until_s is not None
    assert 5.0 + WAIT_MIN_S <= breaker.open_until_s <= 5.0 + RETRY_AFTER_MAX_S


EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["begin", "succeed", "fail", "abandon"]), st.floats(0, 100), st.none() | st.floats(0, 500)
    ),
    max_size=60,
)


@given(EVENTS)
def test_any_history_keeps_the_rules(events: list[tuple[str, float, float | None]]) -> None:
    breaker, now_s = Breaker(), 0.0
    for what, wait_s, retry_after_s in events:
        now_s += wait_s
        before = breaker
        if what == "begin" and breaker.allows(now_s):
            breaker = breaker.begun(now_s)
            assert breaker.state(now_s) is State.CLOSED or not breaker.allows(now_s)
        elif what == "succeed":
            breaker = breaker.succeeded(now_s)
            assert breaker.state(now_s) is (State.OPEN if before.state(now_s) is State.OPEN else State.CLOSED)
        elif what == "fail":
            breaker = breaker.failed(now_s, retry_after_s)
            assert breaker.state(now_s) is not State.HALF_OPEN
        else:
            breaker = breaker.abandoned()
        assert 0 <= breaker.failures < FAILURES_MAX
        assert breaker.allows(now_s + RETRY_AFTER_MAX_S) or breaker.probing
