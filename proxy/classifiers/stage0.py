"""Stage 0: linear heads over hashed token n-grams, one table look-up a text. numpy only, microseconds."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from proxy.classifiers.ngrams import Ids, buckets


@dataclass(frozen=True, slots=True)
class Stage0:
    """table: float16 [2**BUCKETS_LOG2, columns]; bias: float32 [columns]."""

    table: NDArray[np.float16]
    bias: NDArray[np.float32]

    def logits(self, ids: Ids) -> NDArray[np.float32]:
        """float32 [columns] of a text's token numbers (int32 [n], without special tokens and without a prompt).

        The root of the number of n-grams, not the number, divides their sum: a long text may be surer than a short
        one, and no text is sure for its length alone.
        """
        rows = buckets(ids)
        total = self.table[rows].astype(np.float32).sum(axis=0)
        return np.asarray(total / math.sqrt(max(len(rows), 1)) + self.bias, dtype=np.float32)
