"""Opening the ports."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Final

from proxy.config.address import Address, parse_address
from proxy.config.sections.serving import Listen
from proxy.core.errors import GroundwireError

BACKLOG: Final = 1_024


class ListenError(GroundwireError):
    """A port that cannot be opened."""


async def listen(
    text: str, key: str, protocol: Callable[[], asyncio.BaseProtocol], tls: ssl.SSLContext | None = None
) -> tuple[asyncio.Server, str]:
    """Open a listener on an address of the settings; `key` names the setting. Returns it with its real address.

    Raises ListenError with the mend.
    """
    address = parse_address(text)
    loop = asyncio.get_running_loop()
    try:
        if address.path:
            _remove_dead_socket(address.path)
            server = await loop.create_unix_server(protocol, address.path, ssl=tls, backlog=BACKLOG)
            return server, str(address)
        server = await loop.create_server(
            protocol, address.host, address.port, ssl=tls, backlog=BACKLOG, reuse_address=True
        )
    except OSError as wrong:
        raise ListenError(f"cannot listen on {address} (`{key}`): {wrong.strerror or wrong}; is it in use?") from wrong
    host, port = server.sockets[0].getsockname()[:2]
    return server, str(Address(host, port))


def server_tls(settings: Listen) -> ssl.SSLContext | None:
    """TLS of the data port, None where it is not set. Raises ListenError."""
    if not settings.tls_cert_file:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(settings.tls_cert_file, settings.tls_key_file or None)
    except (OSError, ssl.SSLError) as wrong:
        raise ListenError(f"`listen.tls_cert_file` {settings.tls_cert_file}: {wrong}") from wrong
    return context


def _remove_dead_socket(path: str) -> None:
    """Remove a socket that nobody listens on. Raises OSError where somebody does."""
    if not Path(path).is_socket():
        return
    with socket.socket(socket.AF_UNIX) as probe:
        if probe.connect_ex(path) == 0:
            raise OSError("another process listens there")
    Path(path).unlink(missing_ok=True)
