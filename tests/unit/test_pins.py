"""The settings' routes over a snapshot."""

from __future__ import annotations

from proxy.config.pins import with_settings
from proxy.config.sections.watching import RouteSettings
from proxy.core.enforcement import Enforcement, Snapshot, Step
from proxy.core.routes import Pin, Route, Target

KNOWN = Route("m", Target("default", "m"), Target("default", "b"))


def test_a_pin_is_made_where_analysis_knows_nothing() -> None:
    made = with_settings(Snapshot(0), {"m": RouteSettings(base_model="b", pin="base")})
    assert made.target(made.by_name["m"]) == (Target("default", "b"), True)


def test_a_pin_lies_over_what_analysis_found() -> None:
    snapshot = Snapshot(3, (KNOWN, Route("other", Target("default", "other"))), (Enforcement("m", Step.REVERTED),))
    pinned = with_settings(snapshot, {"m": RouteSettings(pin="candidate")})
    assert pinned.by_name["m"].pin is Pin.CANDIDATE
    assert pinned.target(pinned.by_name["m"]) == (Target("default", "m"), False)
    assert set(pinned.by_name) == {"m", "other"}
    assert (pinned.version, pinned.enforcements) == (3, snapshot.enforcements)


def test_a_pin_that_left_the_settings_is_gone() -> None:
    snapshot = Snapshot(1, (Route("m", KNOWN.candidate, KNOWN.base, Pin.BASE),))
    assert with_settings(snapshot, {"m": RouteSettings()}).by_name["m"].pin is Pin.NONE


def test_without_routes_the_snapshot_is_untouched() -> None:
    snapshot = Snapshot(1, (KNOWN,))
    assert with_settings(snapshot, {}) is snapshot


def test_a_base_on_an_upstream_of_its_own_keeps_the_name() -> None:
    made = with_settings(Snapshot(0), {"m": RouteSettings(base_upstream="safe")})
    assert made.by_name["m"].base == Target("safe", "m")
