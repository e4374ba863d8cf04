"""Groundwire's own calls to the model servers: plain, TLS or Unix sockets, with the upstream's `auth` header.

The header is read from its file or variable for each call, so that a rotated key is taken up; it is never logged.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final

import aiohttp
import orjson

from proxy.config.sections.serving import Auth, Upstream
from proxy.core.errors import GroundwireError

ANSWER_BYTES_MAX: Final = 8 * 1024 * 1024
CONNECTIONS_MAX: Final = 8  # of one upstream; Groundwire's own calls may not crowd out users


class Unreachable(GroundwireError):  # noqa: N818 - it is a state of the world, not a fault
    """An upstream that did not answer; the message says how it failed."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer. `data` is decoded (no chunks, no content-encoding). `date`: the server's `Date`, "" without."""

    status: int
    content_type: str
    data: bytes
    date: str = ""


class UpstreamClient:
    """Calls to one upstream. Close it, or use it as a context."""

    def __init__(self, name: str, upstream: Upstream) -> None:
        self.name = name
        self._upstream = upstream
        self._base = _base_url(upstream.url)
        self._session: aiohttp.ClientSession | None = None
        self._closed = False

    @property
    def closed(self) -> bool:
        """Whether this client was closed: what failed since says nothing of the server."""
        return self._closed

    @property
    def auth_setting(self) -> str:
        """The setting that holds this upstream's key, as a 401 names it."""
        return f"upstreams.{self.name}.auth"

    async def __aenter__(self) -> UpstreamClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, wrong: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def get(self, path: str, timeout_s: float) -> Answer:
        """GET a path. Raises Unreachable."""
        return await self._call("GET", path, None, timeout_s)

    async def post(self, path: str, body: Any, timeout_s: float) -> Answer:
        """POST JSON to a path. Raises Unreachable."""
        return await self._call("POST", path, orjson.dumps(body), timeout_s)

    async def close(self) -> None:
        """End what is under way; later calls raise Unreachable."""
        self._closed = True
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _call(self, method: str, path: str, body: bytes | None, timeout_s: float) -> Answer:
        headers = {"Accept": "application/json", **auth_header(self._upstream.auth)}
        if body is not None:
            headers["Content-Type"] = "application/json"
        if self._upstream.upstream_host:
            headers["Host"] = self._upstream.upstream_host
        if self._closed:
            raise Unreachable(f"{self._upstream.url}: Groundwire took other settings")
        timeout = aiohttp.ClientTimeout(total=timeout_s)
        name = self._upstream.tls_server_name or None
        try:
            async with self._open().request(
                method,
                self._base + path,
                data=body,
                headers=headers,
                timeout=timeout,
                server_hostname=name,
                allow_redirects=False,
            ) as got:
                data = await got.content.read(ANSWER_BYTES_MAX)
                while not got.content.at_eof() and len(data) < ANSWER_BYTES_MAX:
                    data += await got.content.read(ANSWER_BYTES_MAX - len(data))
                return Answer(got.status, got.content_type, data, got.headers.get("Date", ""))
        except TimeoutError as wrong:
            raise Unreachable(f"{self._upstream.url}: no answer within {timeout_s:g} s") from wrong
        except (aiohttp.ClientError, OSError, ValueError, RuntimeError) as wrong:
            raise Unreachable(f"{self._upstream.url}: {wrong or type(wrong).__name__}") from wrong

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(connector=_connector(self._upstream))
        return self._session


def auth_header(auth: Auth) -> dict[str, str]:
    """The header of Groundwire's own calls; empty where none is set. Raises Unreachable where its file is away."""
    if auth.value_file:
        try:
            return {auth.header: Path(auth.value_file).read_text().strip()}
        except OSError as wrong:
            raise Unreachable(f"auth.value_file {auth.value_file} cannot be read: {wrong.strerror}") from wrong
    value = os.environ.get(auth.value_env, "").strip() if auth.value_env else ""
    return {auth.header: value} if value else {}


def clients(upstreams: Mapping[str, Upstream]) -> dict[str, UpstreamClient]:
    """One client for each upstream."""
    return {name: UpstreamClient(name, upstream) for name, upstream in upstreams.items()}


def _base_url(url: str) -> str:
    return "http://localhost" if url.startswith("unix:") else url.rstrip("/")


def _connector(upstream: Upstream) -> aiohttp.BaseConnector:
    if upstream.url.startswith("unix:"):
        return aiohttp.UnixConnector(upstream.url.removeprefix("unix:"), limit=CONNECTIONS_MAX)
    if upstream.url.startswith("https:"):
        context = ssl.create_default_context(cafile=upstream.tls_ca_file or None)
        return aiohttp.TCPConnector(ssl=context, limit=CONNECTIONS_MAX)
    return aiohttp.TCPConnector(limit=CONNECTIONS_MAX)
