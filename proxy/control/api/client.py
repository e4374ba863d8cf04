"""A client of the control API, for the command line: one request, one answer."""

from __future__ import annotations

import asyncio
from argparse import Namespace
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, BinaryIO, Final
from urllib.parse import quote

import aiohttp

from proxy.config.address import Address, parse_address
from proxy.config.load import load
from proxy.config.settings import Settings
from proxy.core.errors import GroundwireError

TIMEOUT_S: Final = 30.0


class ControlError(GroundwireError):
    """The control API is out of reach, or said no."""


class ControlClient:
    """Talks to the control API of a running Groundwire."""

    def __init__(self, address: Address, token: str = "") -> None:
        self._address = address
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    @classmethod
    def of(cls, arguments: Namespace) -> ControlClient:
        """The client of the flags `--control`, `--config` and `--state-dir`. Raises ConfigError, ControlError."""
        settings = load(Path(arguments.config) if arguments.config else None, _flags(arguments))
        return cls(control_address(settings), _token(settings.listen.control_token_file))

    def get(self, path: str) -> Any:
        """GET a path. Raises ControlError."""
        return asyncio.run(self._call("GET", path, None))

    def post(self, path: str, body: dict[str, Any], timeout_s: float = TIMEOUT_S) -> Any:
        """POST JSON to a path. Raises ControlError."""
        return asyncio.run(self._call("POST", path, body, timeout_s))

    def download(self, path: str, to: BinaryIO) -> int:
        """GET a path, its body written as it comes; its bytes. Raises ControlError."""
        return asyncio.run(self._download(path, to))

    async def _download(self, path: str, to: BinaryIO) -> int:
        written = 0
        async with self._asked("GET", path, None, aiohttp.ClientTimeout(sock_read=TIMEOUT_S)) as answer:
            if answer.status >= 400:
                raise ControlError(_said(await answer.json(content_type=None), answer.status))
            async for chunk in answer.content.iter_any():
                written += to.write(chunk)
        return written

    async def _call(self, method: str, path: str, body: dict[str, Any] | None, timeout_s: float = TIMEOUT_S) -> Any:
        async with self._asked(method, path, body, aiohttp.ClientTimeout(total=timeout_s)) as answer:
            data = await answer.json(content_type=None)
            if answer.status >= 400:
                raise ControlError(_said(data, answer.status))
            return data

    @asynccontextmanager
    async def _asked(
        self, method: str, path: str, body: dict[str, Any] | None, timeout: aiohttp.ClientTimeout
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        at = self._address
        connector = aiohttp.UnixConnector(at.path) if at.path else aiohttp.TCPConnector()
        base = "http://groundwire" if at.path else f"http://{at}"
        try:
            async with (
                aiohttp.ClientSession(connector=connector, headers=self._headers, timeout=timeout) as session,
                session.request(method, base + path, json=body) as answer,
            ):
                yield answer
        except ValueError as wrong:
            raise ControlError(f"what answers at {at} is no control API; is --control right?") from wrong
        except TimeoutError as wrong:
            raise ControlError(
                f"Groundwire at {at} did not answer in time; is its machine busy? See its log"
            ) from wrong
        except aiohttp.ClientError as wrong:
            text = f"no Groundwire answers at {at} ({wrong}); is it running, and is --state-dir or --control right?"
            raise ControlError(text) from wrong


def control_address(settings: Settings) -> Address:
    """Where the control API of these settings listens."""
    text = settings.listen.control
    return parse_address(text) if text else Address(path=f"{settings.state_dir}/control.sock")


def route_path(name: str, verb: str = "") -> str:
    """The API path of a route; names may hold slashes."""
    return f"/v1/routes/{quote(name, safe='')}" + (f"/{verb}" if verb else "")


def _token(file: str) -> str:
    try:
        return Path(file).read_text().strip() if file else ""
    except (OSError, ValueError) as wrong:
        raise ControlError(f"listen.control_token_file {file} cannot be read: {wrong}") from wrong


def _flags(arguments: Namespace) -> list[str]:
    flags = []
    if arguments.control:
        flags.append(f"listen.control={arguments.control}")
    if arguments.state_dir:
        flags.append(f"state_dir={Path(arguments.state_dir).absolute()}")
    return flags


def _said(data: Any, status: int) -> str:
    error = data.get("error") if isinstance(data, dict) else None
    message = error.get("message") if isinstance(error, dict) else error
    return str(message or f"the control API answered {status}")
