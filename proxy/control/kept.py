"""One value in the store, read and changed by compare-and-set: every replica may try, one wins, nobody leads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

import orjson

from proxy.core.errors import ConfigError, StateError
from proxy.stores.contract import Store
from proxy.telemetry.logs import get_logger

log = get_logger(__name__)

T = TypeVar("T")
TRIES_MAX: Final = 8


@dataclass(frozen=True, slots=True)
class Codec(Generic[T]):
    """How a value of a kind is kept. `empty` stands where there is none; `read` may raise StateError."""

    read: Callable[[bytes], T]
    write: Callable[[T], bytes]
    empty: T


def json_codec(read: Callable[[Any], T], write: Callable[[T], Any], empty: T) -> Codec[T]:
    """Kept as JSON: `write` gives plain values, `read` makes a value of them and may raise whatever they provoke."""

    def read_json(value: bytes) -> T:
        try:
            return read(orjson.loads(value))
        except (KeyError, TypeError, ValueError, AttributeError, IndexError, ConfigError) as wrong:
            raise StateError(f"cannot be read: {wrong!r}") from wrong

    return Codec(read_json, lambda value: orjson.dumps(write(value)), empty)


class Kept(Generic[T]):
    """A value under a key. What was read last is remembered with its version: an unchanged one is not decoded again."""

    def __init__(self, store: Store, key: str, codec: Codec[T]) -> None:
        self._store = store
        self._key = key
        self._codec = codec
        self._known: tuple[int, T] = (0, codec.empty)

    @property
    def known(self) -> T:
        """The value as it was read or written last, without asking the store."""
        return self._known[1]

    async def load(self) -> tuple[int, T]:
        """(version, value); version 0 where there is none. An unreadable value is said and taken for none."""
        found = await self._store.load(self._key)
        if found is None:
            self._known = (0, self._codec.empty)
            return self._known
        version, value = found
        if version != self._known[0]:
            self._known = (version, self._read(value))
        return self._known

    async def swap(self, version: int, value: T) -> bool:
        """Replace the value if its version still is this one."""
        swapped = await self._store.swap(self._key, version, self._codec.write(value))
        if swapped:
            self._known = (version + 1, value)
        return swapped

    async def drop(self, version: int) -> bool:
        """Remove the value if its version still is this one."""
        dropped = await self._store.drop(self._key, version)
        if dropped:
            self._known = (0, self._codec.empty)
        return dropped

    async def edit(self, change: Callable[[T], T]) -> T:
        """Change the value; `change` may be called again with a newer one. Raises StateError after TRIES_MAX losses."""
        for _ in range(TRIES_MAX):
            version, value = await self.load()
            changed = change(value)
            if changed == value or await self.swap(version, changed):
                return changed
        raise StateError(f"{self._key}: {TRIES_MAX} other writers were faster; try again")

    def _read(self, value: bytes) -> T:
        try:
            return self._codec.read(value)
        except StateError as wrong:
            log.error("state_unreadable", key=self._key, error=str(wrong), then="beginning anew")  # noqa: TRY400
            return self._codec.empty
