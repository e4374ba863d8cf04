"""How counts lie in Redis: small integers in small hashes. Pure.

The names of a route (cells and served models) get numbers once, and a pane's hash holds number -> whole observations:
about five bytes a counter, and 1.5 once the pane is old and packed (`sealed`). What a cell holds beyond whole
observations (fixed point, SCALE is one) lies in a hash of its own, which most panes do not have. A hash never has more
than IDS_PER_CHUNK fields, so that servers keep it compact.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

import orjson

from proxy.core.errors import StateError
from proxy.core.windows import SCALE, Cell, Counts, cell
from proxy.stores.contract import First
from proxy.stores.pending import Frozen
from proxy.stores.redis_keys import RouteKeys
from proxy.stores.sealed import read_sealed

IDS_PER_CHUNK: Final = 120
BITMAP_BITS: Final = 524_288  # 64 KiB
BITS_PER_PROMPT: Final = 4  # at 60,000 prompts in a memory's time 1 in 50 new ones is taken for a repeated one

Line = list[int]  # [key, field, count, field, count, ...]; keys count from 1, as in Lua


@lru_cache(maxsize=65_536)
def text_of_cell(one: Cell) -> str:
    """The name of a cell: JSON in ASCII, whatever it is called. `Names.learn` is the inverse."""
    return json.dumps(one, separators=(",", ":"))


@lru_cache(maxsize=4_096)
def text_of_served(served: str) -> str:
    """The name of a served model; never that of a cell."""
    return json.dumps(served)


@dataclass(slots=True)
class Names:
    """Numbers of a route's names. Another generation has other numbers, and other panes.

    `sealed`: panes that had been packed when it was read. `fractions`: whether any cell ever had a part of an
    observation. `size`: how many have a number.
    """

    generation: str
    sealed: int = 0
    ids: dict[str, int] = field(default_factory=dict)
    cells: dict[int, Cell] = field(default_factory=dict)
    fractions: bool = False
    size: int = 0

    @property
    def chunks(self) -> int:
        """Hashes that a pane may have: numbers are given one after the other."""
        return self.size // IDS_PER_CHUNK + 1

    def learn(self, text: str, number: int) -> None:
        """Take a name with its number; 0 where there was no room for it."""
        self.ids[text] = number
        self.size += number > 0
        value = json.loads(text)
        if number and isinstance(value, list):
            self.cells[number] = cell(str(value[0]), str(value[1]), int(value[2]), int(value[3]))


def names_of(found: Mapping[bytes, bytes]) -> Names | None:
    """Read all names of a route; None where there are none. Raises StateError."""
    if b"g" not in found:
        return None
    names = Names(found[b"g"].decode(), int(found.get(b"s", 0)), fractions=b"f" in found)
    try:
        for text, number in found.items():
            if text not in (b"g", b"n", b"f", b"s"):
                names.learn(text.decode(), int(number))
    except (ValueError, IndexError, TypeError) as wrong:
        raise StateError(f"names of counters in the shared store cannot be read: {wrong!r}") from wrong
    return names


def texts_of(frozen: Frozen) -> set[str]:
    """The names that a flush needs."""
    places = [*frozen.counts, *(place for place, _ in frozen.firsts)]
    found = {text_of_served(served) for served, _ in places}
    found |= {text_of_cell(one) for counts in frozen.counts.values() for one in counts}
    for _, first in frozen.firsts:
        found |= {text_of_cell(one) for counts in (first.fresh, first.instead) for one in counts}
    return found


@dataclass(slots=True)
class Packed:
    """A flush for the script: keys, their lifetimes in seconds, and the payload. `dropped`: cells without a number."""

    keys: list[str] = field(default_factory=list)
    ttls_s: list[int] = field(default_factory=list)
    plain: list[Line] = field(default_factory=list)
    firsts: list[list[Any]] = field(default_factory=list)
    panes: set[str] = field(default_factory=set)
    dropped: int = 0
    fractions: bool = False
    _places: dict[str, int] = field(default_factory=dict)

    def payload(self) -> bytes:
        """For ARGV."""
        return orjson.dumps({"t": self.ttls_s, "p": self.plain, "m": self.firsts, "o": sorted(self.panes)})

    def place(self, key: str, ttl_s: int) -> int:
        """The number of a key, from 1."""
        if key not in self._places:
            self.keys.append(key)
            self.ttls_s.append(ttl_s)
            self._places[key] = len(self.keys)
        return self._places[key]


def pack(frozen: Frozen, names: Names, keys: RouteKeys, retention_s: int, now_s: float) -> Packed:
    """A flush in numbers. Every name of it must be in `names`."""
    packed = Packed()
    for (served, pane), counts in frozen.counts.items():
        packed.plain += _lines(packed, names, (keys, served, pane, retention_s), counts)
    for (served, pane), first in frozen.firsts:
        where = (keys, served, pane, retention_s)
        fresh, instead = (_lines(packed, names, where, counts) for counts in (first.fresh, first.instead))
        bits = [bits_of(mark) for mark in first.marks]
        packed.firsts.append([*_bitmaps(packed, names, keys, first, now_s), bits, fresh, instead])
    return packed


def bits_of(mark: str) -> list[int]:
    """Where a prompt lies in a bitmap."""
    digest = hashlib.blake2b(mark.encode(), digest_size=4 * BITS_PER_PROMPT).digest()
    return [int.from_bytes(digest[i : i + 4], "big") % BITMAP_BITS for i in range(0, len(digest), 4)]


def _bitmaps(packed: Packed, names: Names, keys: RouteKeys, first: First, now_s: float) -> tuple[int, int]:
    """Keys of the bitmap that the prompt's time belongs to, and of the one before."""
    epoch = int(first.at_s // first.memory_s)
    ends_s = (epoch + 2) * first.memory_s
    ttl_s = int(max(first.memory_s, min(ends_s - now_s, 2 * first.memory_s))) + 1
    bitmaps = [packed.place(keys.prompts(names.generation, one), ttl_s) for one in (epoch, epoch - 1)]
    return bitmaps[0], bitmaps[1]


def _lines(packed: Packed, names: Names, where: tuple[RouteKeys, str, int, int], counts: Counts) -> list[Line]:
    """[key, field, count, ...] for each hash of a pane that these counts touch."""
    keys, served, pane, ttl_s = where
    served_id = names.ids[text_of_served(served)]
    lines: dict[int, Line] = {}
    for one, count in counts.items():
        number = names.ids[text_of_cell(one)]
        if not number or not served_id:
            packed.dropped += 1
            continue
        chunk, place = divmod(number, IDS_PER_CHUNK)
        whole, part = divmod(count, SCALE)
        for is_part, amount in ((False, whole), (True, part)):
            if amount:
                packed.fractions |= is_part
                packed.panes.add(f"{served_id}:{pane}")
                key = packed.place(keys.pane(names.generation, served_id, pane, chunk, part=is_part), ttl_s)
                lines.setdefault(key, [key]).extend((place, amount))
    return list(lines.values())


def unpack(names: Names, hashes: Iterable[tuple[int, bool, Mapping[bytes, bytes]]]) -> dict[Cell, int]:
    """The counts of one pane from its hashes, each as (chunk, whether of parts, fields)."""
    counts: dict[Cell, int] = {}
    for chunk, is_part, fields in hashes:
        for place, amount in fields.items():
            one = names.cells.get(chunk * IDS_PER_CHUNK + int(place))
            if one is not None:
                counts[one] = counts.get(one, 0) + int(amount) * (1 if is_part else SCALE)
    return counts


def chunk_keys(names: Names, keys: RouteKeys, served_id: int, pane: int) -> Sequence[tuple[int, bool, str]]:
    """Every hash that an open pane may have, as (chunk, whether of parts, key)."""
    return [
        (chunk, part, keys.pane(names.generation, served_id, pane, chunk, part=part))
        for chunk in range(names.chunks)
        for part in (False, True)
    ]


def unpack_sealed(names: Names, blob: bytes) -> dict[Cell, int]:
    """The counts of a packed pane."""
    return {names.cells[number]: count for number, count in read_sealed(blob) if number in names.cells}
