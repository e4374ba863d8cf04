"""Panes that closed some time ago, packed: about 1.5 bytes a counter. Pure; `redis_scripts.SEAL` writes them.

A varint says how many bytes the bitmap has; bit i of byte j (the lowest is bit 0) says whether number 8 j + i is there.
Then, in order of number, a varint of 2 w + p, where w is whole observations and p whether a part of one follows, and
where it does, a varint of it, in 1/SCALE. A varint has seven bits a byte, the lowest first; the highest bit: more come.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from proxy.core.errors import StateError
from proxy.core.windows import SCALE

PANES_PER_SPAN: Final = 60


def read_sealed(blob: bytes) -> Iterator[tuple[int, int]]:
    """(number, count in 1/SCALE of an observation). Raises StateError."""
    try:
        yield from _read(blob)
    except IndexError as wrong:
        raise StateError(f"a packed pane in the shared store ends early: {len(blob)} bytes") from wrong


def _read(blob: bytes) -> Iterator[tuple[int, int]]:
    length, bits = _varint(blob, 0)
    at = bits + length
    for number in range(8 * length):
        if blob[bits + number // 8] >> number % 8 & 1:
            value, at = _varint(blob, at)
            part = 0
            if value & 1:
                part, at = _varint(blob, at)
            yield number, (value >> 1) * SCALE + part


def _varint(blob: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = blob[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7
