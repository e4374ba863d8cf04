"""The doctor on real servers: what it says of each, and that it leaves them as they were."""

from __future__ import annotations

import re
import socket
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from proxy.config.sections.watching import StoreSettings
from proxy.config.settings import Settings
from proxy.doctor import redis_rights
from proxy.doctor.checks import shared_store, store_file
from proxy.doctor.finding import Finding, Level
from proxy.doctor.rounds import ask
from proxy.doctor.scene import Check, Scene
from proxy.stores import redis_keys
from proxy.stores.embedded import open_embedded
from tests.contracts import redis_servers
from tests.contracts.conftest import Place
from tests.contracts.redis_servers import Server, Watched
from tests.support import ROOT, free_ports

PASSWORD = "zqvxkjwq-password"


async def asked(url: str, **more: str | float) -> list[Finding]:
    store = StoreSettings(**{"kind": "redis", "url": url, "timeout_s": 5.0, **more})  # type: ignore[arg-type]
    return await ask(Check("Store", shared_store.look, 60.0), Scene(Settings(store=store)))


def failed(found: Sequence[Finding]) -> str:
    return " | ".join(f"{one.what} -> {one.mend}" for one in found if one.level is Level.FAIL)


def words(found: Sequence[Finding], level: Level) -> str:
    return " | ".join(one.what for one in found if one.level is level)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with redis_servers.serving(redis_servers.redis_binary(), tmp_path_factory.mktemp("doctor")) as one:
        yield one


@pytest.fixture
def user(server: Server, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Mapping[str, str]]:
    """Make the user `groundwire` with these rights; gives the settings that name it."""
    monkeypatch.setenv("DOCTOR_PASSWORD", PASSWORD)

    def make(*rights: str) -> Mapping[str, str]:
        server.ask("ACL", "SETUSER", "groundwire", "reset", "on", f">{PASSWORD}", *rights)
        return {"user": "groundwire", "password_env": "DOCTOR_PASSWORD"}

    return make


async def test_a_server_that_is_well_is_left_as_it_was(shared: Place) -> None:
    found = await asked(shared.url)
    assert failed(found) == ""
    told = words(found, Level.OK)
    assert all(word in told for word in ("answers in", "every command", "clock agrees", "are used"))
    assert ("Valkey" in told) == (shared.kind == "valkey")
    assert [server.ask("KEYS", "*") for server in shared.servers] == [[]] * len(shared.servers)


async def test_the_rights_that_the_page_names_are_enough(
    server: Server, user: Callable[..., Mapping[str, str]]
) -> None:
    assert f"`{redis_rights.NEEDED}`" in (ROOT / "docs" / "shared-store.md").read_text()
    found = await asked(server.url, **user(*redis_rights.NEEDED.split()))
    assert failed(found) == ""
    assert "INFO" in words(found, Level.NOTE)


@pytest.mark.parametrize(
    ("rights", "word"),
    [
        ("~gw:* +@read +eval +evalsha +hset +del +@connection", "TIME, SET, INCR, EXPIRE and 8 more"),
        ("~gw:* +@all -setbit", "SETBIT"),
        ("~gw:*:k ~gw:*:s:* +@all", "gw:{<route>}:o:<generation>"),
        ("~other:* +@all", "and 7 more may not be used"),
        ("~gw:* +@connection", "evalsha"),
    ],
)
async def test_a_right_that_is_missing_is_named(
    server: Server, user: Callable[..., Mapping[str, str]], rights: str, word: str
) -> None:
    found = failed(await asked(server.url, **user(*rights.split())))
    assert word in found
    assert "ACL SETUSER" in found
    assert PASSWORD not in found


async def test_a_wrong_password(
    server: Server, user: Callable[..., Mapping[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    named = user("~gw:*", "+@all")
    monkeypatch.setenv("DOCTOR_PASSWORD", "another-secret")
    found = await asked(server.url, **named)
    assert "store.password_file" in failed(found)
    assert "secret" not in repr(found)


async def test_no_memory_and_a_policy_that_throws_away(server: Server) -> None:
    try:
        server.ask("CONFIG", "SET", "maxmemory", "1mb", "maxmemory-policy", "noeviction")
        assert "no memory left" in failed(await asked(server.url))
        server.ask("CONFIG", "SET", "maxmemory", "100mb", "maxmemory-policy", "allkeys-lru")
        found = await asked(server.url)
        assert failed(found) == ""
        assert "allkeys-lru" in words(found, Level.WARN)
    finally:
        server.ask("CONFIG", "SET", "maxmemory", "0", "maxmemory-policy", "noeviction")


async def test_the_wrong_kind_of_server(
    cluster_servers: list[Server], sentinel_servers: Watched, server: Server
) -> None:
    assert "redis+cluster://" in failed(await asked(cluster_servers[0].url))
    watched = sentinel_servers
    replica = next(one for one in (watched.master, watched.replica) if one.port != watched.master_port())
    found = failed(await asked(replica.url))
    assert "read-only replica" in found
    assert "redis+sentinel://" in found
    assert "no master" in failed(await asked(watched.url + "x")).lower()
    assert "TLS" in failed(await asked(server.url.replace("redis:", "rediss:"), timeout_s=0.5))


async def test_nobody_there_and_one_that_does_not_answer() -> None:
    (port,) = free_ports(1)
    assert "Connection refused" in failed(await asked(f"redis://127.0.0.1:{port}"))
    assert "does not resolve" in (said := failed(await asked("redis://no-such-host.invalid"))) or "not known" in said
    with socket.create_server(("127.0.0.1", 0)) as silent:
        found = await asked(f"redis://127.0.0.1:{silent.getsockname()[1]}", timeout_s=0.3)
    assert "no answer in 0.3 s" in failed(found)


def test_the_trial_asks_for_what_the_store_asks_for() -> None:
    """Every command in the store's scripts and calls is tried, and no other."""
    text = "".join(path.read_text() for path in sorted((ROOT / "proxy" / "stores").glob("redis_*.py")))
    inside = set(re.findall(r"redis\.p?call\('([A-Z]+)'", text))
    outside = set(re.findall(r"""(?:run\(|yield |\[\(|\()"([A-Z]{3,})",""", text))
    tried = {words[0] for words in (*redis_rights.READS, *redis_rights.WRITES)}
    assert {"HINCRBY", "ZREVRANGE", "SMEMBERS"} <= inside | outside
    assert inside | outside == tried


def test_the_trial_uses_a_key_of_every_declared_kind() -> None:
    keys = redis_rights.trial_keys("doctor-x")
    assert len(set(keys)) == len(redis_keys.KEYS)
    assert all(declared.matches(key) for key, declared in zip(keys, redis_keys.KEYS, strict=True))
    tags = {re.search(r"\{(.+)\}", key)[1] for key in keys}  # type: ignore[index]
    assert len(tags) == 1, "a cluster holds them together"


# --- the embedded store's file ----------------------------------------------------------------------------------------


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


async def looked(folder: Path) -> list[Finding]:
    found = await store_file.look(Scene(Settings(state_dir=str(folder))))
    return [one for one in found if "state_dir (" not in one.where]


async def test_a_file_is_read_and_nothing_beside_it_changes(tmp_path: Path) -> None:
    assert "a start makes it" in words(await looked(tmp_path), Level.NOTE)
    store = await open_embedded(tmp_path / "groundwire.db")
    await store.swap("route/x", 0, b"1")
    in_use = await looked(tmp_path)
    assert "whole" in words(in_use, Level.OK)
    await store.close()
    before = contents(tmp_path)
    assert "whole" in words(await looked(tmp_path), Level.OK)
    assert contents(tmp_path) == before


async def test_a_log_that_a_crash_left_is_not_touched(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    with closing(sqlite3.connect(source / "groundwire.db")) as db:
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("CREATE TABLE x (y)")
        db.commit()
        crashed = tmp_path / "crashed"
        crashed.mkdir()
        for name in ("groundwire.db", "groundwire.db-wal"):
            (crashed / name).write_bytes((source / name).read_bytes())
    before = contents(crashed)
    assert "left by a crash" in words(await looked(crashed), Level.NOTE)
    assert contents(crashed) == before


async def test_a_broken_file_and_one_of_tomorrow(tmp_path: Path) -> None:
    store = await open_embedded(tmp_path / "groundwire.db")
    await store.close()
    path = tmp_path / "groundwire.db"
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version=99")
        db.commit()
    assert "format 99" in failed(await looked(tmp_path))
    whole = path.read_bytes()
    path.write_bytes(whole[:4096] + b"\xff" * (len(whole) - 4096))
    assert "broken" in failed(await looked(tmp_path))
    path.write_bytes(b"this is no database at all, but some words" * 200)
    assert "broken" in failed(await looked(tmp_path))
    assert (tmp_path / "groundwire.db").exists(), "nothing is moved aside by looking"
    (tmp_path / "groundwire.db.corrupt-20260101T000000.0Z").touch()
    assert "moved aside" in words(await looked(tmp_path), Level.NOTE)
