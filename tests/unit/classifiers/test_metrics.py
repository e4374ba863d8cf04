"""The measures, against their definitions written out by brute force."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.classifiers.evaluation.metrics import (
    Score,
    Truth,
    auprc,
    auroc,
    calibration_error,
    confusion,
    recall_at,
    threshold_for,
)

Rows = list[tuple[bool, float]]
# Few distinct scores make ties common; floats of any kind come beside them.
scores = st.one_of(st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]), st.floats(0, 1))
rows_of_any_kind = st.lists(st.tuples(st.booleans(), scores), min_size=1, max_size=40)
rows_of_both = rows_of_any_kind.filter(lambda rows: len({truth for truth, _ in rows}) == 2)
rates = st.sampled_from([0.0, 0.01, 0.1, 0.3, 1.0])


def arrays(rows: Rows) -> tuple[Truth, Score]:
    return np.array([truth for truth, _ in rows]), np.array([score for _, score in rows])


def shares(rows: Rows, threshold: float) -> tuple[float, float]:
    """(recall, false positive rate) of `score >= threshold`."""
    positives = [score >= threshold for truth, score in rows if truth]
    negatives = [score >= threshold for truth, score in rows if not truth]
    return sum(positives) / len(positives), sum(negatives) / len(negatives)


@given(rows_of_both)
@settings(deadline=None, max_examples=60)
def test_auroc_is_the_share_of_pairs_in_the_right_order(rows: Rows) -> None:
    pairs = [(high, low) for yes, high in rows if yes for no, low in rows if not no]
    right = sum(1.0 if high > low else 0.5 if high == low else 0.0 for high, low in pairs)
    assert auroc(*arrays(rows)) == pytest.approx(right / len(pairs))


@given(rows_of_both)
@settings(deadline=None, max_examples=60)
def test_auprc_is_precision_summed_over_the_steps_of_recall(rows: Rows) -> None:
    expected, before = 0.0, 0.0
    for threshold in sorted({score for _, score in rows}, reverse=True):
        flagged = [truth for truth, score in rows if score >= threshold]
        recall = sum(flagged) / sum(truth for truth, _ in rows)
        expected += (recall - before) * sum(flagged) / len(flagged)
        before = recall
    assert auprc(*arrays(rows)) == pytest.approx(expected)


@given(rows_of_both, rates)
@settings(deadline=None, max_examples=60)
def test_recall_at_a_false_positive_rate_is_the_best_of_all_thresholds(rows: Rows, rate: float) -> None:
    thresholds = [math.inf, *(score for _, score in rows)]
    allowed = [recall for recall, false in (shares(rows, one) for one in thresholds) if false <= rate]
    assert recall_at(*arrays(rows), rate) == pytest.approx(max(allowed))


@given(rows_of_both, rates)
@settings(deadline=None, max_examples=60)
def test_a_chosen_threshold_keeps_its_false_positive_rate_and_the_next_one_does_not(rows: Rows, rate: float) -> None:
    threshold = threshold_for(*arrays(rows), rate)
    assert shares(rows, threshold)[1] <= rate
    lower = [score for _, score in rows if score < threshold]
    assert not lower or shares(rows, max(lower))[1] > rate


@given(rows_of_any_kind, st.integers(1, 20))
@settings(deadline=None, max_examples=60)
def test_calibration_error_is_the_weighted_gap_of_its_bins(rows: Rows, bins: int) -> None:
    expected = 0.0
    for part in range(bins):
        inside = [(truth, score) for truth, score in rows if min(int(score * bins), bins - 1) == part]
        expected += abs(sum(score for _, score in inside) - sum(truth for truth, _ in inside)) / len(rows)
    assert calibration_error(*arrays(rows), bins) == pytest.approx(expected)


@given(rows_of_any_kind, scores)
@settings(deadline=None, max_examples=60)
def test_the_confusion_counts_every_row_once(rows: Rows, threshold: float) -> None:
    truth, score = arrays(rows)
    matrix = confusion(truth, score >= threshold)
    kinds = [(one, value >= threshold) for one, value in rows]
    assert (matrix.hits, matrix.false_alarms) == (kinds.count((True, True)), kinds.count((False, True)))
    assert (matrix.misses, matrix.right_noes) == (kinds.count((True, False)), kinds.count((False, False)))
    if matrix.hits:
        assert matrix.f1 == pytest.approx(2 / (1 / matrix.precision + 1 / matrix.recall)) or math.isnan(matrix.f1)


@given(rows_of_both, st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=60)
def test_no_measure_knows_the_order_of_the_rows(rows: Rows, shuffler: object) -> None:
    other = list(rows)
    shuffler.shuffle(other)  # type: ignore[attr-defined]
    measures: list[Callable[[Truth, Score], float]] = [auroc, auprc, calibration_error]
    for measure in measures:
        assert measure(*arrays(rows)) == pytest.approx(measure(*arrays(other)))


def test_a_perfect_and_a_reversed_ranking() -> None:
    truth = np.array([False] * 50 + [True] * 50)
    score = np.linspace(0, 1, 100)
    assert (auroc(truth, score), auprc(truth, score), recall_at(truth, score, 0.0)) == (1.0, 1.0, 1.0)
    assert (auroc(truth, -score), recall_at(truth, -score, 0.01)) == (0.0, 0.0)


@pytest.mark.parametrize("kind", [True, False])
def test_rows_of_one_kind_say_nothing_of_ranking(kind: bool) -> None:
    truth, score = np.full(5, kind), np.linspace(0, 1, 5)
    silent = [auroc(truth, score), auprc(truth, score), recall_at(truth, score, 0.01)]
    silent.append(confusion(truth, score >= 0.5).f1)
    assert all(map(math.isnan, silent))


def test_no_rows_say_nothing() -> None:
    truth, score = np.zeros(0, dtype=np.bool_), np.zeros(0)
    assert math.isnan(calibration_error(truth, score))
    assert math.isnan(auroc(truth, score))
    assert math.isnan(threshold_for(truth, score, 0.1))


def test_nothing_allowed_is_a_threshold_that_nothing_reaches() -> None:
    truth, score = np.array([True, False]), np.array([0.5, 0.9])
    assert threshold_for(truth, score, 0.0) == math.inf
