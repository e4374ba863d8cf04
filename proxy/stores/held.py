"""State and records while the shared store is away: what was known last, and what waits to be told.

A decision does not wait for a network. What is written meanwhile is kept here in the same semantics, and in small files
(`mirror`), so that a restart without the shared store still knows a latched revert. When the store is back, each value
is swapped in on the version that it was made from; where another replica was faster, `resolve` says which one stands.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from proxy.core.errors import StateError
from proxy.stores.mirror import Mirror
from proxy.telemetry.logs import get_logger

log = get_logger(__name__)

STATES_BYTES_MAX: Final = 67_108_864  # 64 MiB, as in `fallback`
RECORDS_BYTES_MAX: Final = 33_554_432
KNOWN_MAX: Final = 20_000  # values remembered


def theirs(_key: str, fleet: bytes, _ours: bytes) -> bytes:
    """What all replicas agreed on stands."""
    return fleet


@dataclass(frozen=True, slots=True)
class Change:
    """A value that waits: made from version `base`, now at `version`; None was removed."""

    base: int
    version: int
    value: bytes | None


class Held:
    """One for the process. Raises StateError where too much waits."""

    def __init__(self, mirror: Mirror | None) -> None:
        self._mirror = mirror
        self._known: dict[str, tuple[int, bytes]] = {} if mirror is None else mirror.read()
        self._changes: dict[str, Change] = {}
        self._records: dict[tuple[str, str], tuple[float, bytes]] = {}
        self._records_bytes = 0
        self.records_lost = 0

    def note(self, key: str, found: tuple[int, bytes] | None) -> None:
        """What the store holds under a key, as it was read or written now."""
        if self._known.get(key) == found:
            return
        self._known.pop(key, None)
        if found is not None:
            self._known[key] = found
            while len(self._known) > KNOWN_MAX:
                self._copy(next(iter(self._known)), None)
                del self._known[next(iter(self._known))]
        self._copy(key, found)

    def load(self, key: str) -> tuple[int, bytes] | None:
        """The value and its version, as far as this process knows."""
        change = self._changes.get(key)
        if change is None:
            return self._known.get(key)
        return None if change.value is None else (change.version, change.value)

    def swap(self, key: str, version: int, value: bytes | None) -> bool:
        """Compare and set here; None removes."""
        found = self.load(key)
        at = 0 if found is None else found[0]
        if at != version or (value is None and found is None):
            return False
        waiting = sum(len(one.value or b"") for name, one in self._changes.items() if name != key)
        if waiting + len(value or b"") > STATES_BYTES_MAX:
            raise StateError(f"the shared store is away and {STATES_BYTES_MAX} bytes of state wait already")
        before = self._changes.get(key)
        base = version if before is None else before.base
        self._changes[key] = Change(base, version + (value is not None), value)
        self._copy(key, None if value is None else (version + 1, value))
        return True

    def append(self, kind: str, record_id: str, at_s: float, record: bytes) -> None:
        """Keep a record until it can be sent; of too many the oldest is lost. Raises StateError where the id waits."""
        if (kind, record_id) in self._records:
            raise StateError(f"a record of this kind and id is kept already: {kind} {record_id}")
        self._records[kind, record_id] = (at_s, record)
        self._records_bytes += len(record)
        while self._records_bytes > RECORDS_BYTES_MAX:
            self.sent(*next(iter(self._records)))
            self.records_lost += 1

    def record(self, kind: str, record_id: str) -> bytes | None:
        """One that waits."""
        found = self._records.get((kind, record_id))
        return None if found is None else found[1]

    def records(self, kind: str) -> list[tuple[str, float, bytes]]:
        """Those of a kind that wait, the last first."""
        return [(i, at_s, text) for (k, i), (at_s, text) in reversed(self._records.items()) if k == kind]

    def expire_records(self, kind: str, before_s: float) -> int:
        """Remove those of a kind that wait and are older than `before_s`; how many there were."""
        old = [one for one, (at_s, _) in self._records.items() if one[0] == kind and at_s < before_s]
        for one in old:
            self.sent(*one)
        return len(old)

    def waiting_records(self) -> Iterator[tuple[str, str, float, bytes]]:
        """All that wait, oldest first; each may be `sent` while they are gone through."""
        for (kind, record_id), (at_s, record) in list(self._records.items()):
            yield kind, record_id, at_s, record

    def sent(self, kind: str, record_id: str) -> None:
        """This record is in the store."""
        _, record = self._records.pop((kind, record_id))
        self._records_bytes -= len(record)

    def changes(self) -> list[tuple[str, Change]]:
        """What was written here and not in the store."""
        return list(self._changes.items())

    def settled(self, key: str, found: tuple[int, bytes] | None) -> None:
        """This change is in the store, or gave way: the store holds what was found."""
        self._changes.pop(key, None)
        self.note(key, found)

    def _copy(self, key: str, found: tuple[int, bytes] | None) -> None:
        if self._mirror is None:
            return
        try:
            if found is None:
                self._mirror.remove(key)
            else:
                self._mirror.write(key, *found)
        except OSError as wrong:
            log.error("state_copy_failed", key=key, error=repr(wrong))  # noqa: TRY400
