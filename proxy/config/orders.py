"""Where the traffic process hears orders: a Unix socket beside the link's."""

from __future__ import annotations

from pathlib import Path

from proxy.config.settings import Settings


def orders_socket(settings: Settings) -> Path:
    """The socket's path, for both ends. File permissions guard it: only the same user may connect."""
    link = Path(settings.link.socket) if settings.link.socket else Path(settings.state_dir) / "link.sock"
    return link.with_name("traffic.sock")
