"""From the windows of a long text to the whole: harm where it is worst, style everywhere, a refusal at the ends."""

from __future__ import annotations

from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


class Pool(StrEnum):
    """Over the windows of one text."""

    MAX = "max"
    MEAN = "mean"
    ENDS = "ends"  # the mean of the first and the last window


def pooled(values: Floats, pool: Pool) -> Floats:
    """values: float32 [windows, ...], windows >= 1, of calibrated logits. Returns float32 [...]."""
    if len(values) == 1:
        return np.asarray(values[0])
    if pool is Pool.MEAN:
        return np.asarray(values.mean(axis=0), dtype=np.float32)
    if pool is Pool.ENDS:
        return np.asarray((values[0] + values[-1]) / 2, dtype=np.float32)
    return np.asarray(values.max(axis=0), dtype=np.float32)


def mean_embedding(embeddings: Floats) -> Floats:
    """float32 [windows, dim], each of length 1 -> float32 [dim], their mean direction, of length 1."""
    if len(embeddings) == 1:
        return np.asarray(embeddings[0])
    mean = embeddings.mean(axis=0)
    length = float(np.linalg.norm(mean))
    # Windows that cancel each other have no mean direction; the first then stands for the text.
    return np.asarray(mean / length, dtype=np.float32) if length > 1e-6 else np.asarray(embeddings[0])
