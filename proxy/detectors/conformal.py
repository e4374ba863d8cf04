"""A conformal limit: what an ordinary score exceeds with a probability of at most a level.

The p-value of a score is (1 + those of n known ordinary scores that are at least as large) / (n + 1). While scores are
exchangeable, P(p <= a) <= a, whatever their distribution and whatever the score: Vovk, Gammerman and Shafer,
"Algorithmic learning in a random world" (2005); as a test for outliers with a fixed calibration set (inductive, split)
Laxhammar and Falkman (2010), Bates et al., arXiv 2104.08279. Beyond the limit lie the scores with p <= a.

Only the tail is kept: to flag at level a among n scores the floor(a (n + 1)) largest are enough.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Sequence
from typing import Final

TAIL_SHARE: Final = 0.0003  # of ordinary outputs that are flagged: well under the warning line of 0.001
CALIBRATE_N: Final = 20_000  # scores that this share needs: it is the sixth largest of them
TAIL_SCORES: Final = math.floor(TAIL_SHARE * (CALIBRATE_N + 1))


def rank(n: int, level: float) -> int:
    """Which of n scores, from the largest, is the limit at this level: 1 the largest; 0 where n is too small."""
    return math.floor(level * (n + 1) + 1e-9)


def limit(largest: Sequence[float], n: int, level: float) -> float | None:
    """What a score must exceed to have p <= level. `largest`: at least rank(n, level) of the largest of n scores.

    None where n scores are too few for this level, or too few of the largest were kept.
    """
    place = rank(n, level)
    return sorted(largest, reverse=True)[place - 1] if 0 < place <= len(largest) else None


def kept(largest: Sequence[float], score: float, room: int = TAIL_SCORES) -> tuple[float, ...]:
    """The largest scores, at most `room`, once this one is in: in falling order."""
    return tuple(heapq.nlargest(room, (*largest, score)))
