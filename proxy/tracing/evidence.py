"""Which spans were evidence against a route lately, by signal: bounded, in memory, and nowhere else."""

from __future__ import annotations

from collections import deque
from collections.abc import Container, Iterable
from itertools import count
from typing import Final, NamedTuple

from proxy.tracing.span import Link, Place

LINKS_MAX: Final = 128  # of an action's span; also what is kept for each route and signal


class _Fed(NamedTuple):
    """In order of arrival."""

    number: int
    place: Place


class Evidence:
    """One for the process; called from the loop."""

    def __init__(self) -> None:
        self._numbers = count()
        self._kept: dict[tuple[str, str], deque[_Fed]] = {}

    def note(self, route: str, signals: Iterable[str], place: Place) -> None:
        """An answer of this exchange spoke against its route."""
        for signal in signals:
            ring = self._kept.setdefault((route, signal), deque(maxlen=LINKS_MAX))
            ring.append(_Fed(next(self._numbers), place))

    def links(self, route: str, signals: Iterable[str]) -> tuple[Link, ...]:
        """The newest spans that fed these signals, at most LINKS_MAX, oldest first, each once for each signal."""
        wanted = sorted(set(signals))
        found = [(fed, signal) for signal in wanted for fed in self._kept.get((route, signal), ())]
        newest = sorted(found, key=lambda one: one[0].number)[-LINKS_MAX:]
        return tuple(Link(fed.place, {"groundwire.signal": signal}) for fed, signal in newest)

    def keep(self, routes: Container[str]) -> None:
        """Forget other routes."""
        for gone in [key for key in self._kept if key[0] not in routes]:
            del self._kept[gone]
