"""A single harmful output: the manifest's threshold, else one learnt from the first answers."""

from __future__ import annotations

import random
from dataclasses import replace

from proxy.analysis.strict import StrictThresholds
from proxy.core.exchange import Purpose
from proxy.core.observation import Observation

KEY = ("support", "default/m")


def answer(score: float, version: str = "guard@1", harmful_output: int | None = None) -> Observation:
    scores = {"response_harmful": score}
    blank = Observation("1", "support", "m", False, 1.0, Purpose.USER, "h", classifier=version, scores=scores)
    return replace(blank, harmful_output=harmful_output)


def test_nothing_is_flagged_before_enough_is_known_and_then_what_lies_above_all_of_it() -> None:
    strict = StrictThresholds(first=4)
    for score in (0.1, 0.7, 0.2, 0.3):
        assert strict.marked(KEY, answer(score)).harmful_output is None
    assert strict.marked(KEY, answer(0.7)).harmful_output == 0
    assert strict.marked(KEY, answer(0.71)).harmful_output == 1
    assert strict.marked(KEY, answer(0.71)).harmful_output == 1, "what is flagged does not move the threshold"


def test_a_verdict_of_the_classifier_stands_and_another_classifier_begins_anew() -> None:
    strict = StrictThresholds(first=1)
    assert strict.marked(KEY, answer(0.9, harmful_output=1)).harmful_output == 1
    strict.marked(KEY, answer(0.2))
    assert strict.marked(KEY, answer(0.3)).harmful_output == 1
    assert strict.marked(KEY, answer(0.3, "guard@2")).harmful_output is None
    strict.keep(())
    assert strict.marked(KEY, answer(0.3, "guard@2")).harmful_output is None


def test_one_in_n_plus_one_is_flagged_at_most() -> None:
    rng, flagged = random.Random(5), 0
    for _ in range(1_000):
        strict = StrictThresholds(first=19)
        for _ in range(19):
            strict.marked(KEY, answer(rng.random()))
        flagged += strict.marked(KEY, answer(rng.random())).harmful_output or 0
    assert 25 <= flagged <= 75, "one in twenty"
