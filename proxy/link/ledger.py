"""What a sender sent, lost and had acknowledged. Pure bookkeeping, in runs of one origin, so it stays small.

Every exchange that was offered ends as exactly one of: acknowledged, or lost. A loss is reported in a STATS frame; a
report that was not acknowledged when the connection broke is reported again.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from proxy.link.frames import Loss

ENTRIES_MAX: Final = 8_192  # origins kept while nobody listens: 2 hours of one route
IN_FLIGHT_FACTOR: Final = 8  # runs in flight, as a multiple of that
REPORT_ENTRIES_MAX: Final = 1_024  # entries in one report: a few tens of KB


Origin = tuple[int, str, str]  # second of request start (Unix), route, served model


class _Run:
    """Consecutive frames in flight: exchanges of one origin, or one report."""

    __slots__ = ("count", "losses", "origin")

    def __init__(self, origin: Origin | None, losses: tuple[Loss, ...] = ()) -> None:
        self.origin, self.losses, self.count = origin, losses, 1


class Ledger:
    """The sender's books for one process; connections come and go."""

    def __init__(self, entries_max: int = ENTRIES_MAX) -> None:
        self._entries_max = entries_max
        self._lost: dict[Origin, int] = {}
        self._flight: deque[_Run] = deque()
        self._acknowledged = 0

    def lose(self, origin: Origin, exchanges: int = 1) -> None:
        """Exchanges that will never be counted. Over the bound the oldest entry is forgotten: its pane is closed."""
        self._lost[origin] = self._lost.get(origin, 0) + exchanges
        if len(self._lost) > self._entries_max:
            del self._lost[min(self._lost)]

    def sent(self, origin: Origin) -> None:
        """One exchange was handed to the connection."""
        flight = self._flight
        if flight and flight[-1].origin == origin:
            flight[-1].count += 1
            return
        flight.append(_Run(origin))
        if len(flight) > IN_FLIGHT_FACTOR * self._entries_max:  # a peer that takes everything, acknowledges nothing
            self._acknowledged += flight.popleft().count

    def report(self) -> tuple[Loss, ...]:
        """The oldest losses that nobody was told; they are in flight from now on, as one frame."""
        origins = sorted(self._lost)[:REPORT_ENTRIES_MAX]
        losses = tuple(Loss(*origin, self._lost.pop(origin)) for origin in origins)
        self._flight.append(_Run(None, losses))
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
        flight, self._flight, self._acknowledged = self._flight, deque(), 0
        for run in flight:
            if run.origin is not None:
                self.lose(run.origin, run.count)
            for loss in run.losses:
                self.lose(loss[:3], loss.exchanges)
        return sum(run.count for run in flight if run.origin is not None)
