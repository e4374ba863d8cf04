"""What the pipeline did since it started, for its metrics."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Sequence, Set
from dataclasses import dataclass, field
from typing import Final

from proxy.analysis import counting
from proxy.core.observation import Observation

ANALYSED: Final = "analysed"  # outcome of an exchange, beside why it was skipped
DROPPED: Final = "dropped"  # on the wire: it never came


@dataclass(slots=True)
class Totals:
    """Counts since the start of the process, times in seconds.

    `outcomes` is by route and what became of an exchange: ANALYSED, for review only, DROPPED, or why it was skipped.
    `flagged` is by route and signal, `sensitive` by route and type; what was counted before is in neither.
    """

    exchanges: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)
    observations: Counter[tuple[str, str]] = field(default_factory=Counter)  # (route, "ok" or the reason)
    duplicates: Counter[str] = field(default_factory=Counter)
    lost: Counter[str] = field(default_factory=Counter)
    flagged: Counter[tuple[str, str]] = field(default_factory=Counter)
    sensitive: Counter[tuple[str, str]] = field(default_factory=Counter)
    flushes: int = 0
    flush_faults: int = 0
    flushed_s: float = 0.0
    busy_s: float = 0.0

    def keep(self, routes: Container[str]) -> None:
        """Forget what was counted of other routes: names that come and go for ever have a bound."""
        for paired in (self.observations, self.outcomes, self.flagged, self.sensitive):
            for pair in [pair for pair in paired if pair[0] not in routes]:
                del paired[pair]
        for counter in (self.duplicates, self.lost):
            for gone in [route for route in counter if route not in routes]:
                del counter[gone]

    def add(self, route: str, observed: Sequence[Observation], repeated: Set[str]) -> None:
        """The answers of one exchange. `repeated`: marks of prompts that counted lately."""
        for one in observed:
            if counting.mark(one) in repeated:
                self.duplicates[route] += 1
                continue
            self.observations[route, one.unassessed.value if one.unassessed else counting.OK] += 1
            self.flagged.update({(route, signal): 1 for signal in counting.flagged(one)})
            self.sensitive.update({(route, kind): n for kind, n in (one.sensitive or {}).items()})
