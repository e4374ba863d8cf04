"""Baselines: JSON both ways, every mistake named, and learning from panes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.core.baselines.baseline import Baseline, Kind, Standing, Tally, from_json, promote, to_json
from proxy.core.baselines.learning import Learning, absorb, close
from proxy.core.baselines.learning import from_json as learning_from_json
from proxy.core.baselines.learning import to_json as learning_to_json
from proxy.core.drift.shapes import SHAPES, TOXICITY_BIN, size
from proxy.core.errors import ConfigError
from proxy.core.policies.policy import BaselineRules
from proxy.core.windows import SCALE, Cell
from proxy.detectors.quantile import bin_of
from tests.unit.core.looks import pane

tallies = st.integers(0, 5_000).flatmap(lambda n: st.builds(Tally, st.integers(0, n), st.just(n)))
by_stratum = st.dictionaries(st.sampled_from(["fraud", "weapons", "prompt:08"]), tallies)
observed = st.integers(0, 9_000)
shape_sets = st.builds(
    lambda shapes, scores: {**shapes, **({TOXICITY_BIN: scores} if scores else {})},
    st.dictionaries(
        st.sampled_from([signal for signal in SHAPES if signal != TOXICITY_BIN]),
        st.dictionaries(st.text("0123456789.", min_size=1, max_size=4), observed),
    ),
    st.dictionaries(st.floats(0.0, 1.0).map(bin_of), observed, max_size=5),
)
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
    shapes=shape_sets,
    contexts=by_stratum,
    canary=by_stratum,
    anomaly=tallies.filter(lambda tally: tally.n > 0),
    hedging=by_stratum,
    hours=st.dictionaries(st.integers(0, 167), shape_sets, max_size=3),
)


@settings(max_examples=25, deadline=None)
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
        ({"shapes": []}, "shapes"),
        ({"shapes": {"shoe_size": {"41": 3}}}, "shapes.shoe_size"),
        ({"shapes": {"length": {"08": 1.5}}}, "shapes.length.08"),
        ({"shapes": {"length": {"08": -1}}}, "shapes.length.08"),
        ({"shapes": {"length": {str(k): 1 for k in range(513)}}}, "shapes.length"),
        ({"hours": {"168": {}}}, "hours.168"),
        ({"hours": {"07": {}}}, "hours.07"),
        ({"hours": {"7": {"length": {"08": True}}}}, "hours.7.length.08"),
        ({"contexts": [1]}, "contexts"),
        ({"contexts": {"prompt:08": [2, 1]}}, "contexts.prompt:08"),
        ({"canary": {"fraud": 1}}, "canary.fraud"),
        ({"hedging": {"none": [1]}}, "hedging.none"),
        ({"anomaly": [5, 1]}, "anomaly"),
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


EVERYTHING = {
    **pane({"fraud": 8}, {"fraud": 2}),
    Cell("length", "08", 0, 1): 6 * SCALE,
    Cell("length", "09", 0, 1): 3 * SCALE,
    Cell("toxicity_bin", "00", 0, 1): 9 * SCALE,
    Cell("embedding", "0.01", 0, 1): 9 * SCALE,
    Cell("embedding", "1.07", 0, 1): 9 * SCALE,
    Cell("refusal_in", "prompt:08", 0, 1): 4 * SCALE,
    Cell("refusal_in", "prompt:08", 0, 0): 1 * SCALE,
    Cell("canary", "weapons", 0, 1): 3 * SCALE,
    Cell("anomaly", "all", 0, 0): 9 * SCALE,
    Cell("hedging", "none", 0, 1): 2 * SCALE,
    Cell("hedging", "none", 0, 0): 5 * SCALE,
    Cell("hedging", "none", 9, 1): 5 * SCALE,  # no weight of the grid
    Cell("length", "10", 0, 0): 5 * SCALE,  # a shape counts what is, y = 1
    Cell("gossip", "all", 0, 1): 5 * SCALE,
}


def test_every_dimension_is_learnt() -> None:
    learning = absorb(Learning(judge="j"), EVERYTHING)
    made = close(learning, BaselineRules(closes_at=1), 0.0, "j")
    assert made is not None
    assert made.shapes == {
        "length": {"08": 6, "09": 3},
        "toxicity_bin": {"00": 9},
        "embedding": {"0.01": 9, "1.07": 9},
    }
    assert size(made.shapes["embedding"]) == size(made.shapes["length"]) == 9
    assert made.contexts == {"prompt:08": Tally(4, 5)}
    assert made.canary == {"weapons": Tally(3, 3)}
    assert (made.anomaly, made.hedging) == (Tally(0, 9), {"none": Tally(2, 7)})
    assert learning_from_json(json.loads(json.dumps(learning_to_json(learning)))) == learning


def test_a_learning_of_an_older_state_is_read() -> None:
    old = {"refusals": {}, "assessed": [0, 0, 0, 0], "highs": {"toxicity": {"none": [0, 8, 8, 8]}}}
    assert learning_from_json(old).tallied["toxicity"]["none"].n == 8


@given(st.dictionaries(st.sampled_from("abcdef"), st.tuples(st.integers(1, 300), st.integers(0, 2)), min_size=1))
def test_a_shape_is_worth_its_effective_size(bins: dict[str, tuple[int, int]]) -> None:
    counts = {Cell("length", name, r, 1): n * SCALE for name, (n, r) in bins.items()}
    made = close(absorb(Learning(), {**pane({"fraud": 1}, {}), **counts}), BaselineRules(closes_at=1), 0.0, "")
    assert made is not None
    weights = {name: n / 2**r for name, (n, r) in bins.items()}
    n_eff = sum(weights.values()) ** 2 / sum(n / 4**r for n, r in bins.values())
    shape = made.shapes["length"]
    assert size(shape) == int(n_eff + 1e-9)
    for name, weight in weights.items():
        assert abs(shape.get(name, 0) - size(shape) * weight / sum(weights.values())) <= 1.0


def test_strata_that_come_and_go_are_bounded() -> None:
    learning = Learning()
    for k in range(600):
        learning = absorb(learning, {Cell("refusal_in", f"system:{k:03d}", 0, 1): SCALE})
    assert len(learning.tallied["refusal_in"]) == 512
