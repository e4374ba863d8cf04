"""From observations to cells. Pure; a `Tally` adds up until somebody takes it to the store.

    signal     stratum                  y       counts
    traffic    all                      1       exchanges that analysis saw
    assessed   ok, or the reason        1 / 0   answers
    refusal    harm category            0, 1    assessed answers
    hedging    harm category            0, 1    assessed answers
    duplicate  harm category            1       answers to a prompt that counted lately: they are in nothing above
    late       all                      1       answers whose pane had closed: they are in nothing above
    lost       where it was lost        1       exchanges that nobody assessed

Several answers to one prompt (`n` > 1) are one cluster: each counts as its share of one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence, Set
from typing import Final

from proxy.core.exchange import Purpose
from proxy.core.observation import Observation
from proxy.core.signals import ALL, ASSESSED, LOST, REFUSAL
from proxy.core.windows import SCALE, Cell

TRAFFIC: Final = "traffic"
HEDGING: Final = "hedging"
DUPLICATE: Final = "duplicate"
LATE: Final = "late"
OK: Final = "ok"

Key = tuple[str, str, int]  # route, served model, pane


class Tally:
    """Counts by (route, served model, pane)."""

    def __init__(self) -> None:
        self.counts: dict[Key, dict[Cell, int]] = {}

    def __bool__(self) -> bool:
        return bool(self.counts)

    def add(self, key: Key, cells: Iterable[tuple[Cell, int]]) -> None:
        """Add cells to a pane."""
        held = self.counts.setdefault(key, {})
        for cell, count in cells:
            held[cell] = held.get(cell, 0) + count


def traffic(r: int) -> tuple[Cell, int]:
    """One exchange was seen."""
    return Cell(TRAFFIC, ALL, r, 1), SCALE


def lost(where: str, exchanges: int) -> tuple[Cell, int]:
    """Exchanges that nobody assessed."""
    return Cell(LOST, where, 0, 1), exchanges * SCALE


def late(r: int) -> tuple[Cell, int]:
    """One exchange came after its pane had closed."""
    return Cell(LATE, ALL, r, 1), SCALE


def mark(observation: Observation) -> str:
    """What is remembered of a prompt; "" where there is none.

    Apart for candidate and base, whose windows are their own, and apart for answers without an assessment: a retry
    after an error is the first real answer.
    """
    if not observation.prompt_hash:
        return ""
    who = "b" if observation.base_served else "c"
    how = "a" if observation.unassessed is None else "u"
    return f"{who}{how}{observation.prompt_hash}"


def cells(observations: Sequence[Observation], r: int, repeated: Set[str]) -> Iterator[tuple[Cell, int]]:
    """The cells of one exchange's answers at weight level `r`. `repeated`: marks of prompts that counted lately.

    Answers to calls of our own (checks, canaries) are in no user count.
    """
    mine = [one for one in observations if one.purpose is Purpose.USER]
    clusters = Counter(map(mark, mine))
    for one in mine:
        name = mark(one)
        if name in repeated:
            yield Cell(DUPLICATE, one.category, r, 1), SCALE
        else:
            yield from _of_one(one, r, SCALE // clusters[name] if name else SCALE)


def _of_one(one: Observation, r: int, share: int) -> Iterator[tuple[Cell, int]]:
    if one.unassessed is not None:
        yield Cell(ASSESSED, one.unassessed.value, r, 0), share
        return
    yield Cell(ASSESSED, OK, r, 1), share
    if one.refusal is not None:
        yield Cell(REFUSAL, one.category, r, one.refusal), share
    if one.hedging is not None:
        yield Cell(HEDGING, one.category, r, one.hedging), share
