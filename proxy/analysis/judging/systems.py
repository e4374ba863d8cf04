"""Which system prompts of a route are counted by name: the TOP most frequent, and all others as one.

Space-Saving (Metwally, Agrawal, El Abbadi 2005): with SLOTS counters for any number of system prompts, one that makes
up more than 1/SLOTS of the answers always holds a counter. Every process ranks what it sees itself.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass, field
from typing import Final

SLOTS: Final = 64
TOP: Final = 8
RANK_EVERY: Final = 256  # answers between two rankings
NAME_CHARS: Final = 12  # of a fingerprint: enough to tell eight apart
NONE, OTHER = "none", "other"


@dataclass(slots=True)
class _Route:
    counts: dict[str, int] = field(default_factory=dict)
    top: frozenset[str] = frozenset()
    until_rank: int = 0


class Systems:
    """One for the process; called from one thread at a time."""

    def __init__(self) -> None:
        self._routes: dict[str, _Route] = {}

    def name(self, route: str, fingerprint: str) -> str:
        """The stratum of an answer under this system prompt, which is counted by it."""
        if not fingerprint:
            return NONE
        known = self._routes.setdefault(route, _Route())
        _count(known.counts, fingerprint)
        _rank(known, fingerprint)
        return fingerprint[:NAME_CHARS] if fingerprint in known.top else OTHER

    def keep(self, routes: Container[str]) -> None:
        """Forget those of other routes."""
        for gone in [route for route in list(self._routes) if route not in routes]:
            self._routes.pop(gone, None)


def _count(counts: dict[str, int], fingerprint: str) -> None:
    if fingerprint in counts or len(counts) < SLOTS:
        counts[fingerprint] = counts.get(fingerprint, 0) + 1
        return
    least = min(counts, key=counts.__getitem__)
    counts[fingerprint] = counts.pop(least) + 1


def _rank(known: _Route, fingerprint: str) -> None:
    """Anew after RANK_EVERY answers; while there is room, at once."""
    known.until_rank -= 1
    if known.until_rank > 0 and (fingerprint in known.top or len(known.top) >= TOP):
        return
    ranked = sorted(known.counts, key=lambda one: (-known.counts[one], one))
    known.top, known.until_rank = frozenset(ranked[:TOP]), RANK_EVERY
