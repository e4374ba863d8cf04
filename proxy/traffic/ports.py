"""What the data plane needs of the link, as a contract; `link.sender.LinkSender` keeps it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from proxy.core.exchange import Exchange


class Link(Protocol):
    """Takes exchanges, and never makes anybody wait."""

    thinned: int
    sent: int

    @property
    def connected(self) -> bool:
        """Whether an analysis process is there."""

    @property
    def dropped(self) -> Mapping[str, int]:
        """Dropped exchanges by reason."""

    @property
    def waiting_bytes(self) -> int:
        """Bytes that wait for its socket."""

    def offer(self, exchange: Exchange) -> None:
        """Send it or drop it."""

    def count_thinned(self) -> None:
        """An exchange left out on purpose."""
