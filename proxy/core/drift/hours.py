"""Shapes by hour of the week, gathered while a route is well, for baselines that know nights from days. Pure.

Each hour that has passed is added once. An hour of the week has a shape of its own once it has HOUR_MIN observations;
until then the pooled shape holds. Times are UTC: a change of the clocks moves users by an hour, which two weeks mend.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from proxy.core.baselines.learning import Learning, absorb, baseline_of
from proxy.core.drift.shapes import Shapes, added, size
from proxy.core.errors import StateError
from proxy.core.windows import Counts

HOUR_S: Final = 3_600.0
HOURS: Final = 168  # of a week
SINCE_MONDAY: Final = 72  # hours from a Monday 00:00 UTC to the beginning of Unix time, a Thursday
HOUR_MIN: Final = 500  # observations of a signal in an hour of the week, below which the pooled shape holds
SIGNALS: Final = ("prompt_length", "prompt_script", "topic", "harm_share", "attack", "length")  # what the clock moves
GATHERED_MAX: Final = 100_000  # observations of one signal and hour; then old weeks weigh half as much


@dataclass(frozen=True, slots=True)
class Hours:
    """`shapes` by hour of the week. `last`: the last hour that was added, in hours of Unix time; -1 none.

    `context_pane`: the context that these are of, as in the route's entry; another one begins anew.
    """

    shapes: Mapping[int, Shapes] = field(default_factory=dict)
    last: int = -1
    context_pane: int = -1


def hour_of_week(hour: int) -> int:
    """0 (Monday 00:00 UTC) to 167, of an hour of Unix time."""
    return (hour + SINCE_MONDAY) % HOURS


def hour_at(pane: int, pane_s: float) -> int:
    """The hour of the week in which a pane begins."""
    return hour_of_week(int(pane * pane_s // HOUR_S))


def main_hour(panes: Sequence[int], pane_s: float) -> int | None:
    """The hour of the week that holds half of these panes (oldest first) or more, the later of two; None: none does."""
    counted = Counter(hour_at(pane, pane_s) for pane in panes)
    found = [hour for hour, n in counted.items() if 2 * n >= len(panes)]
    return found[-1] if found else None


def with_hour(hours: Hours, hour: int, counts: Counts | None) -> Hours:
    """With one more hour; None is an hour that may not count. An hour that was added before changes nothing."""
    if hour <= hours.last:
        return hours
    if not counts:
        return Hours(hours.shapes, hour, hours.context_pane)
    mine = {cell: n for cell, n in counts.items() if cell.signal in SIGNALS}
    fresh = baseline_of(absorb(Learning(), mine), 0.0, "").shapes
    place = hour_of_week(hour)
    both = added((_halved(hours.shapes.get(place, {})), fresh))
    return Hours({**hours.shapes, place: both}, hour, hours.context_pane)


def usable(hours: Hours) -> dict[int, dict[str, dict[str, int]]]:
    """By hour of the week the shapes that have enough of their own."""
    found = {
        hour: {signal: dict(shape) for signal, shape in of.items() if size(shape) >= HOUR_MIN}
        for hour, of in sorted(hours.shapes.items())
    }
    return {hour: of for hour, of in found.items() if of}


def _halved(shapes: Shapes) -> Shapes:
    if all(size(shape) <= GATHERED_MAX for shape in shapes.values()):
        return shapes
    return {signal: {name: n // 2 for name, n in shape.items() if n > 1} for signal, shape in shapes.items()}


def to_json(hours: Hours) -> dict[str, Any]:
    """Plain JSON values; `from_json` is the inverse."""
    shapes = {str(hour): {s: dict(shape) for s, shape in of.items()} for hour, of in hours.shapes.items()}
    return {"last": hours.last, "context_pane": hours.context_pane, "shapes": shapes}


def from_json(data: Any) -> Hours:
    """Read it. Raises StateError."""
    try:
        shapes = {
            int(hour): {str(s): {str(name): int(n) for name, n in shape.items()} for s, shape in of.items()}
            for hour, of in data["shapes"].items()
        }
        return Hours(shapes, int(data["last"]), int(data["context_pane"]))
    except (KeyError, TypeError, ValueError, AttributeError) as wrong:
        raise StateError(f"the hours of a route cannot be read: {wrong!r}") from wrong
