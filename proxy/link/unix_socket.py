"""Listening on a Unix socket that only its owner may use."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Final

from proxy.core.errors import StateError

PATH_BYTES_MAX: Final = 107  # of a Unix socket's name, on Linux


def listen_unix(path: Path) -> socket.socket:
    """A listening Unix socket of mode 0600; a stale one is replaced. Raises StateError with the mend."""
    if len(bytes(path)) > PATH_BYTES_MAX:
        raise StateError(
            f"{path}: a Unix socket's path has at most {PATH_BYTES_MAX} bytes; choose a shorter one in the settings"
        )
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        if path.is_socket():
            path.unlink()
        listening.bind(bytes(path))
        path.chmod(0o600)  # before listen: nobody can have connected
        listening.listen(16)
        listening.setblocking(False)
    except OSError as wrong:
        listening.close()
        raise StateError(
            f"{path}: cannot listen there: {wrong.strerror}; is the folder there, and may I write to it?"
        ) from wrong
    return listening
