"""Stratified folds: each holds its share of both kinds, chosen by a seed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Truth = NDArray[np.bool_]
Fold = NDArray[np.int64]


def folds(truth: Truth, count: int, seed: int) -> Fold:
    """The fold 0 .. count - 1 of each row, int64 [n]; of each kind, two folds differ by at most one row."""
    generator = np.random.default_rng(seed)
    fold = np.empty(len(truth), dtype=np.int64)
    for kind in (False, True):
        rows = generator.permutation(np.flatnonzero(truth == kind))
        fold[rows] = np.arange(len(rows)) % count
    return fold
