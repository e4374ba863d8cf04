"""What a sender sent, lost and had acknowledged. Pure bookkeeping, in runs of (second, route), so it stays small.

Every exchange that was offered ends as exactly one of: acknowledged, or lost. A loss is reported in a STATS frame; a
report that was not acknowledged when the connection broke is reported again.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from proxy.link.frames import Loss

ENTRIES_MAX: Final = 8_192  # (second, route) entries kept while nobody listens: 2 hours of one route
REPORT_ENTRIES_MAX: Final = 1_024  # entries in one report: a few tens of KB


class _Run:
    """Consecutive frames in flight: exchanges of one (second, route), or one report."""

    __slots__ = ("count", "losses", "route", "second")

    def __init__(self, second: int, route: str, losses: tuple[Loss, ...] | None = None) -> None:
        self.second, self.route, self.losses, self.count = second, route, losses, 1


class Ledger:
    """The sender's books for one process; connections come and go."""

    def __init__(self, entries_max: int = ENTRIES_MAX) -> None:
        self._entries_max = entries_max
        self._lost: dict[tuple[int, str], int] = {}
        self._flight: deque[_Run] = deque()
        self._acknowledged = 0

    def lose(self, second: int, route: str, exchanges: int = 1) -> None:
        """Exchanges that will never be counted. Over the bound the oldest entry is forgotten: its pane is closed."""
        key = (second, route)
        self._lost[key] = self._lost.get(key, 0) + exchanges
        if len(self._lost) > self._entries_max:
            del self._lost[min(self._lost)]

    def sent(self, second: int, route: str) -> None:
        """One exchange was handed to the connection."""
        flight = self._flight
        if flight:
            last = flight[-1]
            if last.second == second and last.route == route and last.losses is None:
                last.count += 1
                return
        flight.append(_Run(second, route))
        if len(flight) > 8 * self._entries_max:  # a peer that takes everything and acknowledges nothing
            self._acknowledged += flight.popleft().count

    def report(self) -> tuple[Loss, ...]:
        """The oldest losses that nobody was told; they are in flight from now on, as one frame."""
        keys = sorted(self._lost)[:REPORT_ENTRIES_MAX]
        losses = tuple(Loss(second, route, self._lost.pop((second, route))) for second, route in keys)
        self._flight.append(_Run(0, "", losses))
        return losses

    def acknowledge(self, frames: int) -> None:
        """The first `frames` frames of this connection are stored."""
        due = frames - self._acknowledged
        while due > 0 and self._flight:
            run = self._flight[0]
            taken = min(due, run.count)
            run.count -= taken
            due -= taken
            self._acknowledged += taken
            if run.count == 0:
                self._flight.popleft()

    def disconnect(self) -> int:
        """The connection is gone: all that is in flight is lost. Gives the number of exchanges among it."""
        exchanges = 0
        for run in self._flight:
            if run.losses is None:
                self.lose(run.second, run.route, run.count)
                exchanges += run.count
            else:
                for loss in run.losses:
                    self.lose(*loss)
        self._flight.clear()
        self._acknowledged = 0
        return exchanges
