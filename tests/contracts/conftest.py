"""The stores that every promise is tested on, all real: a file, memory, Redis, Valkey, a cluster, behind Sentinel."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from proxy.config.sections.watching import Analysis, StoreSettings
from proxy.config.settings import Settings
from proxy.stores.contract import Store
from proxy.stores.embedded import open_embedded
from proxy.stores.registry import STORES
from tests.contracts import redis_servers
from tests.contracts.redis_servers import Server

SHARED = ("redis", "valkey", "cluster", "sentinel")
KINDS = ("embedded", "memory", *SHARED)


@dataclass
class Place:
    """Where stores of a kind are opened, again and again: a folder, or real servers."""

    kind: str
    folder: Path
    url: str = ""
    servers: Sequence[Server] = ()

    async def open(self, **more: Any) -> Store:
        """A store here: another process on the same data."""
        if self.kind == "memory":
            return await open_embedded(None)
        shared = self.kind != "embedded"
        named = {"kind": "redis", "url": self.url, "timeout_s": 30.0} if shared else {"kind": "embedded"}
        settings = Settings(
            state_dir=str(self.folder), analysis=Analysis(panes_kept_max=100), store=StoreSettings(**{**named, **more})
        )
        return await STORES[settings.store.kind](settings)

    def wipe(self) -> None:
        """Forget everything that is kept here."""
        for server in self.servers:
            server.sync.flushall()
        for path in sorted(self.folder.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with redis_servers.serving(redis_servers.redis_binary(), tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture(scope="session")
def valkey_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with redis_servers.serving(redis_servers.valkey_binary(), tmp_path_factory.mktemp("valkey")) as server:
        yield server


@pytest.fixture(scope="session")
def cluster_servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Server]]:
    with redis_servers.cluster(redis_servers.redis_binary(), tmp_path_factory.mktemp("cluster")) as servers:
        yield servers


@pytest.fixture(scope="session")
def sentinel_servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[redis_servers.Watched]:
    with redis_servers.sentinel(redis_servers.redis_binary(), tmp_path_factory.mktemp("sentinel")) as watched:
        yield watched


def place_of(kind: str, folder: Path, request: pytest.FixtureRequest) -> Place:
    """Where stores of this kind are opened; empty."""
    place = Place(kind, folder)
    if kind in ("redis", "valkey"):
        server = request.getfixturevalue(f"{kind}_server")
        place = Place(kind, folder, server.url, (server,))
    elif kind == "cluster":
        servers = request.getfixturevalue("cluster_servers")
        place = Place(kind, folder, f"redis+cluster://127.0.0.1:{servers[0].port}", servers)
    elif kind == "sentinel":
        watched = request.getfixturevalue("sentinel_servers")
        place = Place(kind, folder, watched.url, (watched.master,))
    place.wipe()
    return place


@pytest.fixture(params=KINDS)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    return place_of(str(request.param), tmp_path, request)


@pytest.fixture(params=SHARED)
def shared(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    return place_of(str(request.param), tmp_path, request)
