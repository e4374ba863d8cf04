"""Projections that every process shares, and answers unlike all before."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.analysis.judging.anomaly import CALIBRATE_N, FIT_N, SETTLED_N, Ordinary, from_bytes, to_bytes
from proxy.analysis.judging.embedding import BINS, KEPT, SHOWN, bins, projected, signs
from proxy.analysis.judging.ordinary import OrdinaryAnswers
from proxy.core.errors import StateError
from proxy.core.exchange import Purpose
from proxy.core.observation import Observation, Unassessed
from proxy.stores.embedded import open_embedded

DIM = 384
KEY = ("support", "tuned/support-v2")


def unit(toss: np.random.Generator, middle: float = 0.3) -> memoryview:
    vector = toss.normal(size=DIM) / DIM**0.5 + middle / DIM**0.5
    return np.asarray(vector / np.linalg.norm(vector), dtype=np.float32).data


def test_the_projections_are_the_same_for_ever() -> None:
    """Histograms of two versions of Groundwire add only while this holds."""
    matrix = signs(DIM)
    assert matrix.shape == (SHOWN + KEPT, DIM)
    assert set(np.unique(matrix)) == {-1.0, 1.0}
    assert matrix[0, :8].tolist() == [-1, -1, -1, 1, -1, -1, 1, -1]
    assert abs(float(matrix.mean())) < 0.02


@settings(deadline=None)
@given(st.integers(0, 2**32), st.floats(-3, 3))
def test_a_unit_embedding_falls_into_a_bin_of_every_projection(seed: int, middle: float) -> None:
    places = bins(projected(unit(np.random.default_rng(seed), middle)))
    assert len(places) == SHOWN
    assert all(0 <= place < BINS for place in places)


def ordinary(n: int) -> Ordinary:
    toss, one = np.random.default_rng(5), Ordinary("v", 4)
    for _ in range(n):
        assert one.seen(toss.normal(size=4)) is None
    return one


def test_there_is_no_verdict_before_the_limit_is_known() -> None:
    one = ordinary(FIT_N + CALIBRATE_N - 1)
    assert not one.complete
    assert one.seen(np.full(4, 1e6)) is None, "the last one to learn from"
    assert one.complete


def test_an_ordinary_answer_is_seldom_flagged_and_a_strange_one_is() -> None:
    one, toss = ordinary(FIT_N + CALIBRATE_N), np.random.default_rng(6)
    flagged = sum(one.seen(toss.normal(size=4)) or 0 for _ in range(3_000))
    assert flagged <= 8  # a share of 1 in 3,001 is the mean over calibrations
    assert one.seen(np.full(4, 9.0)) == 1


def test_one_answer_for_ever_has_no_variance_and_another_is_strange() -> None:
    one = Ordinary("v", 4)
    for _ in range(FIT_N + CALIBRATE_N):
        one.seen(np.ones(4))
    assert one.seen(np.ones(4)) == 0
    assert one.seen(np.zeros(4)) == 1


def test_what_was_learnt_comes_back_and_broken_bytes_are_said() -> None:
    one = ordinary(FIT_N + CALIBRATE_N)
    again = from_bytes(to_bytes(one))
    assert (again.n, again.calibrated, again.limit, again.version) == (one.n, one.calibrated, one.limit, "v")
    assert again.seen(np.full(4, 9.0)) == 1
    for value in (b"", b"{}", to_bytes(one).replace(b'"dim":4', b'"dim":5')):
        with pytest.raises(StateError):
            from_bytes(value)


def seen(toss: np.random.Generator, version: str = "v") -> Observation:
    return Observation("x", "support", "m", False, 0.0, Purpose.USER, "", embedding=unit(toss), classifier=version)


async def test_models_learn_apart_are_kept_and_another_classifier_begins_anew() -> None:
    store, toss = await open_embedded(None), np.random.default_rng(7)
    answers = OrdinaryAnswers(store)
    for _ in range(FIT_N + CALIBRATE_N):
        [one] = await answers.marked(KEY, (seen(toss),), frozenset())
        assert one.anomalous is None
    await answers.save()
    [one] = await answers.marked(KEY, (seen(toss),), frozenset())
    assert one.anomalous == 0
    [other] = await answers.marked(("support", "plain/base"), (seen(toss),), frozenset())
    assert other.anomalous is None

    successor = OrdinaryAnswers(store)
    [one] = await successor.marked(KEY, (seen(toss),), frozenset())
    assert one.anomalous == 0
    [one] = await successor.marked(KEY, (seen(toss, "v2"),), frozenset())
    assert one.anomalous is None
    await successor.keep(frozenset())
    [one] = await OrdinaryAnswers(store).marked(KEY, (seen(toss),), frozenset())
    assert one.anomalous is None, "a route that is forgotten takes it along"
    await store.close()


async def test_a_repeated_prompt_teaches_nothing() -> None:
    store = await open_embedded(None)
    answers = OrdinaryAnswers(store)
    one = Observation("x", "r", "m", False, 0.0, Purpose.USER, "h", embedding=unit(np.random.default_rng(1)))
    assert await answers.marked(KEY, (one,), frozenset({"cah"})) == (one,)
    await answers.save(all_of_them=True)
    assert await OrdinaryAnswers(store).marked(KEY, (one,), frozenset({"cah"})) == (one,)
    await store.close()


def test_with_twenty_thousand_answers_the_limit_is_their_sixth_largest() -> None:
    one, toss, distances = ordinary(FIT_N), np.random.default_rng(8), list[float]()
    for _ in range(SETTLED_N):
        vector = toss.normal(size=4)
        distances.append(one.distance(vector))
        one.seen(vector)
    assert one.settled
    assert not one.changing
    assert one.limit == sorted(distances)[-6]
    assert from_bytes(to_bytes(one)).limit == one.limit
    one.seen(np.full(4, 9.0))
    assert one.limit == sorted(distances)[-6], "what came later moves nothing"


def test_a_model_that_turns_strange_before_the_limit_is_settled_teaches_nothing() -> None:
    one, toss = ordinary(FIT_N + CALIBRATE_N), np.random.default_rng(9)
    first = one.limit
    flagged = [one.seen(toss.normal(size=4) + (8.0 if n % 50 == 0 else 0.0)) for n in range(1_000)]
    assert sum(bool(flag) for flag in flagged) >= 20
    assert one.changing
    for _ in range(SETTLED_N):
        one.seen(toss.normal(size=4))
    assert one.limit == first
    assert from_bytes(to_bytes(one)).changing


async def test_without_an_encoder_stage_0_features_say_where_an_answer_lies() -> None:
    store, toss = await open_embedded(None), np.random.default_rng(10)
    answers = OrdinaryAnswers(store)

    def plain(words: float) -> Observation:
        numbers = {
            "chars": 6 * words,
            "words": words,
            "distinct_share": float(toss.uniform(0.6, 0.9)),
            "list_items": 0.0,
        }
        return Observation("x", "support", "m", False, 0.0, Purpose.USER, "", features=numbers)

    for _ in range(FIT_N + CALIBRATE_N):
        await answers.marked(KEY, (plain(float(toss.integers(80, 120))),), frozenset())
    [usual] = await answers.marked(KEY, (plain(100.0),), frozenset())
    [strange] = await answers.marked(KEY, (plain(20_000.0),), frozenset())
    assert (usual.anomalous, strange.anomalous) == (0, 1)
    unread = Observation("x", "support", "m", False, 0.0, Purpose.USER, "", unassessed=Unassessed.EMPTY)
    assert await answers.marked(KEY, (unread,), frozenset()) == (unread,)
    await store.close()
