"""An upstream that a test drives by hand, and a proxy of its own in front of any address."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.wire.house import Traffic, traffic
from tests.wire.rawhttp import PATIENCE_S, Wire


class BareUpstream:
    """Listens; the test accepts, reads and answers. Connections that bring no byte (probes) are passed over."""

    def __init__(self, family: socket.AddressFamily = socket.AF_INET, address: Any = ("127.0.0.1", 0)) -> None:
        self._listener = socket.create_server(address, family=family) if family != socket.AF_UNIX else _unix(address)
        self._listener.settimeout(PATIENCE_S)
        self._wires: list[Wire] = []
        name = self._listener.getsockname()
        if family == socket.AF_UNIX:
            self.url = f"unix:{name}"
        else:
            host = f"[{name[0]}]" if family == socket.AF_INET6 else name[0]
            self.url = f"http://{host}:{name[1]}"

    def __enter__(self) -> BareUpstream:
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()
        for wire in self._wires:
            wire.close()

    def accept(self) -> Wire:
        """The connection on which the next bytes come."""
        import select

        while True:
            waiting = [self._listener, *(wire.sock for wire in self._wires if wire.sock.fileno() >= 0)]
            ready, _, _ = select.select(waiting, [], [], PATIENCE_S)
            assert ready, "nothing came"
            if self._listener in ready:
                self._wires.append(Wire(self._listener.accept()[0]))
                continue
            wire = next(one for one in self._wires if one.sock is ready[0])
            if wire.sock.recv(1, socket.MSG_PEEK):
                return wire
            wire.sock.close()


def _unix(path: str) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen()
    return listener


@contextmanager
def in_front_of(url: str, folder: Path, settings: Mapping[str, Any] | None = None) -> Iterator[Traffic]:
    """A traffic process before this upstream."""
    with traffic(folder, {"default": url}, settings) as running:
        yield running
