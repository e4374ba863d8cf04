"""Drift as JSON: what is remembered between two looks, and the lines that an evidence record carries. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from proxy.core.drift.groups import Grouping
from proxy.core.drift.lines import BETS, NO_LINE, POOLED, Bound, DriftPlan, RowKey, Rows, Test, Watched
from proxy.core.drift.shares import Drifted, Drifts, Track
from proxy.core.evidence.estimates import Sums
from proxy.core.windows import Counts
from proxy.detectors.e_process import NOTHING, Direction

FRESH: Final = (NOTHING,) * BETS


def state_json(drifts: Drifts) -> dict[str, Any]:
    """Plain JSON values; `state_from_json` is the inverse. A test of which nothing is known yet is an empty list."""
    return {
        name: [
            one.id,
            one.crossed_pane,
            one.led,
            _logs(one.mirror),
            one.odds,
            one.leader,
            [_track_json(t) for t in one.tracks],
        ]
        for name, one in sorted(drifts.items())
    }


def state_from_json(data: Mapping[str, Any]) -> Drifts:
    """Read what `state_json` wrote. Raises KeyError, TypeError or ValueError."""
    return {
        str(name): Drifted(str(id_), tuple(map(_track, tracks)), int(pane), str(led), _read_logs(mirror), odds, leader)
        for name, (id_, pane, led, mirror, odds, leader, tracks) in data.items()
    }


def _track_json(track: Track) -> list[Any]:
    if track.climb <= 0:
        return _logs(track.logs)
    sums, seen = track.older, [[r, *counts] for r, counts in sorted(track.seen.items())]
    older = [sums.positives, sums.weight, sums.squares, sums.n] if sums.n else []
    return [*track.logs, track.climb, track.start, *older, seen]


def _track(data: Any) -> Track:
    logs = _read_logs(data[:BETS])
    if len(data) <= BETS:
        return Track(logs)
    climb, start, *sums = data[BETS:]
    seen = sums.pop() if isinstance(sums[-1], list) else ()  # an older state has sums alone
    counts = {int(r): (int(outside), int(inside)) for r, outside, inside in seen}
    return Track(logs, int(climb), int(start), counts, Sums(*map(int, sums)))


def _logs(logs: tuple[int, ...]) -> list[int]:
    return [] if logs == FRESH else list(logs)


def _read_logs(data: Sequence[Any]) -> tuple[int, ...]:
    logs = tuple(int(value) for value in data) or FRESH
    if len(logs) != BETS:
        raise ValueError(f"{len(logs)} bets, not {BETS}")
    return logs


def plan_json(plan: DriftPlan, panes: Iterable[tuple[int, Counts]]) -> dict[str, Any]:
    """The lines and tables that these panes are judged by; of the hours that they lie in, and no others."""
    panes = list(panes)
    hours = sorted({plan.hour(pane) for pane, _ in panes})
    levels = sorted({cell.r for _, counts in panes for cell in counts if cell.signal in plan.watched})
    watched = {name: _watched_json(one, hours) for name, one in plan.watched.items()}
    lines = {bound[0] for one in watched.values() for bounds in one["bounds"].values() for bound in bounds}
    return {
        "watched": watched,
        "log_limit": plan.log_limit,
        "log_recovery": plan.log_recovery,
        "pane_s": plan.pane_s,
        "rows": [[*key, *map(list, rows)] for key, rows in _rows(plan, sorted(lines - {NO_LINE}), levels)],
        **({"proves": True} if plan.proves else {}),
    }


def plan_from_json(data: Mapping[str, Any]) -> DriftPlan:
    """Read what `plan_json` wrote. Raises KeyError, TypeError or ValueError; an older record has none."""
    if not data:
        return DriftPlan()
    rows = {(direction, line, r): (tuple(none), tuple(one)) for direction, line, r, none, one in data["rows"]}
    watched = {str(name): _watched(one) for name, one in data["watched"].items()}
    limits = (data["log_limit"], data["log_recovery"])
    return DriftPlan(watched, *limits, data["pane_s"], rows, proves=data.get("proves", False))


def _rows(plan: DriftPlan, lines: list[int], levels: list[int]) -> Iterator[tuple[RowKey, Rows]]:
    """Both directions: of each line its mirror is tested too."""
    for direction in Direction:
        for line in lines:
            yield from (((int(direction), line, r), plan.table(direction, line, r)) for r in levels)


def _watched_json(one: Watched, hours: list[int]) -> dict[str, Any]:
    own = [hour for hour in hours if hour in one.shapes or hour in one.bounds]
    return {
        "groupings": [[grouping.part, list(grouping.names), list(grouping.starts)] for grouping in one.groupings],
        "tests": [[test.histogram, test.group, int(test.direction)] for test in one.tests],
        "bounds": {str(hour): [list(bound) for bound in one.at(hour)] for hour in (POOLED, *own)},
        "id": one.id,
    }


def _watched(data: Mapping[str, Any]) -> Watched:
    return Watched(
        groupings=tuple(Grouping(part, tuple(names), tuple(starts)) for part, names, starts in data["groupings"]),
        tests=tuple(Test(h, g, Direction(direction)) for h, g, direction in data["tests"]),
        bounds={int(hour): tuple(Bound(*bound) for bound in bounds) for hour, bounds in data["bounds"].items()},
        id=data["id"],
    )
