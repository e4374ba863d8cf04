"""Behavioural inconsistency: nearly the same prompt, and a very different answer (a sign of a hidden trigger).

Of the last ROUTE_MAX prompts of a route the SimHash is remembered, with how its answer turned out: refused or not, and
how long it was. Hashes of words are no text, but they are kept in memory only, and nowhere else. Near twins are found
by hash now; by embedding they would be found across paraphrases too.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Container
from dataclasses import dataclass, field
from itertools import islice
from typing import Final, NamedTuple

from proxy.detectors.consistency import APART_MAX, apart, blocks, simhash

ROUTE_MAX: Final = 2_048
CANDIDATES_MAX: Final = 32  # looked at in a block: the newest
OCTAVES_APART: Final = 4  # an answer sixteen times as long, or a sixteenth, is another answer


class Turnout(NamedTuple):
    """How an answer turned out. `octave`: of its length in characters (bit length)."""

    refused: int
    octave: int

    def is_far_from(self, other: Turnout) -> bool:
        """Whether the two are very different answers."""
        return self.refused != other.refused or abs(self.octave - other.octave) >= OCTAVES_APART


@dataclass(slots=True)
class _Route:
    turnouts: OrderedDict[int, Turnout] = field(default_factory=OrderedDict)
    by_block: dict[tuple[int, int], dict[int, None]] = field(default_factory=dict)


class Twins:
    """One for the process; called from one thread at a time."""

    def __init__(self) -> None:
        self._routes: dict[str, _Route] = {}

    def is_inconsistent(self, route: str, prompt: str, turnout: Turnout) -> bool | None:
        """Whether a near twin of this prompt was answered very differently; None where it has none. Remembered."""
        value = simhash(prompt)
        if value is None:
            return None
        known = self._routes.setdefault(route, _Route())
        twin = _nearest(known, value)
        _remember(known, value, turnout)
        return None if twin is None else turnout.is_far_from(twin)

    def keep(self, routes: Container[str]) -> None:
        """Forget those of other routes."""
        for gone in [route for route in list(self._routes) if route not in routes]:
            self._routes.pop(gone, None)


def _nearest(known: _Route, value: int) -> Turnout | None:
    near = {
        other: apart(value, other)
        for block in blocks(value)
        for other in islice(reversed(known.by_block.get(block, {})), CANDIDATES_MAX)
    }
    best = min(near, key=lambda other: near[other], default=None)
    return known.turnouts[best] if best is not None and near[best] <= APART_MAX else None


def _remember(known: _Route, value: int, turnout: Turnout) -> None:
    _forget(known, value)
    known.turnouts[value] = turnout
    for block in blocks(value):
        known.by_block.setdefault(block, {})[value] = None
    if len(known.turnouts) > ROUTE_MAX:
        _forget(known, next(iter(known.turnouts)))


def _forget(known: _Route, value: int) -> None:
    if known.turnouts.pop(value, None) is None:
        return
    for block in blocks(value):
        known.by_block[block].pop(value)
        if not known.by_block[block]:
            del known.by_block[block]
