"""The SQLite file of the embedded store. Used from one worker thread only.

A commit is on disk before it returns (WAL, synchronous FULL). A file that fails its check is moved aside; what can
still be read of state and records goes into the new one, and state is completed from the mirror.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from proxy.core.errors import StateError
from proxy.core.windows import Cell, cell
from proxy.stores.mirror import Mirror
from proxy.telemetry.logs import get_logger

log = get_logger(__name__)

SCHEMA_VERSION: Final = 1
PaneKey = tuple[str, str, int]  # route, served model, pane

_TABLES: Final = """
CREATE TABLE IF NOT EXISTS counters (route TEXT, served TEXT, pane INTEGER, signal TEXT, stratum TEXT,
    r INTEGER, y INTEGER, count INTEGER NOT NULL,
    PRIMARY KEY (route, served, pane, signal, stratum, r, y)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS seen (route TEXT, prompt_hash TEXT, at_s REAL NOT NULL,
    PRIMARY KEY (route, prompt_hash)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS state (key TEXT PRIMARY KEY, version INTEGER NOT NULL, value BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS records (kind TEXT, id TEXT, at_s REAL NOT NULL, record BLOB NOT NULL,
    PRIMARY KEY (kind, id));
CREATE INDEX IF NOT EXISTS records_newest ON records (kind, at_s);
"""


class Database:
    """The file at `path`, or a database in memory where it is None.

    `moved_aside` names a broken file that was found and moved; "" where all was well. Methods raise sqlite3.Error,
    and making one StateError too, where the file is of a newer format.
    """

    def __init__(self, path: Path | None) -> None:
        self.moved_aside = ""
        self._mirror = None if path is None else Mirror(path.with_suffix(".state"))
        if path is not None and not _usable(path):
            self.moved_aside = _move_aside(path)
        self._db = _connect(path)
        version = self._db.execute("PRAGMA user_version").fetchone()[0]
        if version > SCHEMA_VERSION:
            raise StateError(f"{path}: written by a newer Groundwire (format {version}, mine is {SCHEMA_VERSION})")
        if version == 0:  # new, or a salvage that was interrupted
            self._salvage(path)
        else:
            self._take_newer_copies()

    def _take_newer_copies(self) -> None:
        """A copy that is newer than the file was made while the file could not be written."""
        copies = self._mirror.read() if self._mirror else {}
        newer = {key: copy for key, copy in copies.items() if copy[0] > (self.load(key) or (0, b""))[0]}
        if newer:
            self.catch_up(newer, ())
            log.warning("state_taken_from_copies", values=len(newer))

    def _salvage(self, path: Path | None) -> None:
        """Fill a new database with what a broken one and the mirror still tell; of two versions the newer."""
        broken = "" if path is None else max(map(str, path.parent.glob(f"{path.name}.corrupt-*Z")), default="")
        state: dict[str, tuple[int, bytes]] = self._mirror.read() if self._mirror else {}
        for key, version, value in _readable_rows(broken, "key, version, value", "state"):
            if key not in state or state[key][0] < version:
                state[key] = (version, value)
        records = list(_readable_rows(broken, "kind, id, at_s, record", "records"))
        with self._db:
            self._db.executemany("INSERT INTO state VALUES (?, ?, ?)", [(k, *v) for k, v in state.items()])
            self._db.executemany("INSERT INTO records VALUES (?, ?, ?, ?)", records)
            self._db.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
        if broken or state:
            log.error("state_salvaged", source=broken, values=len(state), records=len(records))

    def counters(self) -> Iterator[tuple[PaneKey, Cell, int]]:
        """Every counter that is kept."""
        query = "SELECT route, served, pane, signal, stratum, r, y, count FROM counters"
        for route, served, pane, signal, stratum, r, y, count in self._db.execute(query):
            yield (route, served, pane), cell(signal, stratum, r, y), count

    def seen(self) -> Iterator[tuple[str, str, float]]:
        """Every prompt hash that is remembered, oldest first, as (route, hash, time)."""
        return iter(self._db.execute("SELECT route, prompt_hash, at_s FROM seen ORDER BY at_s").fetchall())

    def add(
        self,
        counts: Mapping[PaneKey, Mapping[Cell, int]],
        seen: Iterable[tuple[str, str, float]],
        forgotten: Iterable[tuple[str, str]],
        before_pane: int | None,
        gone: Iterable[str] = (),
    ) -> None:
        """One flush, all of it or nothing: what was of the routes in `gone` is removed, counts are added, prompts
        remembered and forgotten, old panes removed.
        """
        rows = [(*key, *cell, count) for key, cells in counts.items() for cell, count in cells.items()]
        routes = [(route,) for route in gone]
        with self._db:
            self._db.executemany("DELETE FROM counters WHERE route = ?", routes)
            self._db.executemany("DELETE FROM seen WHERE route = ?", routes)
            self._db.executemany(
                "INSERT INTO counters VALUES (?, ?, ?, ?, ?, ?, ?, ?) "
                "ON CONFLICT DO UPDATE SET count = count + excluded.count",
                rows,
            )
            self._db.executemany("DELETE FROM seen WHERE route = ? AND prompt_hash = ?", forgotten)
            self._db.executemany("INSERT OR REPLACE INTO seen VALUES (?, ?, ?)", seen)
            if before_pane is not None:
                self._db.execute("DELETE FROM counters WHERE pane < ?", (before_pane,))

    def load(self, key: str) -> tuple[int, bytes] | None:
        """A state value and its version."""
        row = self._db.execute("SELECT version, value FROM state WHERE key = ?", (key,)).fetchone()
        return None if row is None else (int(row[0]), bytes(row[1]))

    def swap(self, key: str, version: int, value: bytes) -> bool:
        """Compare and set, by version. The mirror follows the commit."""
        first = "INSERT OR IGNORE INTO state VALUES (:key, 1, :value)"
        later = "UPDATE state SET version = version + 1, value = :value WHERE key = :key AND version = :version"
        with self._db:
            row = {"key": key, "version": version, "value": value}
            swapped = self._db.execute(first if version == 0 else later, row).rowcount == 1
        if swapped:
            self.copy(key, version + 1, value)
        return swapped

    def drop(self, key: str, version: int) -> bool:
        """Remove a state value and its copy, by version."""
        with self._db:
            query = "DELETE FROM state WHERE key = ? AND version = ?"
            dropped = self._db.execute(query, (key, version)).rowcount == 1
        if dropped:
            self.copy(key, version, None)
        return dropped

    def catch_up(
        self,
        states: Mapping[str, tuple[int, bytes | None]],
        records: Sequence[tuple[str, str, float, bytes]],
    ) -> None:
        """Write what waited, all of it or nothing: states as they are now (None: removed), and records."""
        held = [(key, version, value) for key, (version, value) in states.items() if value is not None]
        with self._db:
            self._db.executemany("DELETE FROM state WHERE key = ?", [(k,) for k, (_, v) in states.items() if v is None])
            self._db.executemany("INSERT OR REPLACE INTO state VALUES (?, ?, ?)", held)
            self._db.executemany("INSERT OR IGNORE INTO records VALUES (?, ?, ?, ?)", records)
        for key, (version, value) in states.items():
            self.copy(key, version, value)

    def copy(self, key: str, version: int, value: bytes | None, *, say: bool = True) -> None:
        """Bring the mirror up to date; one that fails is said, and no more."""
        if self._mirror is None:
            return
        try:
            if value is None:
                self._mirror.remove(key)
            else:
                self._mirror.write(key, version, value)
        except OSError as wrong:
            if say:
                log.error("state_copy_failed", key=key, error=repr(wrong))  # noqa: TRY400

    def append(self, kind: str, record_id: str, at_s: float, record: bytes) -> None:
        """Keep a record. Raises sqlite3.IntegrityError where the id is taken."""
        with self._db:
            self._db.execute("INSERT INTO records VALUES (?, ?, ?, ?)", (kind, record_id, at_s, record))

    def record(self, kind: str, record_id: str) -> bytes | None:
        """One record."""
        row = self._db.execute("SELECT record FROM records WHERE kind = ? AND id = ?", (kind, record_id)).fetchone()
        return None if row is None else bytes(row[0])

    def records(self, kind: str, limit: int) -> list[tuple[str, float, bytes]]:
        """The newest of a kind; of two of the same time the later written first."""
        query = "SELECT id, at_s, record FROM records WHERE kind = ? ORDER BY at_s DESC, rowid DESC LIMIT ?"
        return [(str(i), float(t), bytes(r)) for i, t, r in self._db.execute(query, (kind, limit))]

    def expire_records(self, kind: str, before_s: float) -> int:
        """Remove the records of a kind of before this time; how many."""
        with self._db:
            return self._db.execute("DELETE FROM records WHERE kind = ? AND at_s < ?", (kind, before_s)).rowcount

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()


def _connect(path: Path | None) -> sqlite3.Connection:
    if path is not None:
        path.touch(0o600)  # SQLite gives its log the same mode
    db = sqlite3.connect(":memory:" if path is None else path, check_same_thread=False)
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("PRAGMA synchronous=FULL")
    db.executescript(_TABLES)
    return db


def _usable(path: Path) -> bool:
    """Whether SQLite finds the file whole. A file that is not there is."""
    if not path.exists():
        return True
    try:
        db = _connect(path)
        try:
            return bool(db.execute("PRAGMA quick_check(1)").fetchone()[0] == "ok")
        finally:
            db.close()
    except sqlite3.DatabaseError as wrong:
        if isinstance(wrong, sqlite3.OperationalError) and "malformed" not in str(wrong):
            raise  # no permission, locked, disk full: the file itself may be well
        return False


def _move_aside(path: Path) -> str:
    """Rename the file and its log, so that nothing is overwritten; gives the new name."""
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    aside = path.with_name(f"{path.name}.corrupt-{stamp}")
    path.rename(aside)
    for suffix in ("-wal", "-shm"):
        beside = path.with_name(path.name + suffix)
        if beside.exists():
            beside.rename(aside.with_name(aside.name + suffix))
    log.error("state_corrupt", path=path, moved_aside=aside)
    return str(aside)


def _readable_rows(file: str, columns: str, table: str) -> Iterator[tuple[Any, ...]]:
    """Row by row what a broken file still gives; ends at the first row that it does not."""
    if not file:
        return
    try:
        db = sqlite3.connect(file)
        try:
            yield from db.execute(f"SELECT {columns} FROM {table}")  # noqa: S608 - names of our own tables
        finally:
            db.close()
    except sqlite3.Error as wrong:
        log.error("state_unreadable", file=file, table=table, error=str(wrong))  # noqa: TRY400
