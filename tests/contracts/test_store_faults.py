"""The shared store's server stalls, dies, pauses, runs out of memory, fails over; and who may come to it at all.

Every server is real and is hurt for real. What must hold: no call waits for long, nothing counts twice, and what was
counted and decided meanwhile arrives.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import trustme
from redis import Redis

from proxy.config.sections.watching import StoreSettings
from proxy.core.errors import StateError
from proxy.core.windows import SCALE, Cell
from proxy.stores.contract import First
from proxy.stores.redis_link import RedisLink
from proxy.stores.redis_store import Options, RedisStore
from tests.contracts import redis_servers
from tests.contracts.redis_servers import Server, serving
from tests.support import free_ports

REFUSED = Cell("refusal", "weapons", 0, 1)
PATIENCE_S = 60.0
RIGHTS = ("~gw:*", "+@read", "+@write", "+@scripting", "+@connection", "+time", "-@dangerous")  # docs/shared-store.md
CLUSTER_RIGHTS = ("+cluster|slots", "+cluster|shards", "+cluster|nodes")


@pytest.fixture(params=["redis", "valkey"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    binary = redis_servers.redis_binary() if request.param == "redis" else redis_servers.valkey_binary()
    with serving(binary, tmp_path) as one:
        yield one


def open_at(url: str, **more: object) -> RedisStore:
    named = {"kind": "redis", "url": url, "timeout_s": 2.0, **more}
    return RedisStore(RedisLink(StoreSettings(**named)), Options(6_000))  # type: ignore[arg-type]


@pytest.fixture
async def store(server: Server) -> AsyncIterator[RedisStore]:
    made = open_at(server.url)
    await made.swap("route/r", 0, b"steady")
    await made.add("r", "m", 1, {REFUSED: SCALE})
    await made.flush()
    yield made
    await made.close()


async def goes_on_here(store: RedisStore) -> None:
    """What a replica can do without its server."""
    begin_s = time.monotonic()
    await store.add("r", "m", 1, {REFUSED: SCALE})
    with pytest.raises(StateError, match="shared store"):
        await store.flush()
    assert store.evidence_local
    assert store.not_durable
    assert await store.swap("route/r", 1, b"reverted")
    assert await store.load("route/r") == (2, b"reverted")
    await store.append("decision", "d", 1.0, b"why")
    assert time.monotonic() - begin_s < PATIENCE_S


async def arrives(store: RedisStore) -> None:
    """The server is back: all of it is there, once."""
    deadline_s = time.monotonic() + PATIENCE_S
    while True:
        try:
            await store.flush()
            break
        except StateError:
            assert time.monotonic() < deadline_s
            await asyncio.sleep(0.1)
    assert store.evidence_local == ""
    assert await store.load("route/r") == (2, b"reverted")
    assert await store.record("decision", "d") == b"why"


async def all_counts(store: RedisStore) -> int:
    return sum(found[REFUSED] for _, found in await store.panes("r", "m", 1, 1))


async def test_a_server_that_stalls(server: Server, store: RedisStore) -> None:
    server.send(signal.SIGSTOP)
    try:
        await goes_on_here(store)
    finally:
        server.send(signal.SIGCONT)
    await arrives(store)
    assert await all_counts(store) == 2 * SCALE


async def test_a_server_that_stalls_while_it_takes_a_flush(server: Server, store: RedisStore) -> None:
    """The request is in its socket: it will be done, and it will come again."""
    for _ in range(3):
        server.send(signal.SIGSTOP)
        await store.add("r", "m", 1, {REFUSED: SCALE})
        store._clock_s = store._now()  # no look at the clock comes first
        with pytest.raises(StateError, match=r"no answer|Timeout"):
            await store.flush()
        server.send(signal.SIGCONT)
        while store.evidence_local:
            await asyncio.sleep(0.1)
            try:
                await store.flush()
            except StateError:
                continue
    assert await all_counts(store) == 4 * SCALE


async def test_a_server_that_is_killed_and_comes_back_empty(server: Server, store: RedisStore) -> None:
    server.send(signal.SIGKILL)
    await goes_on_here(store)
    server.stop()
    server.start()
    await arrives(store)
    assert await all_counts(store) == SCALE, "it kept nothing; what came since is there"
    await store.add("r", "m", 1, {REFUSED: SCALE, Cell("refusal", "new", 0, 1): SCALE})
    await store.flush()
    assert await all_counts(store) == 2 * SCALE


async def test_a_server_that_pauses_its_clients(server: Server, store: RedisStore) -> None:
    server.ask("CLIENT", "PAUSE", 5_000, "ALL")
    await goes_on_here(store)
    await arrives(store)
    assert await all_counts(store) == 2 * SCALE


async def test_a_server_without_memory(server: Server, store: RedisStore) -> None:
    server.ask("CONFIG", "SET", "maxmemory", "1")
    await goes_on_here(store)
    server.ask("CONFIG", "SET", "maxmemory", "0")
    await arrives(store)
    assert await all_counts(store) == 2 * SCALE


async def test_a_server_that_forgot_the_scripts(server: Server, store: RedisStore) -> None:
    server.ask("SCRIPT", "FLUSH")
    await store.add("r", "m", 1, {REFUSED: SCALE})
    await store.flush()
    assert await all_counts(store) == 2 * SCALE


async def test_a_store_opened_while_its_server_is_away(server: Server) -> None:
    server.stop()
    store = open_at(server.url)
    await store.open()
    assert store.evidence_local
    assert await store.load("route/r") is None
    await store.add("r", "m", 1, {REFUSED: SCALE})
    assert await all_counts(store) == SCALE
    server.start()
    await store.flush()
    assert store.evidence_local == ""
    assert await all_counts(store) == SCALE
    await store.close()


async def test_sentinel_makes_another_master(tmp_path: Path) -> None:
    with redis_servers.sentinel(redis_servers.redis_binary(), tmp_path) as watched:
        store = open_at(watched.url)
        await store.add("r", "m", 1, {REFUSED: SCALE})
        await store.flush()
        await asyncio.to_thread(watched.master.ask, "WAIT", 1, 5_000)
        await store.swap("route/r", 0, b"steady")
        await asyncio.to_thread(watched.master.ask, "WAIT", 1, 5_000)
        watched.master.send(signal.SIGKILL)
        await goes_on_here(store)
        await asyncio.to_thread(
            redis_servers.until, lambda: watched.master_port() == watched.replica.port, "the new master"
        )
        await arrives(store)
        assert await all_counts(store) == 2 * SCALE
        assert watched.replica.ask("DBSIZE") > 0
        await store.close()


class TestWhoMayCome:
    """TLS with a certificate of the client, and an ACL user that may touch our keys alone."""

    @pytest.fixture
    def files(self, tmp_path: Path) -> dict[str, str]:
        authority = trustme.CA()
        authority.cert_pem.write_to_path(tmp_path / "ca.pem")
        for name, certificate in (
            ("server", authority.issue_cert("127.0.0.1")),
            ("client", authority.issue_cert("gw")),
        ):
            certificate.private_key_pem.write_to_path(tmp_path / f"{name}.key")
            certificate.cert_chain_pems[0].write_to_path(tmp_path / f"{name}.pem")
        (tmp_path / "password").write_text("a long pass\n".replace(" ", "-"))
        names = ("ca.pem", "server.pem", "server.key", "client.pem", "client.key", "password")
        return {name: str(tmp_path / name) for name in names}

    @pytest.fixture
    def guarded(self, files: dict[str, str], tmp_path: Path) -> Iterator[int]:
        """The TLS port of a server that knows the user gw."""
        [port] = free_ports(1)
        tls = ("--tls-port", str(port), "--tls-ca-cert-file", files["ca.pem"])
        own = ("--tls-cert-file", files["server.pem"], "--tls-key-file", files["server.key"])
        with serving(redis_servers.redis_binary(), tmp_path, *tls, *own) as server:
            server.ask("ACL", "SETUSER", "gw", "on", ">a-long-pass", *RIGHTS)
            server.ask("ACL", "SETUSER", "default", "off")
            yield port

    async def test_with_certificate_and_password(
        self, guarded: int, files: dict[str, str], caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        store = open_at(
            f"rediss://127.0.0.1:{guarded}",
            user="gw",
            password_file=files["password"],
            tls_ca_file=files["ca.pem"],
            tls_cert_file=files["client.pem"],
            tls_key_file=files["client.key"],
            timeout_s=30.0,
        )
        await store.add("r", "m", 1, {REFUSED: SCALE})
        await store.flush()
        assert await all_counts(store) == SCALE
        assert await store.swap("k", 0, b"v")
        assert await store.drop("k", 1)
        await store.append("decision", "d", 1.0, b"why")
        assert [one for one, _, _ in await store.records("decision", 1)] == ["d"]
        assert await store.expire_records("decision", 2.0) == 1
        await store.forget("r")
        await store.close()
        assert "a-long-pass" not in caplog.text

    @pytest.mark.parametrize("wrong", ["user", "password", "authority", "certificate"])
    async def test_without_them_nothing_comes_through_and_no_password_is_told(
        self, guarded: int, files: dict[str, str], wrong: str, caplog: pytest.LogCaptureFixture, tmp_path: Path
    ) -> None:
        caplog.set_level(logging.DEBUG)
        (tmp_path / "other").write_text("another-pass")
        shown = {} if wrong == "certificate" else {"tls_cert_file": "client.pem", "tls_key_file": "client.key"}
        store = open_at(
            f"rediss://127.0.0.1:{guarded}",
            user="nobody" if wrong == "user" else "gw",
            password_file=str(tmp_path / "other") if wrong == "password" else files["password"],
            tls_ca_file=files["server.pem"] if wrong == "authority" else files["ca.pem"],
            timeout_s=30.0,
            **{key: files[name] for key, name in shown.items()},
        )
        await store.add("r", "m", 1, {REFUSED: SCALE})
        with pytest.raises(StateError) as raised:
            await store.flush()
        for text in (str(raised.value), store.evidence_local, caplog.text):
            assert "a-long-pass" not in text
            assert "another-pass" not in text
        with pytest.raises(StateError):
            await store.close()

    async def test_a_password_from_the_environment_is_read_for_each_connection(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with serving(redis_servers.redis_binary(), tmp_path) as server:
            monkeypatch.setenv("STORE_PASSWORD", "one")
            server.ask("CONFIG", "SET", "requirepass", "one")
            store = open_at(server.url, password_env="STORE_PASSWORD")
            await store.add("r", "m", 1, {REFUSED: SCALE})
            await store.flush()
            with Redis(port=server.port, password="one") as admin:
                admin.config_set("requirepass", "two")
                admin.client_kill_filter(_type="normal", skipme=True)
            monkeypatch.setenv("STORE_PASSWORD", "two")
            await store.add("r", "m", 1, {REFUSED: SCALE})
            await store.flush()
            assert await all_counts(store) == 2 * SCALE
            await store.close()


class TestACluster:
    async def test_the_keys_of_a_route_lie_together_and_routes_lie_apart(self, cluster_servers: list[Server]) -> None:
        for server in cluster_servers:
            server.sync.flushall()
        store = open_at(f"redis+cluster://127.0.0.1:{cluster_servers[1].port}", timeout_s=30.0)
        for i in range(20):
            name = f"org/route-{i}"
            await store.add(name, "m", 1, {REFUSED: SCALE + 1})
            await store.add_first(name, "m", 1, First(("h",), 1.0, 600.0, {REFUSED: SCALE}, {}))
            await store.swap(f"route/{name}", 0, b"steady")
        await store.flush()
        homes: dict[str, set[int]] = {}
        for server in cluster_servers:
            for key in server.ask("KEYS", "*"):
                homes.setdefault(key.decode().partition("}")[0], set()).add(server.port)
        assert len(homes) == 20
        assert all(len(ports) == 1 for ports in homes.values())
        assert {port for ports in homes.values() for port in ports} == {one.port for one in cluster_servers}
        await store.close()

    async def test_a_user_with_few_rights_is_enough(self, cluster_servers: list[Server], tmp_path: Path) -> None:
        """Those that docs/shared-store.md names."""
        (tmp_path / "password").write_text("a-long-pass")
        for server in cluster_servers:
            server.sync.flushall()
            server.ask("ACL", "SETUSER", "gw", "reset", "on", ">a-long-pass", *RIGHTS, *CLUSTER_RIGHTS)
        url = f"redis+cluster://127.0.0.1:{cluster_servers[0].port}"
        store = open_at(url, user="gw", password_file=str(tmp_path / "password"), timeout_s=30.0)
        await store.add("r", "m", 1, {REFUSED: SCALE})
        await store.flush()
        assert await all_counts(store) == SCALE
        await store.close()

    async def test_one_node_that_stalls(self, cluster_servers: list[Server]) -> None:
        for server in cluster_servers:
            server.sync.flushall()
        store = open_at(f"redis+cluster://127.0.0.1:{cluster_servers[0].port}")
        routes = [f"route-{i}" for i in range(12)]
        for route in routes:
            await store.add(route, "m", 1, {REFUSED: SCALE})
        await store.flush()
        cluster_servers[2].send(signal.SIGSTOP)
        for route in routes:
            await store.add(route, "m", 1, {REFUSED: SCALE})
        with pytest.raises(StateError, match="shared store"):
            await store.flush()
        cluster_servers[2].send(signal.SIGCONT)
        deadline_s = time.monotonic() + PATIENCE_S
        while store.evidence_local:
            assert time.monotonic() < deadline_s
            await asyncio.sleep(0.1)
            with contextlib.suppress(StateError):
                await store.flush()
        for route in routes:
            assert [dict(found) for _, found in await store.panes(route, "m", 1, 1)] == [{REFUSED: 2 * SCALE}]
        await store.close()
