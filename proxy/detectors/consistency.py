"""Near-duplicate texts by SimHash: texts that share most of their words share most of the bits of a 64-bit hash.

Charikar, "Similarity estimation techniques from rounding algorithms", STOC 2002; Manku, Jain, Das Sarma, "Detecting
near-duplicates for web crawling", WWW 2007: where at most three bits differ, at least one of four blocks of 16 bits is
equal, so that one look-up a block finds every near twin (the pigeonhole principle).

Features are words and pairs of neighbouring words. The 64 sums are kept as lanes of one large integer: adding a word
is one addition.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise
from typing import Final

BITS: Final = 64
BLOCKS: Final = 4
BLOCK_BITS: Final = BITS // BLOCKS
APART_MAX: Final = 3  # bits between near twins: no more than blocks less one
WORDS_MAX: Final = 256  # looked at
WORDS_MIN: Final = 6  # in a shorter text one word is too much of it
LANE_BITS: Final = 16
_LANES: Final = tuple(1 << LANE_BITS * bit for bit in range(BITS))


def simhash(text: str) -> int | None:
    """The 64-bit hash of a text's first WORDS_MAX words, in lower case; None below WORDS_MIN words."""
    words = text.lower().split(None, WORDS_MAX)[:WORDS_MAX]
    if len(words) < WORDS_MIN:
        return None
    features = [*words, *map(" ".join, pairwise(words))]
    sums, half = sum(map(_lanes, features)), len(features) / 2.0
    mask = (1 << LANE_BITS) - 1
    return sum(1 << bit for bit in range(BITS) if (sums >> LANE_BITS * bit & mask) > half)


def apart(a: int, b: int) -> int:
    """Bits in which two hashes differ."""
    return (a ^ b).bit_count()


def blocks(value: int) -> Iterator[tuple[int, int]]:
    """(number, bits) of each block: near twins share at least one."""
    mask = (1 << BLOCK_BITS) - 1
    return ((k, value >> k * BLOCK_BITS & mask) for k in range(BLOCKS))


@lru_cache(maxsize=65_536)
def _lanes(feature: str) -> int:
    """The bits of a feature's own hash, each in a lane of its own. A pure function, remembered."""
    value = int.from_bytes(hashlib.blake2b(feature.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")
    return sum(lane for bit, lane in enumerate(_LANES) if value >> bit & 1)
