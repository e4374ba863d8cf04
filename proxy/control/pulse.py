"""That the control plane is alive, for its metrics: when it looked last, what looks take, faults by loop, actions."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class Pulse:
    """Since the start. `looked_s` is the Unix time at which all routes had been looked at last, 0 before.

    `spent_s` are seconds in such rounds; `faults` are rounds, or looks at one route, that failed, by loop; `actions`
    are decisions of this replica by (route, action, what made it: policy or order).
    """

    looked_s: float = 0.0
    spent_s: float = 0.0
    rounds: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    actions: Counter[tuple[str, str, str]] = field(default_factory=Counter)

    def looked(self, begin_s: float, end_s: float) -> None:
        """A round over all routes ended."""
        self.rounds += 1
        self.looked_s, self.spent_s = end_s, self.spent_s + max(0.0, end_s - begin_s)

    def forget(self, route: str) -> None:
        """This route is no more."""
        for key in [key for key in self.actions if key[0] == route]:
            del self.actions[key]
