"""State and records in Redis: compare-and-set, append once, read newest first."""

from __future__ import annotations

import itertools
from typing import Final

from proxy.stores import redis_scripts as scripts
from proxy.stores.contract import Resolve
from proxy.stores.held import Change
from proxy.stores.redis_keys import DAY_S, STATE_S, record_keys, state_key
from proxy.stores.redis_link import RedisLink

RECORDS_MAX: Final = 100_000  # of one kind in the index; older ones expire by themselves
REMOVED_AT_ONCE_MAX: Final = 500
TOUCH_INTERVAL_S: Final = DAY_S

Found = tuple[int, bytes] | None


class RedisStates:
    """One for the process. Every method may raise Away."""

    def __init__(self, link: RedisLink, replica: str, records_s: int) -> None:
        self._link = link
        self._replica = replica
        self._records_s = records_s
        self._writes = itertools.count(1)
        self._touched: dict[str, float] = {}

    async def load(self, key: str, now_s: float) -> Found:
        """A value and its version. What is read lives on: its lifetime is renewed once a day."""
        version, value = await self._link.run("HMGET", state_key(key), "v", "d")
        if version is None:
            self._touched.pop(key, None)
            return None
        if now_s - self._touched.setdefault(key, now_s) >= TOUCH_INTERVAL_S:
            await self._link.run("EXPIRE", state_key(key), STATE_S)
            self._touched[key] = now_s
        return int(version), bytes(value)

    async def swap(self, key: str, version: int, value: bytes, after: int | None = None) -> bool:
        """Compare and set. Each write has a token, so that one that comes twice is known for the same."""
        token = f"{self._replica}:{next(self._writes)}"
        words = (version, version + 1 if after is None else after, value, STATE_S, token)
        return bool(await self._link.script(scripts.SWAP, [state_key(key)], *words))

    async def drop(self, key: str, version: int) -> bool:
        """Compare and remove."""
        return bool(await self._link.script(scripts.DROP, [state_key(key)], version))

    async def settle(self, key: str, change: Change, resolve: Resolve) -> Found:
        """Bring a change of while the store was away into it; what the store holds then."""
        while True:
            found = await self._link.run("HMGET", state_key(key), "v", "d")
            version, fleet = int(found[0] or 0), found[1]
            if change.value is None:
                if version != change.base or not version:
                    return None if fleet is None else (version, fleet)
                stands, after = None, 0
                done = await self.drop(key, version)
            else:
                if version == change.base or fleet is None:
                    stands, after = change.value, max(change.version, version + 1)
                else:
                    stands, after = resolve(key, fleet, change.value), version + 1
                if stands == fleet:
                    return version, stands
                done = await self.swap(key, version, stands, after)
            if done:
                return None if stands is None else (after, stands)

    async def append(self, kind: str, record_id: str, at_s: float, record: bytes) -> bool:
        """Keep a record; False where the id is taken."""
        words = (record, repr(at_s), record_id.encode("utf-8", "surrogatepass"), self._records_s, RECORDS_MAX)
        return bool(await self._link.script(scripts.APPEND, record_keys(kind, record_id), *words))

    async def record(self, kind: str, record_id: str) -> bytes | None:
        """One record."""
        found: bytes | None = await self._link.run("GET", record_keys(kind, record_id)[0])
        return found

    async def expire_records(self, kind: str, before_s: float) -> int:
        """Remove the records of a kind that are older than `before_s`; how many there were."""
        _, index, _ = record_keys(kind)
        edge, removed = f"({before_s!r}", 0
        while names := await self._link.run("ZRANGE", index, "-inf", edge, "BYSCORE", "LIMIT", 0, REMOVED_AT_ONCE_MAX):
            ids = [name.partition(b":")[2].decode("utf-8", "surrogatepass") for name in names]
            await self._link.pipeline([("DEL", record_keys(kind, one)[0]) for one in ids])
            removed += int(await self._link.run("ZREM", index, *names))
        return removed

    async def records(self, kind: str, limit: int) -> list[tuple[str, float, bytes]]:
        """The newest of a kind; of two of the same time the later written first."""
        index = record_keys(kind)[1]
        found = await self._link.run("ZREVRANGE", index, 0, limit - 1, "WITHSCORES")
        pairs = zip(found[::2], found[1::2], strict=True)
        ids = [(name.partition(b":")[2].decode("utf-8", "surrogatepass"), float(at_s)) for name, at_s in pairs]
        texts = await self._link.pipeline([("GET", record_keys(kind, one)[0]) for one, _ in ids])
        return [(one, at_s, text) for (one, at_s), text in zip(ids, texts, strict=True) if text is not None]
