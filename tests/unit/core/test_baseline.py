"""Baselines: JSON both ways, every mistake named, and learning from panes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.baseline import Baseline, Kind, Standing, Tally, from_json, promote, to_json
from proxy.core.errors import ConfigError
from proxy.core.learning import Learning, absorb, close
from proxy.core.policy import BaselineRules
from proxy.core.windows import SCALE, Cell
from tests.unit.core.looks import pane

tallies = st.integers(0, 5_000).flatmap(lambda n: st.builds(Tally, st.integers(0, n), st.just(n)))
baselines = st.builds(
    Baseline,
    st.sampled_from(list(Kind)),
    st.sampled_from(list(Standing)),
    st.dictionaries(st.sampled_from(["fraud", "weapons", "drugs"]), tallies, min_size=1),
    tallies,
    st.floats(0, 2e9),
    st.text(max_size=10),
    st.text(max_size=10),
    st.text(max_size=10),
)


@given(baselines)
def test_json_both_ways(baseline: Baseline) -> None:
    assert from_json(json.loads(json.dumps(to_json(baseline))), "b.json") == baseline


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"refusals": {}}, "refusals"),
        ({"refusals": {"fraud": [3, 2]}}, "refusals.fraud"),
        ({"refusals": {"fraud": [1.5, 2]}}, "refusals.fraud"),
        ({"refusals": {"fraud": [True, 2]}}, "refusals.fraud"),
        ({"refusals": {"fraud": 7}}, "refusals.fraud"),
        ({"refusals": {"none": [1, 2]}}, "refusals.none"),
        ({"kind": "guess"}, "kind"),
        ({"kind": []}, "kind"),
        ({"standing": "learning"}, "standing"),
        ({"assessed": [1]}, "assessed"),
        ({"made_s": "today"}, "made_s"),
        ({"who": 3}, "who"),
        ({"format": 9}, "format"),
        ({"rates": {}}, "rates"),
    ],
)
def test_a_mistake_is_named_with_file_and_key(change: dict[str, Any], key: str) -> None:
    with pytest.raises(ConfigError) as caught:
        from_json({"refusals": {"fraud": [95, 100]}, **change}, "b.json")
    assert [(place.file, place.key) for place, _ in caught.value.problems] == [("b.json", key)]


def test_all_mistakes_at_once_and_no_object_at_all() -> None:
    with pytest.raises(ConfigError) as caught:
        from_json({"kind": "x", "standing": "y"}, "b.json")
    assert len(caught.value.problems) == 3
    with pytest.raises(ConfigError):
        from_json([1], "b.json")


def test_a_small_file_is_enough() -> None:
    read = from_json({"refusals": {"fraud": [95, 100]}}, "b.json")
    assert (read.kind, read.standing, read.n, read.rate) == (Kind.FILE, Standing.PROVISIONAL, 100, 0.95)


def test_promotion_needs_a_person_and_a_reason() -> None:
    read = from_json({"refusals": {"fraud": [95, 100]}}, "b.json")
    for who, why in (("", "looked"), ("ada", " ")):
        with pytest.raises(ValueError):
            promote(read, who, why, 5.0)
    promoted = promote(read, "ada", "compared with base", 5.0)
    assert (promoted.standing, promoted.who, promoted.made_s) == (Standing.PROMOTED, "ada", 5.0)
    assert promoted.refusals == read.refusals


def test_learning_counts_harmful_prompts_and_closes() -> None:
    rules, learning = BaselineRules(closes_at=30), Learning()
    learning = absorb(learning, {**pane({"fraud": 14}, {"fraud": 1}), Cell("refusal", "none", 0, 0): 99 * SCALE})
    assert learning.n == 15
    assert close(learning, rules, 7.0, "j") is None
    made = close(absorb(learning, pane({"weapons": 20}, {})), rules, 7.0, "j")
    assert made is not None
    assert made.refusals == {"fraud": Tally(14, 15), "weapons": Tally(20, 20)}
    assert (made.kind, made.standing, made.made_s, made.judge) == (Kind.LIVE, Standing.PROVISIONAL, 7.0, "j")
    assert made.assessed == Tally(35, 35)


@given(st.integers(0, 500), st.integers(0, 500), st.integers(0, 7))
def test_even_weights_are_worth_their_count(yes: int, no: int, r: int) -> None:
    learning = absorb(Learning(), pane({"fraud": yes}, {"fraud": no}, r))
    made = close(learning, BaselineRules(closes_at=1), 0.0, "")
    if yes + no:
        assert made is not None and made.refusals["fraud"] == Tally(yes, yes + no)


def test_uneven_weights_are_worth_less() -> None:
    learning = absorb(absorb(Learning(), pane({"fraud": 100}, {}, 0)), pane({"fraud": 100}, {}, 3))
    assert 100 < learning.n < 200


def test_answers_of_groundwire_itself_are_no_blindness() -> None:
    own = {Cell("assessed", "refused_by_groundwire", 0, 0): 50 * SCALE, Cell("assessed", "empty", 0, 0): 2 * SCALE}
    made = close(absorb(Learning(), {**pane({"fraud": 8}, {}), **own}), BaselineRules(closes_at=1), 0.0, "")
    assert made is not None and made.assessed == Tally(8, 10)
