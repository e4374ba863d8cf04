"""A kept thing: a type that is serialised, and each of its fields. Pure data; types are named, never imported."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

STATE_LIFE: Final = "while the route is known; a route not served for `discovery.forget_s` is forgotten"
RECORD_LIFE: Final = "`store.records_kept_days` (400 days)"
OPERATORS: Final = "operators, by the control API; whoever may read the store or `state_dir`"
PROCESSES: Final = "Groundwire's own processes"


@dataclass(frozen=True, slots=True)
class Kept:
    """`type` is "module:name", or "" for what is no dataclass. `fields`: by name, what it holds and what for."""

    type: str
    title: str
    place: str
    purpose: str
    lifetime: str
    readers: str
    fields: Mapping[str, str]


def fields(text: str) -> dict[str, str]:
    """From lines of "name: purpose". Raises ValueError where a line is none, or a name stands twice."""
    found: dict[str, str] = {}
    for line in filter(None, map(str.strip, text.splitlines())):
        name, colon, purpose = line.partition(": ")
        if not colon or name in found:
            raise ValueError(f"a field is declared as `name: purpose`, once (given: {line!r})")
        found[name] = purpose
    return found
