"""The file of the embedded store: what a restart, a kill and a broken file leave."""

from __future__ import annotations

import asyncio
import sqlite3
import stat
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from proxy.core.errors import StateError
from proxy.core.windows import Cell
from proxy.stores import embedded, fallback
from proxy.stores.database import Database
from proxy.stores.embedded import EmbeddedStore, open_embedded

CELL = Cell("refusal", "weapons", 0, 1)


async def filled(path: Path) -> None:
    store = await open_embedded(path)
    await store.swap("ladder/support", 0, b"watch")
    await store.swap("ladder/support", 1, b"reverted, latched")
    await store.append("decision", "d1", 1.0, b"why")
    for pane in range(200):
        await store.add("support", "candidate", pane, {CELL: pane})
    await store.seen("support", "hash", 100.0, 600.0)
    await store.close()


async def reopened(path: Path) -> EmbeddedStore:
    return await open_embedded(path)


async def test_a_restart_finds_everything(tmp_path: Path) -> None:
    path = tmp_path / "groundwire.db"
    await filled(path)
    store = await reopened(path)
    assert store.moved_aside == ""
    assert await store.load("ladder/support") == (2, b"reverted, latched")
    assert await store.record("decision", "d1") == b"why"
    assert await store.panes("support", "candidate", 7, 8) == [(7, {CELL: 7}), (8, {CELL: 8})]
    assert await store.seen("support", "hash", 101.0, 600.0)
    await store.add("support", "candidate", 7, {CELL: 1})
    await store.close()
    store = await reopened(path)
    assert await store.panes("support", "candidate", 7, 7) == [(7, {CELL: 8})]
    await store.close()


async def test_expired_panes_and_forgotten_prompts_leave_the_file(tmp_path: Path) -> None:
    path = tmp_path / "groundwire.db"
    await filled(path)
    store = await reopened(path)
    await store.expire(198)
    await store.seen("support", "another", 10_000.0, 600.0)
    await store.close()
    rows = sqlite3.connect(path)
    assert rows.execute("SELECT count(*) FROM counters").fetchone() == (2,)
    assert rows.execute("SELECT prompt_hash FROM seen").fetchall() == [("another",)]
    rows.close()


async def test_remembered_prompts_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "SEEN_MAX", 10)
    store = await open_embedded(None)
    for i in range(50):
        assert not await store.seen("r", str(i), float(i), 600.0)
    assert await store.seen("r", "40", 51.0, 600.0)
    assert not await store.seen("r", "39", 51.0, 600.0)
    await store.close()


CHILD = textwrap.dedent("""
    import asyncio, sys
    from pathlib import Path
    from proxy.core.windows import Cell
    from proxy.stores.embedded import open_embedded

    async def main():
        store = await open_embedded(Path(sys.argv[1]))
        version = 0
        while True:
            assert await store.swap("ladder", version, b"step %d" % version)
            version += 1
            await store.append("decision", str(version), float(version), b"why")
            await store.add("r", "m", 1, {Cell("refusal", "all", 0, 1): 1})
            await store.flush()
            print(version, flush=True)

    asyncio.run(main())
""")


@pytest.mark.parametrize("after", [1, 7, 40])
async def test_kill_9_loses_nothing_that_was_acknowledged(tmp_path: Path, after: int) -> None:
    path = tmp_path / "groundwire.db"
    child = subprocess.Popen([sys.executable, "-c", CHILD, str(path)], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    for line in child.stdout:
        if int(line) == after:
            break
    child.kill()
    last = max([after, *(int(line) for line in child.stdout if line.endswith("\n"))])
    child.wait()
    child.stdout.close()
    store = await reopened(path)
    assert store.moved_aside == ""
    state = await store.load("ladder")
    assert state is not None
    assert state[0] in {last, last + 1}
    assert await store.record("decision", str(last)) == b"why"
    [(_, counts)] = await store.panes("r", "m", 1, 1)
    assert counts[Cell("refusal", "all", 0, 1)] in {last, last + 1}
    await store.close()


def destroy(path: Path, first: int, last: int) -> None:
    data = bytearray(path.read_bytes())
    last = min(last, len(data))
    data[first:last] = b"\xa5" * (last - first)
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("first", "last"),
    [(0, 100), (0, 4096), (4096, 8192), (8192, 12_288), (0, 10**9)],
    ids=["header", "page 1", "page 2", "page 3", "all"],
)
async def test_a_broken_file_is_moved_aside_and_the_latched_revert_is_kept(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, first: int, last: int
) -> None:
    path = tmp_path / "groundwire.db"
    await filled(path)
    destroy(path, first, last)
    store = await reopened(path)
    assert ".corrupt-" in store.moved_aside
    assert Path(store.moved_aside).exists()
    assert "state_corrupt" in caplog.text
    assert "state_salvaged" in caplog.text
    assert await store.load("ladder/support") == (2, b"reverted, latched")
    assert await store.swap("ladder/support", 2, b"restored")
    await store.close()
    store = await reopened(path)
    assert store.moved_aside == ""
    assert await store.load("ladder/support") == (3, b"restored")
    await store.close()


async def test_state_is_read_from_a_broken_file_without_its_mirror(tmp_path: Path) -> None:
    path = tmp_path / "groundwire.db"
    await filled(path)
    for copy in (tmp_path / "groundwire.state").iterdir():
        copy.unlink()
    pages = path.stat().st_size // 4096
    destroy(path, (pages - 1) * 4096, pages * 4096)  # a page of the counters, which are written last
    store = await reopened(path)
    assert store.moved_aside
    assert await store.load("ladder/support") == (2, b"reverted, latched")
    assert await store.record("decision", "d1") == b"why"
    await store.close()


async def test_a_file_that_is_gone_is_made_anew_with_the_mirrored_state(tmp_path: Path) -> None:
    path = tmp_path / "groundwire.db"
    await filled(path)
    path.unlink()
    (tmp_path / "groundwire.state" / "junk.json").write_bytes(b"{")
    store = await reopened(path)
    assert await store.load("ladder/support") == (2, b"reverted, latched")
    await store.close()


async def test_only_the_owner_may_read_the_files(tmp_path: Path) -> None:
    path = tmp_path / "groundwire.db"
    store = await open_embedded(path)
    await store.swap("k", 0, b"v")
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir() if file.is_file()}
    assert set(modes.values()) == {0o600}
    assert stat.S_IMODE((tmp_path / "groundwire.state").stat().st_mode) == 0o700
    await store.close()


async def test_an_empty_file_is_a_new_one(tmp_path: Path) -> None:
    path = tmp_path / "groundwire.db"
    path.touch()
    store = await reopened(path)
    assert store.moved_aside == ""
    assert await store.swap("k", 0, b"v")
    await store.close()


async def test_a_newer_format_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "groundwire.db"
    await filled(path)
    rows = sqlite3.connect(path)
    rows.execute("PRAGMA user_version=99")
    rows.close()
    with pytest.raises(StateError, match="newer"):
        await reopened(path)


async def test_a_folder_that_cannot_be_made_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StateError, match="cannot open"):
        await open_embedded(tmp_path / "file" / "groundwire.db")


async def test_a_flush_that_fails_is_tried_again_and_counts_once(tmp_path: Path) -> None:
    path = tmp_path / "groundwire.db"
    store = await open_embedded(path)
    blocker = sqlite3.connect(path)
    blocker.execute("DROP TABLE seen")
    blocker.commit()
    await store.add("r", "m", 1, {CELL: 1})
    await store.seen("r", "h", 1.0, 600.0)
    with pytest.raises(StateError):
        await store.flush()
    await store.add("r", "m", 1, {CELL: 1})
    assert await store.panes("r", "m", 1, 1) == [(1, {CELL: 2})]
    blocker.execute("CREATE TABLE seen (route TEXT, prompt_hash TEXT, at_s REAL, PRIMARY KEY (route, prompt_hash))")
    blocker.commit()
    blocker.close()
    await asyncio.gather(store.flush(), store.flush())
    await store.close()
    store = await reopened(path)
    assert await store.panes("r", "m", 1, 1) == [(1, {CELL: 2})]
    assert await store.seen("r", "h", 2.0, 600.0)
    await store.close()


async def test_one_edge_is_expired_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is asked for every second, and the file is searched for it from end to end."""
    written: list[int | None] = []
    add = Database.add

    def noting(database: Database, counts: Any, seen: Any, forgotten: Any, before_pane: int | None, gone: Any) -> None:
        written.append(before_pane)
        add(database, counts, seen, forgotten, before_pane, gone)

    monkeypatch.setattr(Database, "add", noting)
    store = await open_embedded(tmp_path / "groundwire.db")
    for edge in (5, 5, 5, 6):
        await store.expire(edge)
        await store.flush()
    await store.close()
    assert written == [5, 6]


async def test_a_forgotten_route_leaves_the_file_and_a_dropped_value_its_copy(tmp_path: Path) -> None:
    path = tmp_path / "groundwire.db"
    await filled(path)
    store = await reopened(path)
    await store.forget("support")
    assert await store.drop("ladder/support", 2)
    await store.close()
    assert list((tmp_path / "groundwire.state").glob("*.json")) == []
    rows = sqlite3.connect(path)
    for table in ("counters", "seen", "state"):
        assert rows.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)
    rows.close()


async def test_what_a_read_only_file_could_not_take_is_written_later(tmp_path: Path) -> None:
    path = tmp_path / "groundwire.db"
    await filled(path)
    store = await reopened(path)
    store._database.database._db.execute("PRAGMA query_only=1")
    assert await store.swap("ladder/support", 2, b"restored")
    await store.append("decision", "d2", 2.0, b"why not")
    assert "readonly" in store.not_durable
    store._database.database._db.execute("PRAGMA query_only=0")
    await store.close()
    store = await reopened(path)
    assert await store.load("ladder/support") == (3, b"restored")
    assert await store.record("decision", "d2") == b"why not"
    await store.close()


async def test_a_copy_that_is_newer_than_the_file_counts(tmp_path: Path) -> None:
    path = tmp_path / "groundwire.db"
    await filled(path)
    store = await reopened(path)
    store._database.database._db.execute("PRAGMA query_only=1")
    assert await store.swap("ladder/support", 2, b"reverted again")
    with pytest.raises(StateError):
        await store.close()
    store = await reopened(path)
    assert await store.load("ladder/support") == (3, b"reverted again")
    await store.close()


async def test_records_that_wait_are_bounded_and_the_loss_is_said(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(fallback, "RECORDS_BYTES_MAX", 1_000)
    monkeypatch.setattr(fallback, "STATES_BYTES_MAX", 1_000)
    store = await open_embedded(None)
    store._database.database._db.execute("PRAGMA query_only=1")
    for i in range(20):
        await store.append("log", str(i), float(i), b"x" * 100)
    assert await store.swap("k", 0, b"x" * 1_000)
    assert await store.swap("k", 1, b"y" * 1_000)
    with pytest.raises(StateError, match="wait already"):
        await store.swap("l", 0, b"x")
    store._database.database._db.execute("PRAGMA query_only=0")
    await store.flush()
    assert [i for i, _, _ in await store.records("log", 99)] == [str(i) for i in range(19, 9, -1)]
    assert [vars(one)["fields"]["records_lost"] for one in caplog.records if "again" in one.getMessage()] == [10]
    await store.close()


async def test_prompts_that_come_and_go_while_nothing_can_be_written_leave_nothing_behind(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(embedded, "SEEN_MAX", 10)
    store = await open_embedded(None)
    store._database.database._db.execute("PRAGMA query_only=1")
    for i in range(500):
        assert not await store.seen("r", str(i), float(i), 600.0)
        if i % 50 == 0:
            with pytest.raises(StateError):
                await store.flush()
    assert len(store._forgotten) + len(store._new_seen) <= 30
    store._database.database._db.execute("PRAGMA query_only=0")
    await store.close()


FULL_CHILD = textwrap.dedent("""
    import asyncio, resource, signal, sys
    from pathlib import Path
    from proxy.stores.embedded import open_embedded

    async def main():
        store = await open_embedded(Path(sys.argv[1]))
        await store.swap("route", 0, b"steady")
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (8192, resource.RLIM_INFINITY))
        assert await store.swap("route", 1, b"reverted")
        await store.append("decision", "d", 1.0, b"why")
        assert store.not_durable, "the file grew over its limit"
        assert await store.load("route") == (2, b"reverted")
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        await store.flush()
        assert not store.not_durable
        print(store.not_durable or "durable", flush=True)
        await asyncio.sleep(60)

    asyncio.run(main())
""")


async def test_a_file_that_may_not_grow_loses_nothing_once_it_may(tmp_path: Path) -> None:
    path = tmp_path / "groundwire.db"
    child = subprocess.Popen([sys.executable, "-c", FULL_CHILD, str(path)], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    said = child.stdout.readline()
    child.kill()
    child.wait()
    child.stdout.close()
    assert said == "durable\n"
    store = await reopened(path)
    assert await store.load("route") == (2, b"reverted")
    assert await store.record("decision", "d") == b"why"
    await store.close()
