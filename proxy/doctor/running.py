"""Who answers on the health ports and the control socket: facts, gathered once for all checks."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import aiohttp
import orjson

from proxy.config.address import Address, parse_address
from proxy.config.settings import Settings
from proxy.control.api.client import control_address

LOOK_S: Final = 4.0
PAGE_BYTES_MAX: Final = 8 * 1024 * 1024
CHUNK_BYTES: Final = 65_536
ANYWHERE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - where a listener on all addresses is asked
_SERVER: Final = re.compile(r"groundwire/(\S+)")
_SAMPLE: Final = re.compile(r"^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Page:
    """An answer of a health port."""

    status: int
    text: str
    version: str = ""  # of the Groundwire that answered; "" where it is none


@dataclass(frozen=True, slots=True)
class Process:
    """One of the two processes as its health port shows it; `ready` and `metrics` only where it lives."""

    address: str = ""
    live: Page | None = None
    ready: Page | None = None
    metrics: str = field(default="", repr=False)

    @property
    def version(self) -> str:
        """Of Groundwire, "" where nothing or something else answers."""
        return self.live.version if self.live else ""

    def values(self, metric: str) -> list[tuple[str, float]]:
        """(labels as written, value) of every sample of a metric."""
        found = (one for one in _SAMPLE.finditer(self.metrics) if one[1] == metric)
        return [(one[2] or "", float(one[3])) for one in found]

    def value(self, metric: str) -> float | None:
        """The value of a metric without labels."""
        return next((value for _, value in self.values(metric)), None)


@dataclass(frozen=True, slots=True)
class Running:
    """`status` and `routes` are what the control API says; None where it does not answer."""

    traffic: Process = field(default_factory=Process)
    analysis: Process = field(default_factory=Process)
    status: Mapping[str, Any] | None = None
    routes: Sequence[Mapping[str, Any]] | None = None

    @property
    def any(self) -> bool:
        """Whether some Groundwire answers."""
        return bool(self.traffic.version or self.analysis.version or self.status is not None)


async def look(settings: Settings) -> Running:
    """Ask all three. Never raises."""
    listen = settings.listen
    traffic, analysis, control = await asyncio.gather(
        _process(listen.health, "/readyz?verbose"), _process(listen.analysis_health, "/readyz"), _control(settings)
    )
    status, routes = control or (None, None)
    return Running(traffic, analysis, status, routes)


def reachable(address: Address) -> Address:
    """Where to ask a listener of this address from the same machine."""
    return Address(ANYWHERE.get(address.host, address.host), address.port, address.path)


async def _process(listening: str, readyz: str) -> Process:
    at = reachable(parse_address(listening))
    live = await get(at, "/livez")
    if live is None or not live.version:
        return Process(str(at), live)
    ready, metrics = await asyncio.gather(get(at, readyz), get(at, "/metrics"))
    return Process(str(at), live, ready, metrics.text if metrics else "")


async def get(at: Address, path: str, headers: Mapping[str, str] | None = None) -> Page | None:
    """GET a page of this machine; None where nothing that speaks HTTP answers in time."""
    connector = aiohttp.UnixConnector(at.path) if at.path else aiohttp.TCPConnector()
    base = "http://groundwire" if at.path else f"http://{at}"
    timeout = aiohttp.ClientTimeout(total=LOOK_S)
    try:
        async with (
            aiohttp.ClientSession(connector=connector, timeout=timeout, headers=headers) as session,
            session.get(base + path) as answer,
        ):
            data = b""
            async for chunk in answer.content.iter_chunked(CHUNK_BYTES):
                data += chunk
                if len(data) > PAGE_BYTES_MAX:
                    return None
            by = _SERVER.match(answer.headers.get("Server", ""))
            return Page(answer.status, data.decode(errors="replace"), by[1] if by else "")
    except (aiohttp.ClientError, OSError, ValueError, TimeoutError):
        return None


async def _control(settings: Settings) -> tuple[Mapping[str, Any], Sequence[Mapping[str, Any]]] | None:
    try:
        file = settings.listen.control_token_file
        token = Path(file).read_text().strip() if file else ""
    except (OSError, ValueError):
        return None  # the check of permissions says so
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    at = reachable(control_address(settings))
    pages = await asyncio.gather(get(at, "/v1/status", headers), get(at, "/v1/routes", headers))
    try:
        status, routes = (orjson.loads(page.text) for page in pages if page is not None and page.status == 200)
        return status, routes["routes"]
    except (ValueError, KeyError, TypeError):
        return None
