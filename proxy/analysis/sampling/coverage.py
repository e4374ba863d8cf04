"""Coverage: the share 2^-k of exchanges that traffic sends up, and the weights that make up for it. Pure.

Traffic tosses the coin at request start with the k it has just been told, and each exchange carries its k. A pane's
counts need one common reference, pi_min = 2^-K, so that a weight is 2^-r with r = K - k >= 0 (detection section 2).
So K of a pane covers everybody who may have begun in it: when k rises, K rises with the pane that has just begun;
when k falls, K follows some panes later, once traffic has surely heard of it. An exchange with k > K (traffic was cut
off for longer than that) cannot be weighed and is counted as lost.

Replicas on one store have one coverage, or their counts would not add: a rise begins some panes ahead, when all have
read it, and a fall waits until none of them is short of time.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, replace
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
    """`changes` holds (first pane with this K, k), oldest first. `busy_pane`: the last that left a replica no time."""

    changes: tuple[tuple[int, int], ...] = ((0, 0),)
    busy_pane: int = -1

    @property
    def k(self) -> int:
        """What traffic is asked for, once the last change has begun."""
        return self.changes[-1][1]

    def asked(self, pane: int) -> int:
        """What traffic is asked for in this pane: not yet for a rise that lies ahead."""
        return min(self.k, self.epoch_k(pane))

    def epoch_k(self, pane: int) -> int:
        """K of a pane: its rarest exchange was kept with probability 2^-K."""
        i = bisect_right(self.changes, (pane, K_MAX)) - 1
        return self.changes[max(0, i)][1]

    def level(self, pane: int, exchange_k: int) -> int | None:
        """Weight level r of an exchange; None where it does not fit its pane."""
        r = self.epoch_k(pane) - exchange_k
        return r if 0 <= r <= K_MAX else None


@dataclass(frozen=True, slots=True)
class Pressure:
    """Of the last pane: how full the queue was at most, and the share of time spent on exchanges."""

    fill_ratio: float
    busy_ratio: float = 0.0

    @property
    def is_calm(self) -> bool:
        """Whether there is time for twice as many exchanges."""
        return self.fill_ratio < CALM_RATIO and self.busy_ratio < IDLE_RATIO

    @property
    def is_crowded(self) -> bool:
        """Whether half as many are all that there is time for."""
        return self.fill_ratio > CROWDED_RATIO or self.busy_ratio > BUSY_RATIO


def at_edge(coverage: Coverage, pane: int, pane_s: float, fill_ratio: float, busy_ratio: float = 0.0) -> Coverage:
    """The coverage from `pane` on, which has just begun.

    In the pane before, the queue was at most so full, and the share of time spent on exchanges (the classifier's
    included) was `busy_ratio`. Over half full, or no time left, asks for half the exchanges; under a tenth full for
    twice as many, if there is time for twice as many. One change at a time: nothing moves until traffic has heard of
    the one before.
    """
    pressure = Pressure(fill_ratio, busy_ratio)
    k = min(K_MAX, max(0, coverage.k + pressure.is_crowded - pressure.is_calm))
    if k == coverage.k or not _is_settled(coverage, pane, pane_s):
        return coverage
    return _changed(coverage, pane if k > coverage.k else pane + _heard(pane_s), k)


def at_edge_of_many(coverage: Coverage, pane: int, pane_s: float, pressure: Pressure) -> Coverage:
    """As `at_edge`, where each replica calls it on what all share, and all read that once a second."""
    if not pressure.is_calm and coverage.k:
        coverage = replace(coverage, busy_pane=max(pane, coverage.busy_pane))
    falls = pressure.is_calm and pane > coverage.busy_pane + 1
    k = min(K_MAX, max(0, coverage.k + pressure.is_crowded - falls))
    if k == coverage.k or not _is_settled(coverage, pane, pane_s):
        return coverage
    first = pane + _heard(pane_s)
    return _changed(coverage if falls else replace(coverage, busy_pane=first), first, k)


def _changed(coverage: Coverage, first: int, k: int) -> Coverage:
    return replace(coverage, changes=(*coverage.changes, (first, k))[-CHANGES_MAX:])


def _is_settled(coverage: Coverage, pane: int, pane_s: float) -> bool:
    """Whether traffic has heard of the last change: until then the pressure is that of before it."""
    return pane >= coverage.changes[-1][0] + ceil(HEARD_WITHIN_S / pane_s)


def _heard(pane_s: float) -> int:
    return 1 + ceil(HEARD_WITHIN_S / pane_s)


def set_back(coverage: Coverage, pane: int) -> Coverage:
    """After the clock was set back to `pane`: what traffic is asked for, and sends, goes on from there."""
    before = tuple(one for one in coverage.changes if one[0] < pane)
    return Coverage((*before, (pane, coverage.k)), min(coverage.busy_pane, pane))


def to_bytes(coverage: Coverage) -> bytes:
    """For the store: a restarted analysis goes on with the epoch that traffic is in."""
    return orjson.dumps({"changes": coverage.changes, "busy_pane": coverage.busy_pane})


def from_bytes(data: bytes) -> Coverage:
    """Read what `to_bytes` gave. Raises StateError."""
    try:
        values: Any = orjson.loads(data)
        if isinstance(values, list):  # as kept by earlier versions
            values = {"changes": values, "busy_pane": -1}
        changes, busy_pane = tuple((int(pane), int(k)) for pane, k in values["changes"]), int(values["busy_pane"])
    except (ValueError, TypeError, KeyError) as wrong:
        raise StateError(f"coverage cannot be read: {wrong}") from wrong
    if not changes or list(changes) != sorted(changes) or not all(0 <= k <= K_MAX for _, k in changes):
        raise StateError("coverage cannot be read: its changes are not in order, or outside 0..7")
    return Coverage(changes, busy_pane)
