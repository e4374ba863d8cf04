"""Counters in Redis: what is flushed, and what is read. The numbers of names are remembered by route."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Final

from proxy.core.errors import StateError
from proxy.core.windows import SCALE, Counts, merge
from proxy.stores import redis_scripts as scripts
from proxy.stores.packing import (
    IDS_PER_CHUNK,
    Names,
    chunk_keys,
    names_of,
    pack,
    text_of_served,
    texts_of,
    unpack,
    unpack_sealed,
)
from proxy.stores.pending import Frozen
from proxy.stores.redis_keys import RouteKeys, keys_of
from proxy.stores.redis_link import RedisLink
from proxy.stores.sealed import PANES_PER_SPAN

NAMES_MAX: Final = 16_384  # of one route; counters beyond are dropped and counted
TRIES_MAX: Final = 3


@dataclass(frozen=True, slots=True)
class _Range:
    """What is read: panes of one served model, both ends included."""

    names: Names
    keys: RouteKeys
    served_id: int
    first: int
    last: int

    def sealed(self) -> Iterator[tuple[str, ...]]:
        """Commands for the packed panes, in order."""
        pane = self.first
        while pane <= self.last:
            span = pane // PANES_PER_SPAN
            end = min(self.last + 1, (span + 1) * PANES_PER_SPAN)
            places = (str(one % PANES_PER_SPAN) for one in range(pane, end))
            yield "HMGET", self.keys.sealed(self.names.generation, self.served_id, span), *places
            pane = end

    def unsealed(self, members: Iterable[bytes]) -> list[tuple[int, int, bool, str]]:
        """Every hash of the open panes that are asked for, as (pane, chunk, whether of parts, key)."""
        pairs = (map(int, member.split(b":")) for member in members)
        panes = sorted(pane for served, pane in pairs if served == self.served_id and self.first <= pane <= self.last)
        return [
            (pane, *one)
            for pane in panes
            for one in chunk_keys(self.names, self.keys, self.served_id, pane)
            if self.names.fractions or not one[1]
        ]


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
                [keys.names, keys.flushed(self._replica), keys.unsealed(names.generation), *packed.keys],
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
        for _ in range(TRIES_MAX):
            names = await self._current(route)
            number = 0 if names is None else names.ids.get(text_of_served(served), 0)
            if names is None or not number or first > last:
                return []
            found = await self._read(_Range(names, keys_of(route), number, first, last))
            if found is not None:
                return found
        raise StateError(f"route {route}: {TRIES_MAX} times panes were packed while they were read; try again")

    async def seal(self, route: str, before_pane: int) -> None:
        """Pack the panes before this one. Any replica may, and several at once. Raises Away."""
        names = await self._current(route)
        if names is None:
            return
        keys = keys_of(route)
        for member in await self._link.run("SMEMBERS", keys.unsealed(names.generation)):
            served_id, pane = map(int, member.split(b":"))
            if pane < before_pane:
                await self._seal(names, keys, served_id, pane)

    async def _seal(self, names: Names, keys: RouteKeys, served_id: int, pane: int) -> None:
        span, place = divmod(pane, PANES_PER_SPAN)
        chunks = [key for *_, key in chunk_keys(names, keys, served_id, pane)]
        await self._link.script(
            scripts.SEAL,
            [keys.names, keys.unsealed(names.generation), keys.sealed(names.generation, served_id, span), *chunks],
            names.generation,
            names.size,
            f"{served_id}:{pane}",
            place,
            self._retention_s,
            IDS_PER_CHUNK,
            SCALE,
        )

    async def forget(self, route: str) -> None:
        """Forget the names of a route: its panes and prompts cannot be read without, and expire. Raises Away."""
        self._names.pop(route, None)
        await self._link.run("DEL", keys_of(route).names)

    async def _read(self, of: _Range) -> list[tuple[int, Counts]] | None:
        """Packed panes and open ones together; None where a pane was packed in between."""
        names, keys = of.names, of.keys
        members, *blobs = await self._link.pipeline([("SMEMBERS", keys.unsealed(names.generation)), *of.sealed()])
        places = of.unsealed(members)
        asked = [("HGETALL", key) for *_, key in places]
        *hashes, sealed = await self._link.pipeline([*asked, ("HGET", keys.names, "s")])
        if int(sealed or 0) != names.sealed:
            return None
        found: dict[int, list[Counts]] = {}
        for pane, blob in zip(range(of.first, of.last + 1), chain.from_iterable(blobs), strict=True):
            if blob is not None:
                found[pane] = [unpack_sealed(names, blob)]
        for (pane, chunk, part, _), fields in zip(places, hashes, strict=True):
            if fields:
                found.setdefault(pane, []).append(unpack(names, [(chunk, part, fields)]))
        return [(pane, merge(found[pane])) for pane in sorted(found)]

    async def _current(self, route: str) -> Names | None:
        """The names as they are in the store now; read again where they changed."""
        known = self._names.get(route)
        key = keys_of(route).names
        generation, count, fractions, sealed = await self._link.run("HMGET", key, "g", "n", "f", "s")
        if generation is None:
            self._names.pop(route, None)
            return None
        if known is not None and known.generation == generation.decode() and known.size == int(count):
            known.fractions, known.sealed = fractions is not None, int(sealed or 0)
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
