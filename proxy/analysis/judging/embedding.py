"""Fixed random projections of embeddings, the same in every process, so that their histograms merge by adding.

Signs of a hash (Achlioptas 2003, "Database-friendly random projections"): no generator whose stream a library may
change. A unit embedding comes out with mean square 1 along each projection.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

SEED: Final = b"groundwire embedding projections 1"
SHOWN: Final = 8  # projections whose histograms are counted
KEPT: Final = 32  # the next ones: the space in which anomalies are looked for
BIN_WIDTH: Final = 0.5
BINS: Final = 16  # from -4 to 4; what lies beyond is in the outermost


@lru_cache(maxsize=4)
def signs(dim: int) -> Floats:
    """float32 [SHOWN + KEPT, dim] of -1 and 1."""
    count = (SHOWN + KEPT) * dim
    bits = np.unpackbits(np.frombuffer(hashlib.shake_256(SEED).digest(count // 8 + 1), dtype=np.uint8))[:count]
    return np.asarray(bits.reshape(-1, dim), dtype=np.float32) * 2 - 1


def projected(embedding: memoryview) -> Floats:
    """float32 [SHOWN + KEPT] of an embedding of length 1, float32 [dim]."""
    vector = np.frombuffer(embedding, dtype=np.float32)
    return np.asarray(signs(len(vector)) @ vector, dtype=np.float32)


def bins(projections: Floats) -> tuple[int, ...]:
    """The histogram bin, 0 to BINS - 1, of each shown projection."""
    places = np.floor(projections[:SHOWN] / BIN_WIDTH) + BINS // 2
    return tuple(int(place) for place in np.clip(places, 0, BINS - 1))
