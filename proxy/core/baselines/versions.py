"""Versions of a route's baseline: numbered, never changed, never renumbered. Pure; JSON in and out.

A `Version` holds the counts and the context that they were made in. The `Shelf` of a route lists its versions and
every switch from one to another; which one is in force stands in the route's entry, so that a compare-and-set moves it
together with the evidence.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from proxy.core.baselines import baseline as baselines
from proxy.core.baselines import fingerprint as fingerprints
from proxy.core.baselines.baseline import Baseline
from proxy.core.baselines.fingerprint import Fingerprint
from proxy.core.errors import ConfigError, Place, StateError

FORMAT: Final = 1
VERSIONS_MAX: Final = 64  # on one shelf; the oldest that is not in force makes room
SWITCHES_MAX: Final = 256
EXCLUDED_MAX: Final = 256
_WHO: Final = ("standing", "who", "why", "made_s")  # what a promotion changes


@dataclass(frozen=True, slots=True)
class Version:
    """One version. `parent`: the one in force when it was made, 0 none. `source`: what it was counted from, in words.

    `window_s`: first and last moment of the live traffic in it (Unix), (0, 0) where it is of none. `incident`: the
    record for whose sake it was amended.
    """

    number: int
    baseline: Baseline
    parent: int = 0
    source: str = ""
    window_s: tuple[float, float] = (0.0, 0.0)
    context: Fingerprint = Fingerprint()
    incident: str = ""


@dataclass(frozen=True, slots=True)
class Head:
    """What a list shows of a version."""

    number: int
    id: str
    kind: str
    n: int
    rate: float
    parent: int
    made_s: float
    who: str
    why: str
    source: str


@dataclass(frozen=True, slots=True)
class Switch:
    """One change of what is in force, `before` to `after` (0: none), with the id of its record."""

    at_s: float
    verb: str
    before: int
    after: int
    who: str
    why: str
    record: str = ""


@dataclass(frozen=True, slots=True)
class Span:
    """Time (Unix) that no baseline may be made of, and the record that says why."""

    begin_s: float
    end_s: float
    incident: str


@dataclass(frozen=True, slots=True)
class Shelf:
    """The versions of one route, oldest first; `last` is the highest number given. `reminded_s`: of the review."""

    heads: tuple[Head, ...] = ()
    switches: tuple[Switch, ...] = ()
    excluded: tuple[Span, ...] = ()
    last: int = 0
    reminded_s: float = 0.0

    def find(self, name: str) -> Head | None:
        """By number, or by four or more digits of an id that are like no other's."""
        if name.isdecimal() and (found := next((one for one in self.heads if one.number == int(name)), None)):
            return found
        like = [one for one in self.heads if len(name) >= 4 and one.id.startswith(name)]
        return like[-1] if len({one.id for one in like}) == 1 else None


def content_id(baseline: Baseline) -> str:
    """16 hex digits of the SHA-256 of its counts, kind and judge: a promotion changes it not."""
    data = {key: value for key, value in baselines.to_json(baseline).items() if key not in _WHO}
    return hashlib.sha256(json.dumps(data, sort_keys=True, separators=(",", ":")).encode()).hexdigest()[:16]


def head_of(version: Version) -> Head:
    """Its line in a list."""
    one = version.baseline
    return Head(
        *(version.number, content_id(one), one.kind.value, one.n, one.rate, version.parent),
        *(one.made_s, one.who, one.why, version.source),
    )


def shelved(shelf: Shelf, head: Head, in_force: int) -> tuple[Shelf, tuple[int, ...]]:
    """With one more, and the numbers of those that make room. Raises ValueError for a number that is no new one."""
    if head.number <= shelf.last:
        raise ValueError(f"version {head.number} is not above {shelf.last}")
    heads = (*shelf.heads, head)
    may_go = [one.number for one in heads[:-1] if one.number != in_force]
    gone = tuple(may_go[: max(0, len(heads) - VERSIONS_MAX)])
    return replace(shelf, heads=tuple(one for one in heads if one.number not in gone), last=head.number), gone


def switched(shelf: Shelf, switch: Switch) -> Shelf:
    """With one more switch."""
    return replace(shelf, switches=(*shelf.switches, switch)[-SWITCHES_MAX:])


def excluding(shelf: Shelf, span: Span) -> Shelf:
    """With one more span that stays out of every later baseline; the same once only."""
    if span in shelf.excluded:
        return shelf
    return replace(shelf, excluded=(*shelf.excluded, span)[-EXCLUDED_MAX:])


def before(shelf: Shelf, in_force: int) -> int:
    """What a rollback goes back to: in force before `in_force` was, and still there; 0 where nothing is.

    Rollbacks are undone like everything else: versions that were rolled away from are passed over, so that a second
    rollback goes one further back.
    """
    path: list[int] = []
    for switch in shelf.switches:
        if switch.after in path:
            del path[path.index(switch.after) + 1 :]
        else:
            path.append(switch.after)
    held = {one.number for one in shelf.heads}
    earlier = path[: path.index(in_force)] if in_force in path else path
    return next((number for number in reversed(earlier) if number in held), 0)


def to_json(version: Version) -> dict[str, Any]:
    """Plain JSON values: what `export` writes; `from_json` is the inverse."""
    return {
        "format": FORMAT,
        "id": content_id(version.baseline),
        "number": version.number,
        "parent": version.parent,
        "source": version.source,
        "window_s": list(version.window_s),
        "context": fingerprints.to_json(version.context),
        "incident": version.incident,
        "baseline": baselines.to_json(version.baseline),
    }


def from_json(data: Any, file: str) -> Version:
    """Read a version, or a bare baseline. Raises ConfigError that names file, key and mend."""
    if not isinstance(data, Mapping) or "baseline" not in data:
        return Version(0, baselines.from_json(data, file))
    baseline = baselines.from_json(data["baseline"], file)
    try:
        begin_s, end_s = data.get("window_s", (0.0, 0.0))
        version = Version(
            number=int(data.get("number", 0)),
            baseline=baseline,
            parent=int(data.get("parent", 0)),
            source=str(data.get("source", "")),
            window_s=(float(begin_s), float(end_s)),
            context=fingerprints.from_json(data.get("context", {"facts": {}, "seen": {}})),
            incident=str(data.get("incident", "")),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as wrong:
        text = f"not a version as `groundwire baseline export` writes it ({wrong!r}); export it again"
        raise ConfigError([(Place(file), text)]) from wrong
    given = data.get("id", content_id(baseline))
    if data.get("format", FORMAT) != FORMAT or given != content_id(baseline):
        text = (
            f"says {given!r}, the counts make {content_id(baseline)}: the file was changed; remove `id` if it should be"
        )
        raise ConfigError([(Place(file, None, "id"), text)])
    return version


def shelf_to_json(shelf: Shelf) -> dict[str, Any]:
    """Plain JSON values; `shelf_from_json` is the inverse."""
    return {
        "format": FORMAT,
        "heads": [[getattr(one, name) for name in Head.__slots__] for one in shelf.heads],
        "switches": [[getattr(one, name) for name in Switch.__slots__] for one in shelf.switches],
        "excluded": [[one.begin_s, one.end_s, one.incident] for one in shelf.excluded],
        "last": shelf.last,
        "reminded_s": shelf.reminded_s,
    }


def shelf_from_json(data: Any) -> Shelf:
    """Read a shelf. Raises StateError."""
    try:
        return Shelf(
            tuple(Head(*one) for one in data["heads"]),
            tuple(Switch(*one) for one in data["switches"]),
            tuple(Span(*one) for one in data["excluded"]),
            int(data["last"]),
            float(data["reminded_s"]),
        )
    except (KeyError, TypeError, ValueError) as wrong:
        raise StateError(f"the shelf of a route's baselines cannot be read: {wrong!r}") from wrong
