"""Logits to probabilities."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from proxy.classifiers.fusion import LOG_ODDS_MAX, calibrated, log_odds_of, sigmoid, softmax

logit = st.floats(-30, 30)
logits = arrays(np.float32, st.integers(2, 8), elements=st.floats(-15, 15, width=32))
weights = st.tuples(st.floats(0, 3), st.floats(0, 3), st.floats(-3, 3))


@settings(deadline=None, max_examples=60)
@given(logit, logit)
def test_a_sigmoid_is_a_probability_that_rises(one: float, two: float) -> None:
    assert 0 <= sigmoid(one) <= 1
    assert math.isclose(sigmoid(one) + sigmoid(-one), 1)
    assert one >= two or sigmoid(one) <= sigmoid(two)


@settings(deadline=None, max_examples=60)
@given(st.floats(allow_nan=False))
def test_no_logit_overflows(one: float) -> None:
    assert 0 <= sigmoid(one) <= 1


@settings(deadline=None, max_examples=60)
@given(logits, st.floats(-100, 100, width=32))
def test_a_softmax_sums_to_1_and_ignores_what_all_share(some: NDArray[np.float32], shift: float) -> None:
    assert math.isclose(float(softmax(some).sum()), 1, rel_tol=1e-5)
    assert np.allclose(softmax(some), softmax(some + np.float32(shift)), atol=1e-4)


@settings(deadline=None, max_examples=60)
@given(logits, st.floats(0.1, 2))
def test_log_odds_of_classes_are_those_of_their_summed_probability(some: NDArray[np.float32], heat: float) -> None:
    summed = float(softmax(some * np.float32(heat))[0])
    found = float(log_odds_of(some, heat, [0]))
    assert abs(found) <= LOG_ODDS_MAX
    assert math.isclose(sigmoid(found), summed, abs_tol=1e-5)


@settings(deadline=None, max_examples=60)
@given(logits)
def test_the_odds_of_some_are_against_those_of_the_rest(some: NDArray[np.float32]) -> None:
    first, rest = [0], list(range(1, len(some)))
    assert math.isclose(float(log_odds_of(some, 1, first)), -float(log_odds_of(some, 1, rest)), abs_tol=1e-4)
    assert float(log_odds_of(some, 1, [0, *rest])) == LOG_ODDS_MAX


@settings(deadline=None, max_examples=60)
@given(logits, logit, weights)
def test_calibration_is_a_weighted_sum(z1: NDArray[np.float32], z0: float, of: tuple[float, float, float]) -> None:
    found = calibrated(z1, np.float32(z0), of)  # type: ignore[arg-type]
    assert found.shape == z1.shape and found.dtype == np.float32
    assert np.allclose(found, [of[0] * one + of[1] * z0 + of[2] for one in z1], atol=1e-3)


def test_several_heads_side_by_side_are_each_alone() -> None:
    z1, z0 = np.array([[1.0, 2.0], [3.0, -1.0]], dtype=np.float32), np.array([0.5, -0.5], dtype=np.float32)
    of = tuple(np.array(pair, dtype=np.float32) for pair in ([1.1, 0.9], [0.3, 0.7], [-0.1, 0.2]))
    together = calibrated(z1, z0, (of[0], of[1], of[2]))
    for head in (0, 1):
        alone = calibrated(z1[:, head], z0[head], (float(of[0][head]), float(of[1][head]), float(of[2][head])))
        assert np.allclose(together[:, head], alone, atol=1e-6)
