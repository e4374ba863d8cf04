"""The way to a Redis or Valkey server: one, a cluster, or whatever Sentinel says is the master.

    redis://HOST:PORT[/DB]                              rediss:// is the same over TLS
    redis+unix:///PATH[?db=DB]
    redis+cluster://HOST:PORT,HOST:PORT,...             rediss+cluster://
    redis+sentinel://HOST:PORT,HOST:PORT,.../NAME[/DB]  rediss+sentinel://

Every call ends within `timeout_s`. Whatever goes wrong comes out as one error, `Away`, that says what and where.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from redis.asyncio import Redis, RedisCluster
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel
from redis.backoff import NoBackoff
from redis.credentials import CredentialProvider
from redis.exceptions import NoScriptError, RedisError

from proxy.config.sections.watching import StoreSettings
from proxy.config.store_url import StoreUrl, parse_store_url
from proxy.core.errors import StateError
from proxy.stores.redis_scripts import Script

CONNECTIONS_MAX: Final = 16
PIPELINE_COMMANDS_MAX: Final = 512

Client = Any  # Redis | RedisCluster: their stubs say Any for nearly every command
Command = tuple[Any, ...]


class Away(StateError):  # noqa: N818 - a condition that passes, not a fault of ours
    """The shared store cannot be reached, or takes no write. What became of the call is not known."""


@dataclass(frozen=True, slots=True)
class Password(CredentialProvider):
    """User and password, read anew for each connection, so that a new password is taken up. Never in a log."""

    user: str
    file: str
    variable: str

    def get_credentials(self) -> tuple[str] | tuple[str, str]:
        """For redis-py. Raises OSError where the file cannot be read."""
        password = Path(self.file).read_text().strip() if self.file else os.environ.get(self.variable, "")
        return (self.user, password) if self.user else (password,)

    async def get_credentials_async(self) -> tuple[str] | tuple[str, str]:
        """The same: a small file."""
        return self.get_credentials()


class RedisLink:
    """One for the process."""

    def __init__(self, settings: StoreSettings) -> None:
        self._timeout_s = settings.timeout_s
        self._where = parse_store_url(settings.url)
        self._client = _client(self._where, settings)
        self._gate = asyncio.Semaphore(CONNECTIONS_MAX)

    async def script(self, script: Script, keys: Sequence[str], *args: str | int | float | bytes) -> Any:
        """Run a script. Raises Away."""
        words = (len(keys), *keys, *args)
        return await self._guarded(self._evaluate(script, words))

    async def _evaluate(self, script: Script, words: Sequence[Any]) -> Any:
        try:
            return await self._client.evalsha(script.digest, *words)
        except NoScriptError:  # a server that was started anew, or took over
            return await self._client.eval(script.text, *words)

    async def run(self, *command: Any) -> Any:
        """One command. Raises Away."""
        return await self._guarded(self._client.execute_command(*command))

    async def pipeline(self, commands: Sequence[Command]) -> list[Any]:
        """Commands that are sent together, and their answers in order. Raises Away."""
        answers: list[Any] = []
        for begin in range(0, len(commands), PIPELINE_COMMANDS_MAX):
            answers += await self._guarded(self._together(commands[begin : begin + PIPELINE_COMMANDS_MAX]))
        return answers

    async def _together(self, commands: Sequence[Command]) -> list[Any]:
        pipe = self._client.pipeline(transaction=False)
        for command in commands:
            pipe.execute_command(*command)
        return list(await pipe.execute())

    async def _guarded(self, call: Any) -> Any:
        try:
            async with asyncio.timeout(self._timeout_s), self._gate:
                return await call
        except TimeoutError as wrong:
            raise Away(f"shared store at {self._where.shown}: no answer in {self._timeout_s:g} s") from wrong
        except (RedisError, OSError) as wrong:
            raise Away(f"shared store at {self._where.shown}: {wrong or type(wrong).__name__}") from wrong
        finally:
            call.close()  # one that never began

    async def close(self) -> None:
        """Let go of every connection."""
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._client.aclose()
        except (RedisError, OSError, TimeoutError):
            pass  # it is gone already


def _client(where: StoreUrl, settings: StoreSettings) -> Client:
    """The client of this address; it connects with its first call."""
    common = _common(settings)
    if where.kind == "cluster":
        nodes = [ClusterNode(host, port) for host, port in where.hosts]
        return RedisCluster(startup_nodes=nodes, **common, **_tls(where, settings), require_full_coverage=False)
    if where.kind == "sentinel":
        common |= _tls(where, settings)
        sentinels = Sentinel(  # type: ignore[no-untyped-call]
            list(where.hosts), sentinel_kwargs=common, **common, db=where.db
        )
        return sentinels.master_for(where.name)
    if where.path:
        return Redis(unix_socket_path=where.path, db=where.db, **common)
    host, port = where.hosts[0]
    return Redis(host=host, port=port, db=where.db, **common, **_tls(where, settings))


def _common(settings: StoreSettings) -> dict[str, Any]:
    """One retry for a connection that died unused; every script may come twice."""
    found: dict[str, Any] = {
        "socket_timeout": settings.timeout_s,
        "socket_connect_timeout": settings.timeout_s,
        "retry": Retry(NoBackoff(), 1),
        "client_name": "groundwire",
        "protocol": 2,
    }
    if settings.user or settings.password_file or settings.password_env:
        found["credential_provider"] = Password(settings.user, settings.password_file, settings.password_env)
    return found


def _tls(where: StoreUrl, settings: StoreSettings) -> dict[str, Any]:
    if not where.tls:
        return {}
    files = {
        "ssl_ca_certs": settings.tls_ca_file,
        "ssl_certfile": settings.tls_cert_file,
        "ssl_keyfile": settings.tls_key_file,
    }
    return {"ssl": True, **{name: path for name, path in files.items() if path}}
