"""The lists that names are drawn from, and the lexicon made of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from proxy.sensitive import names_model as m

LARGE_TOWN: Final = 500_000
Weighted = dict[str, float]


@dataclass(frozen=True, slots=True)
class Lists:
    """Word or words -> weight, for drawing; the heavier the commoner."""

    given: Weighted
    family: Weighted
    towns: Weighted
    countries: tuple[str, ...]


def flags(held: Lists, usage: Mapping[str, int]) -> dict[str, int]:
    """Lower-case word -> bits of `names_model`. usage: word -> 1 to 3, how it is mostly written in ordinary texts."""
    made: Counter[str] = Counter()
    for word, level in usage.items():
        made[word] |= level << m.USAGE_SHIFT
    for some, bit, common, least in (
        (held.given, m.GIVEN, m.GIVEN_COMMON, 4.0),
        (held.family, m.FAMILY, m.FAMILY_COMMON, 4.0),
        (held.towns, m.PLACE, m.PLACE_COMMON, 1.0 + LARGE_TOWN / 200_000),
        (dict.fromkeys(held.countries, 9.0), m.PLACE, m.PLACE_COMMON, 1.0),
    ):
        _mark(made, some, bit, common, least)
    return dict(made)


def _mark(made: Counter[str], some: Weighted, bit: int, common: int, least: float) -> None:
    for name, weight in some.items():
        for part in _parts(name):
            made[part] |= bit | (common if weight >= least else 0)


def _parts(name: str) -> Iterable[str]:
    return [part.lower() for part in name.split() if len(part) > 1 and part[:1].isupper()]
