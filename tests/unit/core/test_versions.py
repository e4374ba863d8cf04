"""The shelf of baselines: numbers, ids, what a rollback goes back to, JSON; and what differs between two baselines."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.core.baselines import versions
from proxy.core.baselines.baseline import Baseline, Kind, Standing, Tally, promote
from proxy.core.baselines.diff import rates, shapes, side
from proxy.core.baselines.fingerprint import Fingerprint
from proxy.core.baselines.versions import (
    VERSIONS_MAX,
    Shelf,
    Span,
    Switch,
    Version,
    before,
    content_id,
    excluding,
    head_of,
    shelved,
    switched,
)
from proxy.core.errors import ConfigError, StateError
from tests.unit.core.test_baseline import baselines

BASELINE = Baseline(Kind.LIVE, Standing.PROVISIONAL, {"crime": Tally(95, 100)}, judge="j-1")
CONTEXTS = st.builds(
    Fingerprint,
    st.dictionaries(st.sampled_from(["judge", "candidate_root", "server"]), st.text(max_size=5)),
    st.dictionaries(
        st.sampled_from(["context_system", "context_tools"]),
        st.dictionaries(st.text("abc", min_size=1, max_size=3), st.integers(0, 500)),
    ),
)
VERSIONS = st.builds(
    Version,
    st.integers(1, 99),
    baselines,
    st.integers(0, 98),
    st.text(max_size=9),
    st.tuples(st.floats(0, 2e9), st.floats(0, 2e9)),
    CONTEXTS,
    st.text("abcdef0123456789", max_size=16),
)


@settings(max_examples=15, deadline=None)
@given(VERSIONS)
def test_a_version_comes_back_as_it_was_exported(version: Version) -> None:
    assert versions.from_json(json.loads(json.dumps(versions.to_json(version))), "v.json") == version


def test_a_bare_baseline_is_a_version_too_and_a_changed_export_is_refused() -> None:
    assert versions.from_json({"refusals": {"crime": [9, 10]}}, "b.json").baseline.n == 10
    data = versions.to_json(Version(3, BASELINE))
    data["baseline"]["refusals"]["crime"] = [99, 100]
    with pytest.raises(ConfigError, match="the file was changed") as caught:
        versions.from_json(data, "v.json")
    assert caught.value.problems[0][0].key == "id"
    with pytest.raises(ConfigError, match="export it again"):
        versions.from_json({"baseline": {"refusals": {"crime": [9, 10]}}, "window_s": 3}, "v.json")


@settings(max_examples=15, deadline=None)
@given(baselines)
def test_a_promotion_keeps_the_id_and_another_count_changes_it(baseline: Baseline) -> None:
    assert content_id(promote(baseline, "kim", "looked", 5.0)) == content_id(baseline)
    more = replace(baseline, refusals={**baseline.refusals, "extra": Tally(1, 2)})
    assert content_id(more) != content_id(baseline)


def filled(n: int, in_force: int = 1) -> Shelf:
    shelf = Shelf()
    for number in range(1, n + 1):
        baseline = replace(BASELINE, refusals={"crime": Tally(number, 1_000)})
        shelf, _ = shelved(shelf, head_of(Version(number, baseline)), in_force)
    return shelf


def test_the_oldest_makes_room_and_what_is_in_force_stays() -> None:
    shelf = filled(VERSIONS_MAX + 5)
    numbers = [head.number for head in shelf.heads]
    assert len(numbers) == VERSIONS_MAX
    assert numbers[0] == 1, "in force"
    assert numbers[1] == 7
    with pytest.raises(ValueError, match="is not above"):
        shelved(shelf, shelf.heads[3], 1)


def test_a_version_is_found_by_number_or_by_enough_of_its_id() -> None:
    shelf = filled(3)
    second = shelf.heads[1]
    assert shelf.find("2") == second
    assert shelf.find(second.id) == second
    assert shelf.find(second.id[:3]) is None, "too short to tell"
    assert shelf.find("9") is None


def switch(verb: str, old: int, new: int) -> Switch:
    return Switch(1.0, verb, old, new, "kim", "why")


def test_a_rollback_goes_one_back_and_the_next_one_further() -> None:
    shelf = filled(4)
    for old, new in ((0, 1), (1, 2), (2, 4)):
        shelf = switched(shelf, switch("promote", old, new))
    assert before(shelf, 4) == 2
    shelf = switched(shelf, switch("rollback", 4, 2))
    assert before(shelf, 2) == 1
    shelf = switched(shelf, switch("rollback", 2, 1))
    assert before(shelf, 1) == 0
    shelf = switched(shelf, switch("promote", 1, 4))
    assert before(shelf, 4) == 1


def test_a_shelf_comes_back_from_the_store_and_an_exclusion_counts_once() -> None:
    span = Span(1.0, 2.0, "abc")
    shelf = excluding(excluding(switched(filled(2), switch("adopt", 0, 1)), span), span)
    assert shelf.excluded == (span,)
    assert versions.shelf_from_json(json.loads(json.dumps(versions.shelf_to_json(shelf)))) == shelf
    with pytest.raises(StateError):
        versions.shelf_from_json({"heads": []})


@settings(max_examples=15, deadline=None)
@given(baselines, baselines)
def test_a_difference_is_antisymmetric(one: Baseline, other: Baseline) -> None:
    there, back = rates(one, other, 0.001), rates(other, one, 0.001)
    assert [(c.name, c.before, c.after, c.delta, c.apart) for c in there] == [
        (c.name, c.after, c.before, -c.delta, c.apart) for c in back
    ]
    for a, b in zip(shapes(one, other), shapes(other, one), strict=True):
        assert (a.name, a.before, a.after) == (b.name, b.after, b.before)
        assert a.js_bits == pytest.approx(b.js_bits, abs=1e-12)


@settings(max_examples=15, deadline=None)
@given(baselines)
def test_nothing_differs_from_itself(baseline: Baseline) -> None:
    assert not any(change.delta or change.apart for change in rates(baseline, baseline, 0.001))
    assert all(change.js_bits in (None, 0.0) for change in shapes(baseline, baseline))


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 5_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_limits_hold_the_rate_and_close_in_with_more_of_the_same(pair: tuple[int, int]) -> None:
    positives, n = pair
    one, ten = side(Tally(positives, n), 0.001), side(Tally(10 * positives, 10 * n), 0.001)
    assert one["lower"] <= one["rate"] <= one["upper"]
    assert one["lower"] <= ten["lower"] + 1e-12
    assert one["upper"] >= ten["upper"] - 1e-12


def test_rates_that_are_surely_apart_are_named_so() -> None:
    far = replace(BASELINE, refusals={"crime": Tally(100, 1_000)})
    near = replace(BASELINE, refusals={"crime": Tally(94, 100)})
    assert [change.apart for change in rates(BASELINE, far, 0.001)] == [True, True]
    assert [change.apart for change in rates(BASELINE, near, 0.001)] == [False, False]
    empty = replace(BASELINE, refusals={})
    assert not any(change.apart for change in rates(BASELINE, empty, 0.001)), "nothing is known of the other side"


def test_a_shape_that_moved_has_a_divergence_and_a_small_one_none() -> None:
    one = replace(BASELINE, shapes={"length": {"08": 500, "09": 500}, "topic": {"a": 1}})
    other = replace(BASELINE, shapes={"length": {"08": 100, "09": 900}, "topic": {"b": 1}})
    length, topic = shapes(one, other)
    assert length.js_bits is not None and 0.1 < length.js_bits < 0.2
    assert topic.js_bits is None


@settings(max_examples=15, deadline=None)
@given(baselines, baselines)
def test_counts_add(one: Baseline, other: Baseline) -> None:
    both = one.plus(other)
    assert both.n == one.n + other.n
    assert both.anomaly == one.anomaly.plus(other.anomaly)
    assert (both.who, both.judge, both.hours) == (one.who, one.judge, one.hours)
