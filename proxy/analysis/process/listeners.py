"""An aiohttp application on a TCP address or a Unix socket, with errors that name the setting."""

from __future__ import annotations

from pathlib import Path

from aiohttp import web

from proxy.config.address import Address, parse_address
from proxy.core.errors import GroundwireError
from proxy.link.unix_socket import listen_unix


async def serve_http(app: web.Application, text: str, setting: str) -> web.AppRunner:
    """Serve on this address; `cleanup` of what comes back ends it. Raises GroundwireError where it cannot."""
    address = parse_address(text)
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=1.0)
    await runner.setup()
    try:
        if address.path:
            listening = listen_unix(Path(address.path))
            await web.SockSite(runner, listening).start()
        else:
            await web.TCPSite(runner, address.host, address.port).start()
    except OSError as wrong:
        await runner.cleanup()
        raise GroundwireError(f"{setting} {address}: {wrong.strerror}; choose another address there") from wrong
    return runner


def address_of(runner: web.AppRunner) -> str:
    """Where it listens: the port that the system chose, where port 0 was asked for."""
    where = runner.addresses[0]  # of a name that stands for several, the first
    return str(Address(path=where) if isinstance(where, str) else Address(where[0], where[1]))
