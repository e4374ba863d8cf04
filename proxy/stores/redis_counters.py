"""Counters in Redis: what is flushed, and what is read. The numbers of names are remembered by route."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Final

from proxy.core.errors import StateError
from proxy.core.windows import Counts
from proxy.stores import redis_scripts as scripts
from proxy.stores.packing import Names, chunk_keys, names_of, pack, text_of_served, texts_of, unpack
from proxy.stores.pending import Frozen
from proxy.stores.redis_keys import RouteKeys, keys_of
from proxy.stores.redis_link import RedisLink

NAMES_MAX: Final = 16_384  # of one route; counters beyond are dropped and counted
TRIES_MAX: Final = 3
PANES_PER_READ: Final = 128


class RedisCounters:
    """One for the process. `retention_s`: how long a pane lives after it was added to last."""

    def __init__(self, link: RedisLink, replica: str, retention_s: int) -> None:
        self._link = link
        self._replica = replica
        self._retention_s = retention_s
        self._names: dict[str, Names] = {}
        self.dropped = 0

    async def flush(self, route: str, frozen: Frozen, now_s: float) -> int:
        """Store a flush once; how many of its prompts another replica had counted. Raises Away."""
        keys = keys_of(route)
        for _ in range(TRIES_MAX):
            names = await self._numbered(route, texts_of(frozen))
            packed = pack(frozen, names, keys, self._retention_s, now_s)
            found = await self._link.script(
                scripts.FLUSH,
                [keys.names, keys.flushed(self._replica), *packed.keys],
                names.generation,
                frozen.number,
                2 * self._retention_s,
                int(packed.fractions),
                packed.payload(),
            )
            if int(found) >= 0:
                self.dropped += packed.dropped
                return int(found)
            self._names.pop(route, None)  # the route was forgotten, or its names were evicted
        raise StateError(f"route {route}: the numbers of its counters changed {TRIES_MAX} times; is memory evicted?")

    async def panes(self, route: str, served: str, first: int, last: int) -> list[tuple[int, Counts]]:
        """Panes with data, oldest first. Raises Away."""
        names = await self._current(route)
        if names is None or not names.ids.get(text_of_served(served)):
            return []
        found: list[tuple[int, Counts]] = []
        for begin in range(first, last + 1, PANES_PER_READ):
            found += await self._read(
                names, (keys_of(route), served), range(begin, min(last + 1, begin + PANES_PER_READ))
            )
        return found

    async def forget(self, route: str) -> None:
        """Forget the names of a route: its panes and prompts cannot be read without, and expire. Raises Away."""
        self._names.pop(route, None)
        await self._link.run("DEL", keys_of(route).names)

    async def _read(self, names: Names, of: tuple[RouteKeys, str], panes: Sequence[int]) -> list[tuple[int, Counts]]:
        keys, served = of
        places = [(pane, *one) for pane in panes for one in chunk_keys(names, keys, served, pane)]
        hashes = await self._link.pipeline([("HGETALL", key) for *_, key in places])
        by_pane: dict[int, list[tuple[int, bool, dict[bytes, bytes]]]] = {}
        for (pane, chunk, part, _), fields in zip(places, hashes, strict=True):
            if fields:
                by_pane.setdefault(pane, []).append((chunk, part, fields))
        return [(pane, unpack(names, by_pane[pane])) for pane in sorted(by_pane)]

    async def _current(self, route: str) -> Names | None:
        """The names as they are in the store now; read again where they changed."""
        known = self._names.get(route)
        key = keys_of(route).names
        head = await self._link.run("HMGET", key, "g", "n", "f")
        generation, count, fractions = head
        if generation is None:
            self._names.pop(route, None)
            return None
        if known is not None and known.generation == generation.decode() and known.size == int(count):
            known.fractions = fractions is not None
            return known
        names = names_of(await self._link.run("HGETALL", key))
        if names is not None:
            self._names[route] = names
        return names

    async def _numbered(self, route: str, texts: set[str]) -> Names:
        """Names with a number for each of these texts."""
        known = self._names.get(route)
        missing = sorted(texts if known is None else texts - known.ids.keys())
        if known is not None and not missing:
            return known
        generation = secrets.token_hex(4)
        limits = (2 * self._retention_s, NAMES_MAX)
        found = await self._link.script(scripts.NUMBER, [keys_of(route).names], generation, *limits, *missing)
        if known is None or known.generation != found[0].decode():
            known = Names(found[0].decode())
            if len(missing) < len(texts):  # those that were known had numbers of another generation
                return await self._numbered_anew(route, known, texts)
        for text, number in zip(missing, found[1:], strict=True):
            known.learn(text, int(number))
        self._names[route] = known
        return known

    async def _numbered_anew(self, route: str, known: Names, texts: set[str]) -> Names:
        self._names[route] = known
        return await self._numbered(route, texts)
