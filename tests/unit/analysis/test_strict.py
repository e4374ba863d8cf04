"""A single harmful output: the manifest's threshold, else one learnt from the first answers."""

from __future__ import annotations

import hashlib
import random
from dataclasses import replace

import orjson
import pytest

from proxy.analysis.judging.strict import StrictThresholds
from proxy.analysis.judging.strict_kept import PREFIX, SAVED_EACH, KeptThresholds, from_bytes
from proxy.core.errors import StateError
from proxy.core.exchange import Purpose
from proxy.core.observation import Observation
from proxy.stores.embedded import open_embedded

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


async def test_what_was_learnt_goes_on_after_a_restart() -> None:
    store = await open_embedded(None)
    first = KeptThresholds(store, first=4)
    for score in (0.1, 0.7, 0.2):
        assert (await first.marked(KEY, answer(score))).harmful_output is None
    await first.save()
    assert await store.load(_name()) is None, "not at every answer"
    await first.save(all_of_them=True)
    second = KeptThresholds(store, first=4)
    assert (await second.marked(KEY, answer(0.3))).harmful_output is None, "the fourth"
    assert (await second.marked(KEY, answer(0.71))).harmful_output == 1
    assert (await second.marked(KEY, answer(0.69))).harmful_output == 0
    await second.save()
    third = KeptThresholds(store, first=4)
    assert (await third.marked(KEY, answer(0.71))).harmful_output == 1, "it was whole, and written at once"
    assert (await third.marked(KEY, answer(0.71, "guard@2"))).harmful_output is None
    await third.keep(())
    assert await store.load(_name()) is None
    await store.close()


async def test_it_is_written_every_thousand_answers_and_what_is_broken_is_learnt_anew() -> None:
    store = await open_embedded(None)
    learning = KeptThresholds(store)
    for _ in range(SAVED_EACH):
        await learning.marked(KEY, answer(0.5))
    await learning.save()
    found = await store.load(_name())
    assert found is not None and from_bytes(found[1]).n == SAVED_EACH
    for broken in (
        b"{}",
        b"no",
        b'{"version": "v", "n": -1, "largest": 0.5}',
        b'{"version": "v", "n": 1, "largest": 2}',
    ):
        with pytest.raises(StateError, match="cannot be read"):
            from_bytes(broken)
    assert await store.swap(_name(), found[0], b"no")
    anew = KeptThresholds(store, first=1)
    assert (await anew.marked(KEY, answer(0.5))).harmful_output is None
    await anew.save(all_of_them=True)
    found = await store.load(_name())
    assert found is not None and from_bytes(found[1]).n == 1
    await store.close()


def _name() -> str:
    return PREFIX + hashlib.sha256(orjson.dumps(KEY)).hexdigest()[:16]
