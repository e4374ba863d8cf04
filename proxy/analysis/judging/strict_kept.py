"""The learnt strict thresholds, and their place in the store, "strict/HASH": a restart loses nothing of them.

Written every SAVED_EACH answers, once whole, and at a clean end. A crash loses that many at most.
"""

from __future__ import annotations

import hashlib
from collections.abc import Container
from typing import Any, Final

import orjson

from proxy.analysis.judging.strict import FIRST, Key, Largest, StrictThresholds
from proxy.core.errors import StateError
from proxy.core.observation import Observation
from proxy.stores.contract import Store
from proxy.telemetry.logs import get_logger

log = get_logger(__name__)

PREFIX: Final = "strict/"
SAVED_EACH: Final = 1_000  # answers


class KeptThresholds:
    """One for the process."""

    def __init__(self, store: Store, first: int = FIRST) -> None:
        self._store = store
        self._first = first
        self._thresholds = StrictThresholds(first)
        self._versions: dict[Key, int] = {}  # of the values in the store, 0 for none
        self._saved: dict[Key, tuple[str, int]] = {}  # classifier, and answers, as written last

    async def marked(self, key: Key, one: Observation) -> Observation:
        """As `StrictThresholds.marked`, going on from what was kept. Raises StateError."""
        if key not in self._versions:
            await self._load(key)
        return self._thresholds.marked(key, one)

    async def save(self, *, all_of_them: bool = False) -> None:
        """Write what has grown enough. Raises StateError."""
        for key, one in self._thresholds.known.items():
            version, n = self._saved.get(key, ("", 0))
            grown = one.n if version != one.version else one.n - n
            if grown >= SAVED_EACH or (grown and (all_of_them or one.n == self._first)):
                if await self._store.swap(_name(key), self._versions[key], to_bytes(one)):
                    self._versions[key] += 1
                self._saved[key] = (one.version, one.n)

    async def keep(self, routes: Container[str]) -> None:
        """Forget those of other routes. Raises StateError."""
        self._thresholds.keep(routes)
        for key in [key for key in self._versions if key[0] not in routes]:
            if version := self._versions.pop(key):
                await self._store.drop(_name(key), version)
            self._saved.pop(key, None)

    async def _load(self, key: Key) -> None:
        found = await self._store.load(_name(key))
        self._versions[key] = 0 if found is None else found[0]
        if found is None:
            return
        try:
            known = from_bytes(found[1])
        except StateError as wrong:
            log.error("strict_threshold_lost", route=key[0], error=str(wrong), then="learnt anew")  # noqa: TRY400
            return
        self._thresholds.known[key] = known
        self._saved[key] = (known.version, known.n)


def to_bytes(one: Largest) -> bytes:
    """JSON; `from_bytes` is its inverse."""
    return orjson.dumps({"version": one.version, "n": one.n, "largest": one.largest})


def from_bytes(value: bytes) -> Largest:
    """Read what `to_bytes` gave. Raises StateError."""
    try:
        data: Any = orjson.loads(value)
        known = Largest(str(data["version"]), int(data["n"]), float(data["largest"]))
    except (KeyError, TypeError, ValueError) as wrong:
        raise StateError(f"a strict threshold cannot be read: {wrong!r}") from wrong
    if not (known.n >= 0 and 0.0 <= known.largest <= 1.0):
        raise StateError(f"a strict threshold cannot be read: {known}")
    return known


def _name(key: Key) -> str:
    return PREFIX + hashlib.sha256(orjson.dumps(key)).hexdigest()[:16]
