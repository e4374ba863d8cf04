"""`groundwire drain`: the traffic process takes no more, lets running answers end, and waits for SIGTERM.

Loads no more than the traffic process has: it runs in the image of that alone, as a pod's preStop hook.
"""

from __future__ import annotations

import socket
import sys
from argparse import Namespace
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Final

from proxy.config.compiled import compile_settings
from proxy.config.orders import orders_socket
from proxy.core.errors import GroundwireError

SLACK_S: Final = 15.0


class DrainError(GroundwireError):
    """Nobody heard the order, or nobody answered."""


def drain(arguments: Namespace) -> int:
    """Give the order and wait until the last answer has ended. Raises ConfigError, DrainError."""
    settings = compile_settings(arguments.config, _flags(arguments))
    path = orders_socket(settings)
    connection = _Local(path, settings.drain.delay_s + settings.drain.grace_s + SLACK_S)
    try:
        connection.request("POST", "/drain")
        answer = connection.getresponse()
        said = answer.read().decode()
    except (OSError, HTTPException) as wrong:
        raise DrainError(
            f"no traffic process answers at {path} ({wrong}); is it running, and is --state-dir right?"
        ) from wrong
    finally:
        connection.close()
    if answer.status != 200:
        raise DrainError(f"{path}: {said.strip()}")
    sys.stdout.write(said)
    return 0


def _flags(arguments: Namespace) -> list[str]:
    return [f"state_dir={Path(arguments.state_dir).absolute()}"] if arguments.state_dir else []


class _Local(HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: Path, timeout_s: float) -> None:
        super().__init__("localhost", timeout=timeout_s)
        self._path = path
        self._timeout_s = timeout_s

    def connect(self) -> None:
        """Connect to the socket. Raises OSError."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self._timeout_s)
        self.sock.connect(str(self._path))
