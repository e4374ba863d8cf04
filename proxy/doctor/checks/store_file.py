"""The embedded store's file and its disk. With a shared store a small file of this machine is kept there too."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from proxy.doctor.aside import aside
from proxy.doctor.finding import Finding, fail, note, ok, warn
from proxy.doctor.scene import Scene
from proxy.stores.database import SCHEMA_VERSION
from proxy.stores.registry import DATABASE_NAME

FREE_FAIL_BYTES: Final = 64 << 20
FREE_WARN_BYTES: Final = 1 << 30
CHECKED_BYTES_MAX: Final = 256 << 20  # reading a larger file takes too long beside a running one
MOUNTS: Final = Path("/proc/self/mountinfo")
REMOTE: Final = ("nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "ceph", "glusterfs", "lustre", "fuse.")


@dataclass(frozen=True, slots=True)
class File:
    """The database. `problem`: why it cannot be used; `version` of its format; `whole`: None where it was not read."""

    bytes: int
    version: int = 0
    whole: bool | None = None
    problem: str = ""


async def look(scene: Scene) -> Sequence[Finding]:
    """The file is opened for reading alone, and not at all where opening would write a log beside it."""
    folder = Path(scene.settings.state_dir)
    return await aside(lambda: list(_all(folder, running=bool(scene.running.analysis.version))))


def _all(folder: Path, running: bool) -> Iterator[Finding]:
    path = folder / DATABASE_NAME
    at = next((one for one in (folder, *folder.absolute().parents) if one.is_dir()), Path("/"))
    kind = filesystem(MOUNTS.read_text() if MOUNTS.exists() else "", str(at.resolve()))
    yield from judge_disk(os.statvfs(at), kind, at)
    if not path.exists():
        yield note(f"there is no {DATABASE_NAME} yet; a start makes it", "state_dir")
    else:
        yield from judge_file(_file(path), path, running=running)
    asides = sorted(one.name for one in at.glob(f"{DATABASE_NAME}.corrupt-*Z") if at == folder)
    if asides:
        mend = "look into it with sqlite3 if you wish, then remove it"
        yield note(f"{len(asides)} broken file(s) were moved aside, the last is {asides[-1]}", "state_dir", mend)


def _file(path: Path) -> File:
    """A database with a log beside it is only read where somebody keeps that log: else reading would write."""
    size = path.stat().st_size
    wal, shm = (path.with_name(path.name + suffix) for suffix in ("-wal", "-shm"))
    loose = wal.exists() and not shm.exists()
    how = "mode=ro" if wal.exists() and not loose else "immutable=1"
    try:
        with closing(sqlite3.connect(f"file:{path}?{how}", uri=True, timeout=1.0)) as db:
            version = int(db.execute("PRAGMA user_version").fetchone()[0])
            if loose or size > CHECKED_BYTES_MAX:
                return File(size, version)
            return File(size, version, db.execute("PRAGMA quick_check(1)").fetchone()[0] == "ok")
    except sqlite3.DatabaseError as wrong:
        return File(size, whole=False if "malformed" in str(wrong) or "not a database" in str(wrong) else None,
                    problem=str(wrong))  # fmt: skip


def judge_file(file: File, path: Path, *, running: bool) -> Iterator[Finding]:
    """Pure."""
    size = f"{file.bytes / 1e6:.1f} MB"
    where = str(path)
    if file.whole is False:
        mend = "start Groundwire: it moves the file aside and takes state from its copies; counters of it are lost"
        yield fail(f"the store's file is broken{f' ({file.problem})' if file.problem else ''}", where, mend)
    elif file.problem:
        yield fail(f"the store's file cannot be opened: {file.problem}", where, "let this user read and write it")
    elif file.version > SCHEMA_VERSION:
        text = f"the file is of format {file.version}, this version reads up to {SCHEMA_VERSION}"
        yield fail(text, where, "run the newer Groundwire that wrote it, or put the old file back (docs/upgrade.md)")
    elif file.whole is None:
        why = "too large to read through here" if file.bytes > CHECKED_BYTES_MAX else "its log was left by a crash"
        yield note(f"the file ({size}) was not read through: {why}; a start does that", where)
    else:
        yield ok(f"the file is whole ({size}, format {file.version}){', in use' if running else ''}", where)


def judge_disk(found: os.statvfs_result, kind: str, at: Path) -> Iterator[Finding]:
    """Free space and the kind of file system. Pure."""
    free = found.f_bavail * found.f_frsize
    where = f"state_dir ({at})"
    mend = "free some, or name another disk in state_dir: what is decided could not be kept"
    if free < FREE_FAIL_BYTES:
        yield fail(f"{free >> 20} MiB are free", where, mend)
    elif free < FREE_WARN_BYTES:
        yield warn(f"{free >> 20} MiB are free", where, mend)
    else:
        yield ok(f"{free / 1e9:.1f} GB are free", where)
    if found.f_files and not found.f_favail:
        yield fail("no inode is free", where, mend)
    if kind.startswith(REMOTE):
        mend = "name a local disk in state_dir: SQLite's log does not work over a network"
        yield warn(f"this is a network file system ({kind})", where, mend)
    elif kind == "tmpfs":
        yield note("this is memory (tmpfs): baselines and what is held back end with it", where)


def filesystem(mounts: str, path: str) -> str:
    """The kind of file system that holds a path. `mounts`: as /proc/self/mountinfo has it. Pure."""
    best, kind = "", ""
    for line in mounts.splitlines():
        left, _, right = line.partition(" - ")
        words = left.split()
        if len(words) < 5 or not right:
            continue
        point = words[4].encode().decode("unicode_escape")
        if len(point) >= len(best) and (path == point or path.startswith(point.rstrip("/") + "/")):
            best, kind = point, right.split()[0]
    return kind
