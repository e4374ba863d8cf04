"""What is kept of the baselines of a route, beside its entry.

shelf/NAME            a Shelf: versions, switches, what is excluded
version/NUMBER/NAME   a Version, written once
watch/NAME            how far the traffic was followed for a change of context
hours/NAME            shapes by hour of the week, gathered so far
record "baseline"     one for every switch
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import orjson

from proxy.control.kept import Codec, Kept
from proxy.core import fingerprint, hours, record, versions
from proxy.core.errors import ConfigError, StateError
from proxy.core.fingerprint import Watch
from proxy.core.hours import Hours
from proxy.core.record import Record
from proxy.core.versions import Shelf, Version, head_of, shelved
from proxy.stores.contract import Store

BASELINE: Final = "baseline"
TRIES_MAX: Final = 8


class Shelves:
    """Typed access. Every method may raise StateError."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._shelves: dict[str, Kept[Shelf]] = {}
        self._watches: dict[str, Kept[Watch]] = {}
        self._hours: dict[str, Kept[Hours]] = {}

    def shelf(self, name: str) -> Kept[Shelf]:
        """The shelf of a route."""
        if name not in self._shelves:
            self._shelves[name] = Kept(self._store, f"shelf/{name}", Codec(_shelf_read, _shelf_write, Shelf()))
        return self._shelves[name]

    def watch(self, name: str) -> Kept[Watch]:
        """How far the traffic of a route was followed."""
        if name not in self._watches:
            self._watches[name] = Kept(self._store, f"watch/{name}", Codec(_watch_read, _watch_write, Watch()))
        return self._watches[name]

    def hours(self, name: str) -> Kept[Hours]:
        """What was gathered of a route by hour of the week."""
        if name not in self._hours:
            self._hours[name] = Kept(self._store, f"hours/{name}", Codec(_hours_read, _hours_write, Hours()))
        return self._hours[name]

    async def version(self, name: str, number: int) -> Version | None:
        """One version; None where it made room for newer ones."""
        found = await self._store.load(_key(name, number))
        return None if found is None else _version_read(found[1])

    async def add(self, name: str, version: Version, in_force: int) -> Version:
        """Put a version on the shelf under the next number, which it has on return."""
        kept, number = self.shelf(name), 0
        for _ in range(TRIES_MAX):
            held, shelf = await kept.load()
            number = max(number, shelf.last) + 1
            numbered = replace(version, number=number)
            if not await self._store.swap(_key(name, number), 0, orjson.dumps(versions.to_json(numbered))):
                continue  # somebody writes this number, or fell over while writing it
            after, gone = shelved(shelf, head_of(numbered), in_force)
            if await kept.swap(held, after):
                for old in gone:
                    await self._drop(_key(name, old))
                return numbered
            await self._drop(_key(name, number))
        raise StateError(f"shelf of {name}: {TRIES_MAX} other writers were faster; try again")

    async def note(self, switch: Record) -> None:
        """Keep the record of a switch."""
        await self._store.append(BASELINE, switch.id, switch.at_s, record.to_bytes(switch))

    async def noted(self, record_id: str) -> Record | None:
        """The record of a switch."""
        found = await self._store.record(BASELINE, record_id)
        return None if found is None else record.from_bytes(found)

    async def forget(self, name: str) -> None:
        """The route is forgotten, and all this with it; the records of switches stay."""
        _, shelf = await self.shelf(name).load()
        keys = [_key(name, head.number) for head in shelf.heads]
        for key in (*keys, f"shelf/{name}", f"watch/{name}", f"hours/{name}"):
            await self._drop(key)
        self._shelves.pop(name, None)
        self._watches.pop(name, None)
        self._hours.pop(name, None)

    async def _drop(self, key: str) -> None:
        found = await self._store.load(key)
        if found is not None:
            await self._store.drop(key, found[0])


def _key(name: str, number: int) -> str:
    return f"version/{number}/{name}"


def _version_read(value: bytes) -> Version:
    try:
        return versions.from_json(orjson.loads(value), "store")
    except (ValueError, ConfigError) as wrong:
        raise StateError(f"a version of a baseline cannot be read: {wrong}") from wrong


def _shelf_read(value: bytes) -> Shelf:
    try:
        return versions.shelf_from_json(orjson.loads(value))
    except ValueError as wrong:
        raise StateError(f"the shelf of a route's baselines is not JSON: {wrong}") from wrong


def _shelf_write(shelf: Shelf) -> bytes:
    return orjson.dumps(versions.shelf_to_json(shelf))


def _watch_read(value: bytes) -> Watch:
    try:
        return fingerprint.watch_from_json(orjson.loads(value))
    except (TypeError, ValueError, KeyError) as wrong:
        raise StateError(f"the watch of a route's context cannot be read: {wrong!r}") from wrong


def _watch_write(watch: Watch) -> bytes:
    return orjson.dumps(fingerprint.watch_to_json(watch))


def _hours_read(value: bytes) -> Hours:
    try:
        return hours.from_json(orjson.loads(value))
    except ValueError as wrong:
        raise StateError(f"the hours of a route are not JSON: {wrong}") from wrong


def _hours_write(value: Hours) -> bytes:
    return orjson.dumps(hours.to_json(value))
