"""The enforcement file: what a traffic process restarted alone still enforces."""

from __future__ import annotations

import os
import time
from pathlib import Path

import orjson

from proxy.core.enforcement import Snapshot, from_json, to_json
from proxy.core.errors import StateError, WireError

FILE = "enforcement.json"
DATABASE = "groundwire.db"


def read_snapshot(folder: Path) -> Snapshot | None:
    """The snapshot that was in force, None where there is no file.

    Raises StateError where the file cannot be used; it is then moved aside, so that it can be looked at.
    """
    path = folder / FILE
    try:
        return from_json(orjson.loads(path.read_bytes()))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, WireError) as wrong:
        aside = path.with_name(f"{FILE}.corrupt-{int(time.time())}")
        try:
            path.rename(aside)
        except OSError as stuck:
            raise StateError(f"{path} cannot be read ({wrong}) nor moved aside ({stuck})") from wrong
        raise StateError(f"{path} cannot be read ({wrong}); moved to {aside}") from wrong


def write_snapshot(folder: Path, snapshot: Snapshot) -> None:
    """Replace the file, so that after a crash either the old or the new one is whole. Raises StateError."""
    path, fresh = folder / FILE, folder / f"{FILE}.new"
    try:
        fresh.unlink(missing_ok=True)  # of a crash; it may have another mode
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(orjson.dumps(to_json(snapshot), option=orjson.OPT_INDENT_2))
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
        folder_fd = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(folder_fd)
        finally:
            os.close(folder_fd)
    except OSError as wrong:
        raise StateError(f"{path} cannot be written: {wrong}") from wrong


def is_fresh(folder: Path) -> bool:
    """Whether nothing was ever decided here: there is no database of an analysis process either."""
    return not (folder / DATABASE).exists()


class SnapshotFile:
    """Writes snapshots in the executor, one at a time; of those that wait only the newest is written."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._next: Snapshot | None = None
        self._busy = False
        self.error = ""

    def take(self) -> Snapshot | None:
        """The snapshot to write now, None where a write is running or nothing is new."""
        if self._busy or self._next is None:
            return None
        snapshot, self._next, self._busy = self._next, None, True
        return snapshot

    def put(self, snapshot: Snapshot) -> None:
        """A newer snapshot."""
        self._next = snapshot

    def write(self, snapshot: Snapshot) -> None:
        """Write it; runs in the executor. Raises StateError."""
        write_snapshot(self._folder, snapshot)

    def written(self, error: str) -> None:
        """The running write is over."""
        self._busy = False
        self.error = error
