"""Panes of integer counts. Counts add, so any number of writers merge in any order (detection section 2).

A pane is an interval of request-start time, numbered floor(time_s / pane_s). Within it, one integer for each cell of
(signal, stratum, weight level, outcome), in fixed point: SCALE is one observation, so that a cluster of duplicates or
a label in [0, 1] can be added as a fraction and sums stay exact.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Final, NamedTuple

SCALE: Final = 65_536


class Cell(NamedTuple):
    """A counter's address inside a pane.

    signal: "refusal", "hedging", "assessed", "lost", ...; stratum: a harm category, a reason, or "all";
    r: weight level, log2(pi / pi_min), 0..7; y: outcome, 0 or 1.
    """

    signal: str
    stratum: str
    r: int
    y: int


@lru_cache(maxsize=65_536)
def cell(signal: str, stratum: str, r: int, y: int) -> Cell:
    """The one object for this address: thousands of panes hold the same few hundred."""
    return Cell(signal, stratum, r, y)


Counts = Mapping[Cell, int]


def pane_of(time_s: float, pane_s: float) -> int:
    """The number of the pane that holds this moment (Unix seconds)."""
    return int(time_s // pane_s)


def merge(parts: Iterable[Counts]) -> dict[Cell, int]:
    """The sum of several counts."""
    total: dict[Cell, int] = {}
    for part in parts:
        for cell, count in part.items():
            total[cell] = total.get(cell, 0) + count
    return total


def totals(counts: Counts, signal: str, strata: frozenset[str] | None = None) -> tuple[float, float]:
    """(weighted positives, weighted observations) of a signal, in observations; None takes every stratum."""
    positives = everything = 0.0
    for cell, count in counts.items():
        if cell.signal == signal and (strata is None or cell.stratum in strata):
            weighted = count / SCALE / (1 << cell.r)
            everything += weighted
            positives += weighted * cell.y
    return positives, everything
