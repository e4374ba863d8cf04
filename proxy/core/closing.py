"""When a pane closes: a watermark made of measured latency (detection sections 2 and 3). Pure.

A pane holds exchanges by the start of their requests, and closes once all but one in a thousand can be expected to have
been counted: at the p99.9 of their *lag* after its end, and `most_s` after it at the latest. The lag of an exchange
runs from the start of its request until its counts are made: the answer, the wire, the queue and the judges. It is
counted like all else, in cells that add over replicas, but in the pane of *arrival*: among those that started in a pane
which closed after 8 s there is never an answer of 60 s, and a watermark made of them could not grow.

Arrivals are remembered in two blocks, each of BLOCK_MIN of them and BLOCK_S at least: a lag that grows is heard of at
once, since one arrival in a thousand is enough, and one that shrinks after a block or two.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from proxy.core.windows import SCALE, Cell, Counts, cell

LAG: Final = "lag"
EDGES_S: Final = (4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1_024)  # the first: slow flushes
BEYOND_ONE_IN: Final = 1_000  # of the arrivals, one may have a longer lag: p99.9
KNOWN_MIN: Final = 1_000  # arrivals without which nothing is known of one in a thousand
BLOCK_MIN: Final = 4_000  # arrivals
BLOCK_S: Final = 3_600.0
PAUSE_MAX_S: Final = 5.0  # between two looks, else what came meanwhile may wait to be counted
NO_PANE: Final = -1

_CELLS: Final = (*(cell(LAG, str(edge), 0, 1) for edge in EDGES_S), cell(LAG, "more", 0, 1))

Lags = tuple[int, ...]  # arrivals by bin: of EDGES_S, and beyond the last

NO_LAGS: Final[Lags] = (0,) * len(_CELLS)


def arrival(lag_s: float) -> tuple[Cell, int]:
    """One exchange was counted `lag_s` after its request started; a clock that was set back makes no lag."""
    return _CELLS[bisect_left(EDGES_S, lag_s)], SCALE


def lags_of(counts: Counts) -> Lags:
    """The arrivals of a pane."""
    return tuple(counts.get(one, 0) // SCALE for one in _CELLS)


def added(parts: Iterable[Lags]) -> Lags:
    """The sum of several."""
    return tuple(map(sum, zip(NO_LAGS, *parts, strict=True)))


def lag_of(known: Lags, most_s: float) -> float:
    """How long after its end a pane closes: the edge within which 99.9 % of what is known lies, and `most_s` at most.

    Where less than KNOWN_MIN arrivals are known, it is `most_s`.
    """
    left = sum(known)
    if left < KNOWN_MIN:
        return most_s
    beyond_max = left // BEYOND_ONE_IN
    for edge_s, n in zip(EDGES_S, known, strict=False):
        left -= n
        if left <= beyond_max:
            return min(float(edge_s), most_s)
    return most_s


@dataclass(frozen=True, slots=True)
class Closing:
    """What is remembered of a route's arrivals.

    `pane`: the last one that closed and was consumed; its arrivals, and those before, are remembered. `since`: the
    first pane of the newer block.
    """

    older: Lags = NO_LAGS
    newer: Lags = NO_LAGS
    since: int = NO_PANE
    pane: int = NO_PANE

    def known(self, panes: Iterable[tuple[int, Counts]]) -> Lags:
        """All that is known: what is remembered, and what arrived in later ones of these panes, open or not."""
        later = (lags_of(counts) for pane, counts in panes if pane > self.pane)
        return added((self.older, self.newer, *later))


def remembered(closing: Closing, panes: Iterable[tuple[int, Counts]], pane_s: float) -> Closing:
    """After these panes closed, oldest first; however they were bundled. What is remembered already is skipped."""
    for pane, counts in panes:
        if pane > closing.pane:
            closing = _after(closing, pane, lags_of(counts), pane_s)
    return closing


def _after(closing: Closing, pane: int, lags: Lags, pane_s: float) -> Closing:
    newer = added((closing.newer, lags))
    since = pane if closing.since == NO_PANE else closing.since
    if sum(newer) >= BLOCK_MIN and (pane + 1 - since) * pane_s >= BLOCK_S:
        return Closing(newer, NO_LAGS, pane + 1, pane)
    return Closing(closing.older, newer, since, pane)


def until(closing: Closing, pane: int) -> Closing:
    """With nothing that lies ahead of this pane: the clock was set back."""
    return Closing(closing.older, closing.newer, min(closing.since, pane), min(closing.pane, pane))


@dataclass(frozen=True, slots=True)
class Steady:
    """Since when a route was looked at without a pause, and when last (Unix seconds).

    After a pause (a start, a process that stood still, a store that was away) losses are yet to be reported, and counts
    yet to be flushed: until `most_s` later nothing closes sooner than that.
    """

    since_s: float
    last_s: float

    def at(self, now_s: float, *, whole: bool) -> Steady:
        """After a look, at evidence that is whole or not."""
        goes_on = whole and self.is_fresh(now_s)
        return Steady(self.since_s if goes_on else now_s, now_s)

    def is_fresh(self, now_s: float) -> bool:
        """Whether no pause has come up to now."""
        return 0.0 <= now_s - self.last_s <= PAUSE_MAX_S

    def holds(self, now_s: float, most_s: float) -> bool:
        """Whether what was before the last pause may still come."""
        return now_s - self.since_s <= most_s


@dataclass(frozen=True, slots=True)
class Watermark:
    """Which panes of a route have closed: all up to `pane`, and those that ended more than `lag_s` seconds ago."""

    lag_s: float
    pane: int = NO_PANE

    def has_closed(self, pane: int, pane_s: float, now_s: float) -> bool:
        """Whether what is counted now is too late for this pane."""
        return pane <= self.pane or (pane + 1) * pane_s + self.lag_s < now_s


def to_json(closing: Closing) -> dict[str, Any]:
    """Plain JSON values; `from_json` is the inverse."""
    blocks = [_bins_json(closing.older), _bins_json(closing.newer)]
    return {"blocks": blocks, "since": closing.since, "pane": closing.pane}


def from_json(data: Any) -> Closing:
    """Read what is remembered; None, of an older version, is nothing. Raises ValueError, KeyError or TypeError."""
    if data is None:
        return Closing()
    older, newer = data["blocks"]
    return Closing(_bins(older), _bins(newer), int(data["since"]), int(data["pane"]))


def _bins_json(lags: Lags) -> dict[str, int]:
    return {one.stratum: n for one, n in zip(_CELLS, lags, strict=True) if n}


def _bins(data: Mapping[str, Any]) -> Lags:
    return tuple(int(data.get(one.stratum, 0)) for one in _CELLS)
