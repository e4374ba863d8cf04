"""Stage 0 sees a text as the set of its token unigrams and bigrams, hashed into a table. Training and serving share it.

The tokens are those of the encoder's own tokenizer, so that a text is cut into tokens once for both stages.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.int32]

BUCKETS_LOG2: Final = 16
TOKENS_MAX: Final = 512  # of a longer text the first and the last half of this many

_MULTIPLIER: Final = np.uint64(0x9E3779B97F4A7C15)  # Fibonacci hashing, Knuth vol. 3, 6.4


def buckets(ids: Ids) -> NDArray[np.int64]:
    """The distinct table rows of a text.

    ids: int32 [n], token numbers without special tokens, n >= 0. Returns int64 [m], sorted, m <= 2 * TOKENS_MAX,
    each in 0 .. 2**BUCKETS_LOG2 - 1.
    """
    if len(ids) > TOKENS_MAX:
        half = TOKENS_MAX // 2
        ids = np.concatenate([ids[:half], ids[-half:]])
    one = ids.astype(np.uint64) + np.uint64(1)
    two = one[:-1] * np.uint64(65_537) + (one[1:] << np.uint64(32))
    mixed = np.concatenate([one, two]) * _MULTIPLIER
    return np.unique((mixed >> np.uint64(64 - BUCKETS_LOG2)).astype(np.int64))
