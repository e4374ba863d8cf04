"""Fits, calibrates and measures a head. Three questions are never answered with the same rows.

weights                    all rows but the test rows
ridge, calibration,        the same rows, each scored by weights that were fitted without it (cross-validation)
threshold
measures on the card       the test rows
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from proxy.classifiers.evaluation.metrics import auroc, calibration_error, confusion, threshold_for
from proxy.classifiers.head_training.folds import folds
from proxy.classifiers.head_training.logistic import Matrix, Truth, Vector, fit, log_loss, probabilities
from proxy.core.errors import GroundwireError

ROWS_MIN: Final = 40  # of each kind: ten of them in the test rows, whose measures are then rough, but some
FOLDS: Final = 4
TEST_PARTS: Final = 4  # one of these many parts is the test
RIDGES: Final = (0.01, 0.1, 1.0, 10.0)  # on summed loss over inputs of length 1
PLATT_RIDGE: Final = 1e-3  # keeps the slope finite where the folds are parted perfectly


class TooLittleData(GroundwireError):  # noqa: N818 - said of a file, not a fault of ours
    """Rows from which no head can be fitted and measured."""


@dataclass(frozen=True, slots=True)
class Measures:
    """Of the head on rows that it was neither fitted nor calibrated on."""

    rows: int
    positives: int
    auroc: float
    f1: float
    recall: float
    false_positive_rate: float
    calibration_error: float


@dataclass(frozen=True, slots=True)
class Trained:
    """A head: probability = sigmoid(weight . embedding + bias).

    threshold:            flag from this probability on
    threshold_negatives:  harmless rows it was chosen on; fewer than 1 / false_positive_rate cannot show the rate
    """

    weight: Vector
    bias: float
    threshold: float
    threshold_negatives: int
    ridge: float
    measures: Measures


def train(embeddings: Matrix, truth: Truth, false_positive_rate: float, seed: int) -> Trained:
    """A head from embeddings float64 [n, dim] of length 1 and truth bool [n]. Raises TooLittleData."""
    _check(truth)
    test = folds(truth, TEST_PARTS, seed) == 0
    inputs, known = embeddings[~test], truth[~test]
    fold = folds(known, FOLDS, seed + 1)
    unseen = {ridge: _unseen_logits(inputs, known, ridge, fold) for ridge in RIDGES}
    ridge = min(RIDGES, key=lambda one: log_loss(unseen[one], known))
    slope, shift = fit(unseen[ridge][:, None], known, PLATT_RIDGE)  # Platt 1999
    scale = max(float(slope[0]), 0.0)  # a head that is worse than chance must not be turned around
    threshold = threshold_for(known, probabilities(scale * unseen[ridge] + shift), false_positive_rate)
    weight, bias = fit(inputs, known, ridge)
    weight, bias = scale * weight, scale * bias + shift
    threshold = min(threshold, 1.0)
    measures = _measured(embeddings[test] @ weight + bias, truth[test], threshold)
    return Trained(weight, bias, threshold, int(np.sum(~known)), ridge, measures)


def _check(truth: Truth) -> None:
    counts = {0: int(np.sum(~truth)), 1: int(np.sum(truth))}
    for label, count in counts.items():
        if count < ROWS_MIN:
            other = counts[1 - label]
            raise TooLittleData(
                f"{count} different texts with label {label} (and {other} with label {1 - label}); at least {ROWS_MIN} "
                f"of each are needed to fit a head, calibrate it and measure it; some hundreds make a good one"
            )


def _unseen_logits(inputs: Matrix, truth: Truth, ridge: float, fold: np.typing.NDArray[np.int64]) -> Vector:
    """Of each row, by weights that were fitted on the other folds."""
    logits = np.empty(len(truth))
    for number in range(FOLDS):
        inside = fold == number
        weight, bias = fit(inputs[~inside], truth[~inside], ridge)
        logits[inside] = inputs[inside] @ weight + bias
    return logits


def _measured(logits: Vector, truth: Truth, threshold: float) -> Measures:
    score = probabilities(logits)
    matrix = confusion(truth, score >= threshold)
    return Measures(
        len(truth),
        int(truth.sum()),
        auroc(truth, score),
        matrix.f1,
        matrix.recall,
        matrix.false_positive_rate,
        calibration_error(truth, score, bins=10),
    )
