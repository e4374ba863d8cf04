"""Near-duplicate texts by SimHash: texts that share most of their words share most of the bits of a 64-bit hash.

Charikar, "Similarity estimation techniques from rounding algorithms", STOC 2002; Manku, Jain, Das Sarma, "Detecting
near-duplicates for web crawling", WWW 2007: where at most three bits differ, at least one of four blocks of 16 bits is
equal, so that one look-up a block finds every near twin (the pigeonhole principle).

Features are words, of a long text the first and the last ones: a question often stands behind a text that many
questions share. The 64 sums are kept as lanes of one large integer, so that adding a word is one addition.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

BITS: Final = 64
BLOCKS: Final = 4
BLOCK_BITS: Final = BITS // BLOCKS
APART_MAX: Final = 3  # bits between near twins: no more than blocks less one
WORDS_MAX: Final = 64  # looked at
WORDS_MIN: Final = 6  # in a shorter text one word is too much of it
LANE_BITS: Final = 16
_OF_BYTE: Final = tuple(sum(1 << LANE_BITS * bit for bit in range(8) if byte >> bit & 1) for byte in range(256))
_BYTE_LANES: Final = 8 * LANE_BITS
_HIGHEST: Final = 1 << LANE_BITS - 1
_ONES: Final = sum(1 << LANE_BITS * bit for bit in range(BITS))
_AS_DIGITS: Final = bytes(ord("1") if byte & 0x80 else ord("0") for byte in range(256))


def simhash(text: str) -> int | None:
    """The 64-bit hash of a text's first and last words, WORDS_MAX in all, in lower case; None below WORDS_MIN words."""
    words = text.lower().split()
    if len(words) < WORDS_MIN:
        return None
    if len(words) > WORDS_MAX:
        words = [*words[: WORDS_MAX // 2], *words[-WORDS_MAX // 2 :]]
    lifted = sum(map(_lanes, words)) + _ONES * (_HIGHEST - 1 - len(words) // 2)  # the top bit of a lane: a majority
    tops = (lifted & _ONES * _HIGHEST).to_bytes(BITS * LANE_BITS // 8, "big")[:: LANE_BITS // 8]
    return int(tops.translate(_AS_DIGITS), 2)


def apart(a: int, b: int) -> int:
    """Bits in which two hashes differ."""
    return (a ^ b).bit_count()


def blocks(value: int) -> Iterator[tuple[int, int]]:
    """(number, bits) of each block: near twins share at least one."""
    mask = (1 << BLOCK_BITS) - 1
    return ((k, value >> k * BLOCK_BITS & mask) for k in range(BLOCKS))


@lru_cache(maxsize=65_536)
def _lanes(word: str) -> int:
    """The bits of a word's own hash, each in a lane of its own. A pure function, remembered."""
    digest = hashlib.blake2b(word.encode("utf-8", "surrogatepass"), digest_size=BITS // 8).digest()
    return sum(_OF_BYTE[byte] << _BYTE_LANES * place for place, byte in enumerate(digest))
