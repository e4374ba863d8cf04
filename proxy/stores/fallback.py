"""The database, and in memory what it could not take: a disk that is full stops no revert.

Once a write fails, state and records are kept here, in the same semantics, until `add` (each flush) could write them
all. So what waits is never older than what the file has, and is written in one transaction. Used from one worker
thread only; `not_durable` may be read from any.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from proxy.core.windows import Cell
from proxy.stores.database import Database, PaneKey
from proxy.telemetry.logs import get_logger

log = get_logger(__name__)

STATES_BYTES_MAX: Final = 67_108_864  # 64 MiB: thousands of routes; over it a swap fails
RECORDS_BYTES_MAX: Final = 33_554_432  # 32 MiB: thousands of decisions; over it the oldest is lost, and counted
OUR_FAULT: Final = (sqlite3.IntegrityError, sqlite3.ProgrammingError, sqlite3.InterfaceError, sqlite3.DataError)

State = tuple[int, bytes | None]  # version and value; None where it was removed


class Fallback:
    """See `Database` for the methods. Raises sqlite3.Error where it can neither write nor keep."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.not_durable = ""
        self._last: dict[str, tuple[int, bytes]] = {}  # as read or written last: for a file that cannot be read
        self._states: dict[str, State] = {}
        self._records: dict[tuple[str, str], tuple[float, bytes]] = {}
        self._states_bytes = self._records_bytes = self._lost = 0

    def load(self, key: str) -> tuple[int, bytes] | None:
        """A state value and its version; the one known last where the file cannot be read."""
        if key in self._states:
            version, value = self._states[key]
            return None if value is None else (version, value)
        try:
            found = self.database.load(key)
        except OUR_FAULT:
            raise
        except sqlite3.Error as wrong:
            self._failed(wrong)
            if key not in self._last:
                raise
            return self._last[key]
        if found is None:
            self._last.pop(key, None)
        else:
            self._last[key] = found
        return found

    def swap(self, key: str, version: int, value: bytes) -> bool:
        """Compare and set, in the file or here."""
        swapped = self._in_file(lambda: self.database.swap(key, version, value))
        if swapped is None:
            return self._replace(key, version, (version + 1, value))
        if swapped:
            self._last[key] = (version + 1, value)
        return swapped

    def drop(self, key: str, version: int) -> bool:
        """Compare and remove, in the file or here."""
        dropped = self._in_file(lambda: self.database.drop(key, version))
        if dropped is None:
            return version > 0 and self._replace(key, version, (version, None))
        if dropped:
            self._last.pop(key, None)
        return dropped

    def append(self, kind: str, record_id: str, at_s: float, record: bytes) -> None:
        """Keep a record, in the file or here. Raises sqlite3.IntegrityError where the id is taken."""

        def write() -> bool:
            self.database.append(kind, record_id, at_s, record)
            return True

        if self._in_file(write):
            return
        if self.record(kind, record_id) is not None:
            raise sqlite3.IntegrityError(f"{kind} {record_id}")
        self._records[kind, record_id] = (at_s, record)
        self._records_bytes += len(record)
        while self._records_bytes > RECORDS_BYTES_MAX:
            _, oldest = self._records.pop(next(iter(self._records)))
            self._records_bytes -= len(oldest)
            self._lost += 1

    def record(self, kind: str, record_id: str) -> bytes | None:
        """One record."""
        if (kind, record_id) in self._records:
            return self._records[kind, record_id][1]
        try:
            return self.database.record(kind, record_id)
        except sqlite3.Error:
            if not self.not_durable:
                raise
            return None

    def records(self, kind: str, limit: int) -> list[tuple[str, float, bytes]]:
        """The newest of a kind."""
        waiting = [(i, at_s, record) for (k, i), (at_s, record) in reversed(self._records.items()) if k == kind]
        return sorted([*waiting, *self.database.records(kind, limit)], key=lambda one: -one[1])[:limit]

    def expire_records(self, kind: str, before_s: float) -> int:
        """Remove old records, also of what waits. A file that takes no writes keeps them: they are tried again."""
        old = [key for key, (at_s, _) in self._records.items() if key[0] == kind and at_s < before_s]
        for key in old:
            self._records_bytes -= len(self._records.pop(key)[1])
        return len(old) + (0 if self.not_durable else self.database.expire_records(kind, before_s))

    def add(
        self,
        counts: Mapping[PaneKey, Mapping[Cell, int]],
        seen: Iterable[tuple[str, str, float]],
        forgotten: Iterable[tuple[str, str]],
        before_pane: int | None,
        gone: Iterable[str] = (),
    ) -> None:
        """One flush: first what waits, then the counts."""
        try:
            self._catch_up()
            self.database.add(counts, seen, forgotten, before_pane, gone)
        except OUR_FAULT:
            raise
        except sqlite3.Error as wrong:
            self._failed(wrong)
            raise
        if self.not_durable:
            log.warning("store_durable_again", records_lost=self._lost)
            self.not_durable, self._lost = "", 0

    def counters(self) -> Iterator[tuple[PaneKey, Cell, int]]:
        """Every counter in the file."""
        return self.database.counters()

    def seen(self) -> Iterator[tuple[str, str, float]]:
        """Every prompt hash in the file."""
        return self.database.seen()

    def close(self) -> None:
        """Let go of the file."""
        if self._states or self._records:
            log.error("state_lost", values=len(self._states), records=len(self._records), why=self.not_durable)
        self.database.close()

    def _in_file(self, write: Callable[[], bool]) -> bool | None:
        """What the write says; None where the file takes none, now or since a while."""
        if self.not_durable:
            return None
        try:
            return write()
        except OUR_FAULT:
            raise
        except sqlite3.Error as wrong:
            self._failed(wrong)
            return None

    def _replace(self, key: str, version: int, after: State) -> bool:
        known = self.load(key)
        if (0 if known is None else known[0]) != version:
            return False
        size = self._states_bytes + len(after[1] or b"") - len(self._states.get(key, (0, b""))[1] or b"")
        if size > STATES_BYTES_MAX:
            raise sqlite3.OperationalError(f"{self.not_durable}; {STATES_BYTES_MAX} bytes of state wait already")
        self._states[key], self._states_bytes = after, size
        self.database.copy(key, *after, say=False)  # there may be room for that
        return True

    def _catch_up(self) -> None:
        if not self.not_durable:
            return
        self.database.load("")  # a file that cannot be read is not well, whatever waits
        records = [(kind, i, at_s, record) for (kind, i), (at_s, record) in self._records.items()]
        self.database.catch_up(self._states, records)
        self._last |= {key: (version, value) for key, (version, value) in self._states.items() if value is not None}
        self._states, self._records = {}, {}
        self._states_bytes = self._records_bytes = 0

    def _failed(self, wrong: sqlite3.Error) -> None:
        if not self.not_durable:
            log.error("store_not_durable", error=str(wrong), then="state is kept in memory and written when it can be")
        self.not_durable = f"state file: {wrong}; is the disk full, or the folder not writable?"
