"""What a snapshot does to a request, decided once per snapshot."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from proxy.core.enforcement import Enforcement, Snapshot, Step
from proxy.core.routes import Pin, Route, Target
from proxy.traffic.enforcer import Bucket, Enforcer, Plan
from proxy.traffic.replies import Reply

TUNED = Route("tuned", Target("default", "tuned"), Target("default", "base"))
MOVED = Route("moved", Target("default", "moved"), Target("other", "base2"))


def enforcer(*enforcements: Enforcement, routes: tuple[Route, ...] = (TUNED, MOVED)) -> Enforcer:
    return Enforcer(Snapshot(1, routes, enforcements), "default", None, 0.0)


def plan_of(chosen: Plan | Reply) -> Plan:
    assert isinstance(chosen, Plan)
    return chosen


def test_steady_and_watch_change_nothing() -> None:
    for step in (Step.STEADY, Step.WATCH):
        one = enforcer(Enforcement("tuned", step))
        plan = plan_of(one.choose(("tuned",), True))
        assert (plan.upstream, plan.model, plan.base_served, plan.held_back) == ("default", "tuned", False, False)
        assert not one.strict


def test_reverted_goes_to_the_base() -> None:
    one = enforcer(Enforcement("tuned", Step.REVERTED, id="e1"), Enforcement("moved", Step.REVERTED))
    plan = plan_of(one.choose(("tuned",), True))
    assert (plan.upstream, plan.model, plan.base_served, plan.enforcement_id) == ("default", "base", True, "e1")
    assert plan_of(one.choose(("moved",), True)).upstream == "other"
    assert one.strict
    assert plan.admit(0.0) is None


def test_what_belongs_to_no_route_passes() -> None:
    one = enforcer(Enforcement("tuned", Step.OFFLINE))
    assert plan_of(one.choose(("unknown",), True)) == Plan("default")
    assert plan_of(one.choose((), True)) == Plan("default")


def test_no_name_and_unknown_names_belong_to_the_default_route() -> None:
    route = Route("only", Target("default", "only"), Target("other", "base"), default=True)
    one = enforcer(Enforcement("only", Step.REVERTED), routes=(route,))
    assert plan_of(one.choose((), True)).upstream == "other"
    assert plan_of(one.choose(("whatever",), True)).upstream == "other"
    assert plan_of(one.choose((), False)) == Plan("default")
    assert not plan_of(one.choose((), True)).must_name
    shared = Route("only", Target("default", "only"), Target("default", "base"), default=True)
    assert plan_of(enforcer(Enforcement("only", Step.REVERTED), routes=(shared,)).choose((), True)).must_name


def test_different_names_are_undecidable_only_while_a_route_is_held_back() -> None:
    assert isinstance(enforcer().choose(("a", "b"), True), Plan)
    held = enforcer(Enforcement("moved", Step.LIMITED, rate_rps=1, burst=1))
    refused = held.choose(("tuned", "base"), True)
    assert isinstance(refused, Reply)
    assert refused.status == 400
    assert isinstance(held.choose(("tuned", "tuned"), True), Plan)


def test_pins_stand_over_enforcements() -> None:
    candidate = Route("tuned", TUNED.candidate, TUNED.base, pin=Pin.CANDIDATE)
    for step in (Step.LIMITED, Step.REVERTED, Step.OFFLINE):
        one = enforcer(Enforcement("tuned", step), routes=(candidate,))
        plan = plan_of(one.choose(("tuned",), True))
        assert (plan.model, plan.base_served, plan.admit(0.0)) == ("tuned", False, None)
    base = Route("tuned", TUNED.candidate, TUNED.base, pin=Pin.BASE)
    one = enforcer(routes=(base,))
    assert plan_of(one.choose(("tuned",), True)).model == "base"
    assert one.strict


def test_offline_says_do_not_retry() -> None:
    reply = plan_of(enforcer(Enforcement("tuned", Step.OFFLINE, reason="why")).choose(("tuned",), True)).admit(0.0)
    assert reply is not None
    assert (reply.status, reply.headers["x-should-retry"]) == (503, "false")
    assert "why" in reply.text


def test_limited_answers_429_in_the_words_of_the_sdks() -> None:
    one = enforcer(Enforcement("tuned", Step.LIMITED, rate_rps=0.4, burst=2))
    plan = plan_of(one.choose(("tuned",), True))
    assert [plan.admit(0.0), plan.admit(0.0)] == [None, None]
    reply = plan.admit(0.0)
    assert reply is not None
    assert (reply.status, reply.code) == (429, "groundwire_limited")
    assert reply.headers == {
        "Retry-After": "3",
        "x-ratelimit-limit-requests": "2",
        "x-ratelimit-remaining-requests": "0",
        "x-ratelimit-reset-requests": "3s",
    }
    assert plan.admit(3.0) is None


def test_a_bucket_survives_a_snapshot_that_does_not_change_it() -> None:
    limited = Enforcement("tuned", Step.LIMITED, rate_rps=1.0, burst=1)
    first = enforcer(limited)
    assert plan_of(first.choose(("tuned",), True)).admit(0.0) is None
    second = Enforcer(Snapshot(2, (TUNED,), (limited,)), "default", first, 0.0)
    assert plan_of(second.choose(("tuned",), True)).admit(0.0) is not None
    wider = Enforcement("tuned", Step.LIMITED, rate_rps=2.0, burst=1)
    third = Enforcer(Snapshot(3, (TUNED,), (wider,)), "default", second, 0.0)
    assert plan_of(third.choose(("tuned",), True)).admit(0.0) is None


@given(st.floats(0.1, 50), st.integers(1, 20), st.lists(st.floats(0, 0.5), min_size=1, max_size=200))
def test_a_bucket_never_lets_through_more_than_rate_and_burst(rate: float, burst: int, gaps: list[float]) -> None:
    bucket = Bucket(rate, burst, 0.0)
    now_s = 0.0
    passed = 0
    for gap in gaps:
        now_s += gap
        wait_s = bucket.take(now_s)
        passed += wait_s == 0
        assert passed <= burst + now_s * rate + 1e-6
        if wait_s:
            assert 0 < wait_s <= 1 / rate + 1e-6
