"""Coverage: the share 2^-k of exchanges that traffic sends up, and the weights that make up for it. Pure.

Traffic tosses the coin at request start with the k it has just been told, and each exchange carries its k. A pane's
counts need one common reference, pi_min = 2^-K, so that a weight is 2^-r with r = K - k >= 0 (detection section 2).
So K of a pane covers everybody who may have begun in it: when k rises, K rises with the pane that has just begun;
when k falls, K follows some panes later, once traffic has surely heard of it. An exchange with k > K (traffic was cut
off for longer than that) cannot be weighed and is counted as lost.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from math import ceil
from typing import Any, Final

import orjson

from proxy.core.errors import StateError

K_MAX: Final = 7
CROWDED_RATIO: Final = 0.5
CALM_RATIO: Final = 0.1
BUSY_RATIO: Final = 0.95  # no time is left, and a long queue takes panes to fill
IDLE_RATIO: Final = 0.4  # twice as many exchanges then still leave a fifth of the time
HEARD_WITHIN_S: Final = 3.0  # a control tick, and the way down the wire
CHANGES_MAX: Final = 256  # older panes are closed


@dataclass(frozen=True, slots=True)
class Coverage:
    """`changes` holds (first pane with this K, k), oldest first."""

    changes: tuple[tuple[int, int], ...] = ((0, 0),)

    @property
    def k(self) -> int:
        """What traffic is asked for now."""
        return self.changes[-1][1]

    def epoch_k(self, pane: int) -> int:
        """K of a pane: its rarest exchange was kept with probability 2^-K."""
        i = bisect_right(self.changes, (pane, K_MAX)) - 1
        return self.changes[max(0, i)][1]

    def level(self, pane: int, exchange_k: int) -> int | None:
        """Weight level r of an exchange; None where it does not fit its pane."""
        r = self.epoch_k(pane) - exchange_k
        return r if 0 <= r <= K_MAX else None


def at_edge(coverage: Coverage, pane: int, pane_s: float, fill_ratio: float, busy_ratio: float = 0.0) -> Coverage:
    """The coverage from `pane` on, which has just begun.

    In the pane before, the queue was at most so full, and the share of time spent on exchanges (the classifier's
    included) was `busy_ratio`. Over half full, or no time left, asks for half the exchanges; under a tenth full for
    twice as many, if there is time for twice as many. One change at a time: nothing moves while an earlier fall has not
    reached its first pane.
    """
    calm = fill_ratio < CALM_RATIO and busy_ratio < IDLE_RATIO
    crowded = fill_ratio > CROWDED_RATIO or busy_ratio > BUSY_RATIO
    k = min(K_MAX, max(0, coverage.k + crowded - calm))
    if k == coverage.k or pane <= coverage.changes[-1][0]:
        return coverage
    first = pane if k > coverage.k else pane + 1 + ceil(HEARD_WITHIN_S / pane_s)
    return Coverage((*coverage.changes, (first, k))[-CHANGES_MAX:])


def to_bytes(coverage: Coverage) -> bytes:
    """For the store: a restarted analysis goes on with the epoch that traffic is in."""
    return orjson.dumps(coverage.changes)


def from_bytes(data: bytes) -> Coverage:
    """Read what `to_bytes` gave. Raises StateError."""
    try:
        values: Any = orjson.loads(data)
        changes = tuple((int(pane), int(k)) for pane, k in values)
    except (ValueError, TypeError) as wrong:
        raise StateError(f"coverage cannot be read: {wrong}") from wrong
    if not changes or list(changes) != sorted(changes) or not all(0 <= k <= K_MAX for _, k in changes):
        raise StateError("coverage cannot be read: its changes are not in order, or outside 0..7")
    return Coverage(changes)
