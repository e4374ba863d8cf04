"""A route's entry: what survives a change behind its name, and that it comes back from the store as it was."""

from __future__ import annotations

from dataclasses import replace

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.control.entry import Entry, anew, from_bytes, opened, to_bytes, updated
from proxy.control.publisher import content
from proxy.control.routes.resolve import Found
from proxy.core.baselines.baseline import Baseline, Kind, Standing, Tally
from proxy.core.baselines.fingerprint import Fingerprint
from proxy.core.closing import Closing, arrival, remembered
from proxy.core.decisions.engine import Phase, RouteState
from proxy.core.decisions.ladder import LATCHED
from proxy.core.enforcement import Enforcement, Step
from proxy.core.errors import StateError
from proxy.core.routes import Pin, Route, Target

TEXT = st.text(max_size=6)
TARGETS = st.builds(Target, upstream=TEXT, model=TEXT)
ROUTES = st.builds(
    Route,
    name=st.just("r"),
    candidate=TARGETS,
    base=st.none() | TARGETS,
    pin=st.sampled_from(Pin),
    default=st.booleans(),
)
FOUND = st.builds(
    Found, route=ROUTES, root=TEXT, parent=TEXT, no_base=TEXT, by_hand=st.booleans(), tentative=st.booleans()
)
STEPS = st.sampled_from(Step)
BASELINES = st.builds(
    Baseline,
    kind=st.sampled_from(Kind),
    standing=st.sampled_from(Standing),
    refusals=st.just({"crime": Tally(9, 10)}),
)


@st.composite
def entries(draw: st.DrawFn) -> Entry:
    step, now = draw(STEPS), draw(st.integers(0, 9))
    return Entry(
        route=draw(ROUTES),
        root=draw(TEXT),
        parent=draw(TEXT),
        no_base=draw(TEXT),
        by_hand=draw(st.booleans()),
        epoch=draw(st.integers(1, 9)),
        closed=draw(st.booleans()),
        switched=draw(st.none() | st.booleans()),
        forced=draw(TEXT),
        stale=draw(TEXT),
        phase=draw(st.sampled_from(Phase)),
        state=RouteState(last_pane=now, step=step, would=step, record_id="id", reason="why", since_s=1.5),
        baseline=draw(st.none() | BASELINES),
        enforcement=Enforcement("r", step, "id", "why", 1.5),
        unsent=draw(TEXT),
        base_root=draw(TEXT),
        built_of=draw(TEXT),
        version=draw(st.integers(0, 99)),
        outdated=draw(TEXT),
        context=Fingerprint({"judge": draw(TEXT)}, {"context_system": {"ab": 7}}),
        context_pane=draw(st.integers(-1, 30)),
        closing=remembered(Closing(), [(now, dict([arrival(draw(st.floats(0.0, 2_000.0)))]))], 60.0),
    )


@settings(max_examples=40, deadline=None)
@given(entries())
def test_what_is_kept_is_what_comes_back(entry: Entry) -> None:
    assert from_bytes(to_bytes(entry)) == entry


def test_an_entry_from_before_lags_were_known_knows_none() -> None:
    entry = Entry(Route("r", Target("u", "m"), None))
    old = orjson.loads(to_bytes(replace(entry, closing=Closing(pane=7))))
    assert old.pop("closing")["pane"] == 7
    assert from_bytes(orjson.dumps(old)) == entry


@pytest.mark.parametrize("value", [b"", b"{}", b"[]", b'{"format":99}', b'{"format":1}', b"\xff"])
def test_what_cannot_be_read_is_an_error_of_state(value: bytes) -> None:
    with pytest.raises(StateError):
        from_bytes(value)


@settings(max_examples=40, deadline=None)
@given(entries(), FOUND, st.integers(10, 20))
def test_a_latch_is_never_lost_and_neither_is_what_it_leads_to(entry: Entry, found: Found, pane: int) -> None:
    after = updated(entry, found, pane)
    assert not after.closed
    if entry.state.step in LATCHED:
        assert after.state.step is entry.state.step
        assert after.enforcement == entry.enforcement
        if entry.route.base not in {None, found.route.candidate}:
            assert after.route.base is not None


@settings(max_examples=40, deadline=None)
@given(entries(), FOUND, st.integers(10, 20))
def test_taking_the_same_finding_twice_changes_nothing_more(entry: Entry, found: Found, pane: int) -> None:
    once = updated(entry, found, pane)
    assert updated(once, found, pane) == once


@settings(max_examples=40, deadline=None)
@given(entries(), st.integers(10, 20))
def test_a_new_epoch_forgets_evidence_keeps_a_stale_baseline_and_begins_after_now(entry: Entry, pane: int) -> None:
    after = anew(entry, "another model", pane)
    assert (after.epoch, after.baseline, after.forced) == (entry.epoch + 1, entry.baseline, "")
    speaks_of_it = entry.baseline is not None and entry.baseline.kind is not Kind.BASE
    assert after.outdated == (entry.outdated or ("another model" if speaks_of_it else ""))
    assert after.context_pane == max(pane, entry.context_pane)
    assert after.state.last_pane == pane
    assert after.state.step in {*LATCHED, Step.STEADY}
    assert (after.enforcement is None) == (entry.state.step not in LATCHED)


def test_what_was_unknown_before_is_no_change() -> None:
    route = Route("r", Target("default", "r"), Target("default", "b"))
    entry = opened(Found(route), 5)
    known = updated(entry, Found(route, "root-1", "b"), 6)
    assert (known.epoch, known.root) == (1, "root-1")
    assert updated(known, Found(route), 7).epoch == 1, "a listing that is away is no change either"
    assert updated(known, Found(route, "root-2", "b"), 8).epoch == 2


@settings(max_examples=40, deadline=None)
@given(st.lists(entries(), max_size=5))
def test_a_snapshot_shows_open_routes_and_held_ones(found: list[Entry]) -> None:
    named = [replace(one, route=replace(one.route, name=str(n))) for n, one in enumerate(found)]
    routes, enforcements = content(reversed(named))
    assert [route.name for route in routes] == sorted(route.name for route in routes)
    assert {route.name for route in routes} == {one.route.name for one in named if not one.closed or one.holds}
    assert all(one.step is not Step.STEADY for one in enforcements)
