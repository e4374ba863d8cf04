"""From the logits of both stages to calibrated probabilities.

A calibrated logit is a weighted sum of the encoder's logit z1, stage 0's logit z0 and a constant (Platt 1999, with two
inputs for the fused score). Training fits the weights with the functions of this file, so that both do the same.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from proxy.classifiers.contract import Stage
from proxy.classifiers.manifest import Head

Floats = NDArray[np.float32]
Weights = tuple[float, float, float]  # of z1, of z0, constant
Number = float | Floats

LOG_ODDS_MAX: Final = 16.0  # of a sum that float32 rounds to 0 or 1


def weights(head: Head, stage: Stage) -> Weights:
    """The weights of a head at a stage."""
    return {Stage.STAGE0: head.stage0, Stage.STAGE1: head.stage1, Stage.FUSED: head.fused}[stage]


def calibrated(z1: Floats, z0: Floats, of: tuple[Number, Number, Number]) -> Floats:
    """Calibrated logits. z1: float32 [windows, ...]; z0: float32 [...], of the whole text. Returns z1's shape.

    of: numbers for one head, or float32 [heads] each for several side by side.
    """
    return np.asarray(of[0] * z1 + (of[1] * z0 + of[2]), dtype=np.float32)


def sigmoid(logit: float) -> float:
    """The probability of a logit."""
    if logit >= 0:
        return 1 / (1 + math.exp(-min(logit, 700.0)))
    odds = math.exp(max(logit, -700.0))
    return odds / (1 + odds)


def softmax(logits: Floats) -> Floats:
    """float32 [..., classes] -> probabilities that sum to 1 over the last axis."""
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True), dtype=np.float32)


def log_odds_of(logits: Floats, temperature: float, columns: Sequence[int]) -> Floats:
    """The log odds that the class is one of `columns`: a softmax head as one yes or no, ready to be calibrated again.

    logits: float32 [..., classes], multiplied by `temperature` before the softmax. Returns float32 [...], within
    +-LOG_ODDS_MAX.
    """
    scaled = logits * temperature
    outside = [one for one in range(scaled.shape[-1]) if one not in columns]
    odds = _log_sum(scaled[..., list(columns)]) - _log_sum(scaled[..., outside])
    return np.asarray(np.clip(odds, -LOG_ODDS_MAX, LOG_ODDS_MAX), dtype=np.float32)


def _log_sum(logits: Floats) -> Floats:
    """Log of the summed exponentials over the last axis; -inf of no columns."""
    if not logits.shape[-1]:
        return np.full(logits.shape[:-1], -np.inf, dtype=np.float32)
    top = logits.max(axis=-1, keepdims=True)
    return np.asarray(np.log(np.exp(logits - top).sum(axis=-1)) + top[..., 0], dtype=np.float32)
