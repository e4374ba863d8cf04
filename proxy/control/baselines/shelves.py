"""What is kept of the baselines of a route, beside its entry.

shelf/NAME            a Shelf: versions, switches, what is excluded
version/NUMBER/NAME   a Version, written once
watch/NAME            how far the traffic was followed for a change of context
hours/NAME            shapes by hour of the week, gathered so far
learner/NAME          a Learner: how far a new classifier has come
record "baseline"     one for every switch
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final, TypeVar

import orjson

from proxy.control.kept import Codec, Kept, json_codec
from proxy.core.baselines import fingerprint, handover, versions
from proxy.core.baselines.fingerprint import Watch
from proxy.core.baselines.handover import Learner
from proxy.core.baselines.versions import Shelf, Version, head_of, shelved
from proxy.core.decisions import record
from proxy.core.decisions.record import Record
from proxy.core.drift import hours
from proxy.core.drift.hours import Hours
from proxy.core.errors import ConfigError, StateError
from proxy.stores.contract import Store

T = TypeVar("T")

BASELINE: Final = "baseline"
TRIES_MAX: Final = 8
_SHELF: Final = json_codec(versions.shelf_from_json, versions.shelf_to_json, Shelf())
_WATCH: Final = json_codec(fingerprint.watch_from_json, fingerprint.watch_to_json, Watch())
_HOURS: Final = json_codec(hours.from_json, hours.to_json, Hours())
_LEARNER: Final = json_codec(handover.from_json, handover.to_json, Learner())


class Shelves:
    """Typed access. Every method may raise StateError."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._shelves: dict[str, Kept[Shelf]] = {}
        self._watches: dict[str, Kept[Watch]] = {}
        self._hours: dict[str, Kept[Hours]] = {}
        self._learners: dict[str, Kept[Learner]] = {}

    def shelf(self, name: str) -> Kept[Shelf]:
        """The shelf of a route."""
        return self._kept(self._shelves, f"shelf/{name}", _SHELF)

    def watch(self, name: str) -> Kept[Watch]:
        """How far the traffic of a route was followed."""
        return self._kept(self._watches, f"watch/{name}", _WATCH)

    def hours(self, name: str) -> Kept[Hours]:
        """What was gathered of a route by hour of the week."""
        return self._kept(self._hours, f"hours/{name}", _HOURS)

    def learner(self, name: str) -> Kept[Learner]:
        """How far a new classifier has come with a route."""
        return self._kept(self._learners, f"learner/{name}", _LEARNER)

    def _kept(self, known: dict[str, Kept[T]], key: str, codec: Codec[T]) -> Kept[T]:
        if key not in known:
            known[key] = Kept(self._store, key, codec)
        return known[key]

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
        for key in (*keys, *(f"{kind}/{name}" for kind in ("shelf", "watch", "hours", "learner"))):
            await self._drop(key)
            for known in (self._shelves, self._watches, self._hours, self._learners):
                known.pop(key, None)

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
