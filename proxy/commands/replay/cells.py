"""The cells that a record of the stream adds to: the rules of `analysis.counting`, with every cell looked up once.

A replay counts hundreds of thousands of records a second, so cells have numbers here, and a count is one addition in a
dict of numbers. `counts` gives them back as the cells that the engine reads.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from proxy.commands.replay.errors import BadLine
from proxy.core.evidence.signals import ALL, ANOMALY, CANARY, REFUSAL, TOXICITY_BIN
from proxy.core.observation import NO_HARM
from proxy.core.windows import SCALE, Cell, cell
from proxy.detectors import quantile
from proxy.detectors.e_process import LEVELS
from proxy.detectors.quantile import FINE_PLACE, PARTS, PLACES, edge, place_of
from proxy.features.bands import octave

LENGTH: Final = "length"
TOPIC: Final = "topic"
REMEMBERED_MAX: Final = 65_536  # values of a field whose cell is remembered
NOWHERE: Final = 0  # the number of no cell: what a field that is null adds to
STRATA_MAX: Final = 1_024  # topics and categories that have cells of their own; a further one is an error of its line

Numbers: TypeAlias = dict[int, int]  # number of a cell -> how often


class Lookup(dict[Any, int]):
    """Value of a field -> number of its cell. A value that is met first is checked, and may raise BadLine."""

    __slots__ = ("_find",)

    def __init__(self, find: Callable[[Any], int]) -> None:
        super().__init__({None: NOWHERE})
        self._find = find

    def __missing__(self, value: Any) -> int:
        number = self._find(value)
        if len(self) < REMEMBERED_MAX:
            self[value] = number
        return number


@dataclass(frozen=True, slots=True)
class Level:
    """The cells of one weight level, by the field's value; those of `toxicity` by the number of its bin."""

    refusal: Lookup
    canary: Lookup
    anomaly: Lookup
    length: Lookup
    topic: Lookup
    toxicity: Lookup


class Cells:
    """Numbers for cells, and cells for numbers."""

    def __init__(self) -> None:
        self._numbers: dict[Cell, int] = {}
        self._cells = [cell("", "", 0, 0)]  # that of NOWHERE
        self._strata: set[str] = set()
        self.levels = tuple(map(self._level, range(LEVELS)))

    def counts(self, *parts: Mapping[int, int]) -> dict[Cell, int]:
        """What a pane holds, as the engine reads it."""
        whole: dict[Cell, int] = {}
        for numbers in parts:
            for number, n in numbers.items():
                place = self._cells[number]
                whole[place] = whole.get(place, 0) + n * SCALE
        return whole

    def cell(self, number: int) -> Cell:
        """The cell with this number."""
        return self._cells[number]

    def _number(self, signal: str, stratum: str, r: int, y: int) -> int:
        place = cell(signal, stratum, r, y)
        if place not in self._numbers:
            self._numbers[place] = len(self._cells)
            self._cells.append(place)
        return self._numbers[place]

    def _level(self, r: int) -> Level:
        return Level(
            refusal=Lookup(lambda pair: self._number(REFUSAL, self._stratum(category(pair[0])), r, bit(pair[1]))),
            canary=Lookup(lambda pair: self._number(CANARY, self._stratum(category(pair[0])), r, bit(pair[1]))),
            anomaly=Lookup(lambda value: self._number(ANOMALY, ALL, r, bit(value))),
            length=Lookup(lambda value: self._number(LENGTH, length_band(value), r, 1)),
            topic=Lookup(lambda value: self._number(TOPIC, self._stratum(name(value, "topic")), r, 1)),
            toxicity=Lookup(lambda number: self._number(TOXICITY_BIN, BINS[number], r, 1)),
        )

    def _stratum(self, text: str) -> str:
        if text not in self._strata and len(self._strata) >= STRATA_MAX:
            raise BadLine(f"more than {STRATA_MAX} different topics and categories")
        self._strata.add(text)
        return text


def bit(value: Any) -> int:
    """0 or 1. Raises BadLine."""
    if value not in (0, 1):
        raise BadLine(f"refusal, anomaly and canary are 0, 1 or null (given: {value!r})")
    return int(value)


def name(value: Any, field: str) -> str:
    """A name or a number as text. Raises BadLine."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadLine(f"{field} must be a name, a number or null (given: {value!r})")
    return str(int(value)) if value == int(value) else str(value)


def category(value: Any) -> str:
    """The stratum of a harm category; null is a prompt without harmful intent."""
    return NO_HARM if value is None else name(value, "harm_category") or NO_HARM


def length_band(value: Any) -> str:
    """The octave of a length in characters. Raises BadLine."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
        raise BadLine(f"length must be a number from 0 on, or null (given: {value!r})")
    return octave(value)


def _lowest(place: int) -> float:
    """The lowest score at or above a place, to the last bit as `place_of` has it."""
    found = edge(place)
    while place_of(found) < place:
        found = math.nextafter(found, 2.0)
    while place_of(math.nextafter(found, 0.0)) >= place:
        found = math.nextafter(found, 0.0)
    return found


_BEGINS: Final = (0, *range(PARTS, FINE_PLACE, PARTS), *range(FINE_PLACE, PLACES))  # places at which bins begin
EDGES: Final = [_lowest(place) for place in _BEGINS[1:]]  # bisect_right(EDGES, score) is the number of its bin
BINS: Final = tuple(map(quantile.bin_of, (0.0, *EDGES)))  # their names


def bin_of(score: Any) -> int:
    """The number of the bin of a toxicity score in [0, 1]. Raises BadLine."""
    if isinstance(score, bool) or not isinstance(score, int | float) or not 0.0 <= score <= 1.0:
        raise BadLine(f"toxicity must be from 0 to 1, or null (given: {score!r})")
    return bisect_right(EDGES, score)
