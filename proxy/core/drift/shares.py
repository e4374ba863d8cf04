"""Drift: has the share of a group of bins gone beyond its line? An e-detector for each signal. Pure.

Each side of each group of bins is watched by three bets of `detectors.e_process`. All bets of a signal share one
capital, so that their sum is one e-detector whose null is "no group is beyond its line". It warns at most. A crossed
signal latches until the mirrored test of the group that led, begun after the alarm, proves recovery. Drift of
performance or input moves no step of the ladder; that of the output asks for a closer look.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from proxy.core.drift.groups import split
from proxy.core.drift.kinds import Kind, kind_of
from proxy.core.drift.lines import BETS, HEDGING, POOLED, UNIT, Bound, DriftPlan, Outcomes, Test, Watched
from proxy.core.drift.proved import proved_share
from proxy.core.evidence.estimates import Sums, estimate
from proxy.core.evidence.findings import OVERALL, Call, Finding, LineKind, Status
from proxy.core.windows import Counts
from proxy.detectors.e_process import COUNT_BITS, LEVELS, NOTHING, Direction, log_add
from proxy.detectors.e_process import UNIT as NAT

MIDDLE: Final = 1  # the bet whose best beginning dates a change
HALF: Final = 1 << COUNT_BITS - 1
EQUAL_SHARE: Final = -round(math.log(BETS) * NAT)

Logs = tuple[int, ...]
Binned = Mapping[tuple[str, int], int]  # (bin, weight level) -> count
Place = tuple[int, int]  # histogram, group


@dataclass(frozen=True, slots=True)
class Track:
    """One test: the bets' log R. The middle bet's best evidence, `climb`, began at `start` while it is above 0.

    `seen`: answers since then. `older`: of those before them, where a state of before kept no more than sums.
    """

    logs: Logs = (NOTHING,) * BETS
    climb: int = 0
    start: int = -1
    seen: Outcomes = field(default_factory=dict)
    older: Sums = Sums()

    @property
    def sums(self) -> Sums:
        """Of all answers since `start`."""
        sums = self.older
        for r, (outside, inside) in self.seen.items():
            sums = sums.plus(r, 0, outside).plus(r, 1, inside)
        return sums


@dataclass(frozen=True, slots=True)
class Drifted:
    """Where one signal stands. `id` as in `Watched`. `led`: the test with most evidence when the line was crossed.

    `odds`: log E; `leader`: the test with most evidence, as an index.
    """

    id: str = ""
    tracks: tuple[Track, ...] = ()
    crossed_pane: int = -1
    led: str = ""
    mirror: Logs = (NOTHING,) * BETS
    odds: int = NOTHING
    leader: int = 0

    @property
    def is_crossed(self) -> bool:
        """Whether its line is called crossed."""
        return self.crossed_pane >= 0


Drifts = Mapping[str, Drifted]


def watch(
    drifts: Drifts, plan: DriftPlan, pane: int, counts: Counts, *, paused: bool = False
) -> tuple[Drifts, tuple[str, ...]]:
    """After a closed pane; and the signals that are proved recovered by it. While `paused`, nothing moves."""
    if paused or not plan.watched:
        return drifts, ()
    binned = _binned(counts, plan)
    after = dict(drifts)
    recovered = []
    for name, watched in plan.watched.items():
        before = _followed(drifts.get(name, Drifted()), watched)
        now = _after(before, watched, plan, pane, binned.get(name, {}))
        after[name] = now
        if before.is_crossed and not now.is_crossed:
            recovered.append(name)
    return after, tuple(recovered)


def calls(drifts: Drifts) -> Iterator[Call]:
    """What moves the ladder: the output's lines, and they warn."""
    for name, one in drifts.items():
        if one.is_crossed and kind_of(name) is Kind.OUTPUT:
            yield Call(name, LineKind.WARNING, Status.CROSSED)


def lifts(recovered: Iterable[str]) -> bool:
    """Whether a signal is among them that had moved the ladder."""
    return any(kind_of(name) is Kind.OUTPUT for name in recovered)


def findings(drifts: Drifts, plan: DriftPlan) -> Iterator[Finding]:
    """One finding for each signal: of the test that led, or leads now."""
    for name, watched in plan.watched.items():
        one = _followed(drifts.get(name, Drifted()), watched)
        yield _finding(name, one, watched, plan)


def _binned(counts: Counts, plan: DriftPlan) -> dict[str, dict[tuple[str, int], int]]:
    """By signal. A hedged answer is in bin 1 of its category, any other in bin 0."""
    found: dict[str, dict[tuple[str, int], int]] = {}
    for (signal, stratum, r, y), count in counts.items():
        if signal in plan.watched and 0 <= r < LEVELS:
            if signal == HEDGING:
                found.setdefault(signal, {})[f"{stratum}.{y}", r] = count
            elif y == 1:
                found.setdefault(signal, {})[stratum, r] = count
    return found


def _followed(one: Drifted, watched: Watched) -> Drifted:
    """As it is, or begun anew where the lines changed; what is latched stays if its group is still watched."""
    if one.id == watched.id:
        return one
    latched = one.is_crossed and any(watched.name(test) == one.led for test in watched.tests)
    fresh = Drifted(watched.id, (Track(),) * len(watched.tests))
    return replace(fresh, crossed_pane=one.crossed_pane, led=one.led) if latched else fresh


def _after(one: Drifted, watched: Watched, plan: DriftPlan, pane: int, binned: Binned) -> Drifted:
    sums, bounds = _sums(watched, binned), watched.at(plan.hour(pane))
    if one.is_crossed:
        return _healed(one, watched, plan, bounds, sums)
    at = pane, watched.capital
    tracks = tuple(
        _tracked(track, test, plan, bound.line, sums.get((test.histogram, test.group), {}), at)
        for track, test, bound in zip(one.tracks, watched.tests, bounds, strict=True)
    )
    after = replace(one, tracks=tracks, odds=log_evidence(tracks), leader=_leader(tracks))
    if after.odds < plan.log_limit:
        return after
    return replace(after, crossed_pane=pane, led=watched.name(watched.tests[after.leader]))


def _sums(watched: Watched, binned: Binned) -> dict[Place, dict[int, tuple[int, int]]]:
    """By histogram and group; where a histogram has no count there is nothing."""
    parts = {grouping.part: k for k, grouping in enumerate(watched.groupings)}
    inside: dict[tuple[int, int, int], int] = {}
    totals: dict[tuple[int, int], int] = {}
    for (name, r), count in binned.items():
        part, bin_ = split(name)
        k = parts.get(part)
        if k is not None:
            place = (k, watched.groupings[k].index(bin_), r)
            inside[place] = inside.get(place, 0) + count
            totals[k, r] = totals.get((k, r), 0) + count
    found: dict[Place, dict[int, tuple[int, int]]] = {}
    for (k, r), total in sorted(totals.items()):
        for group in range(len(watched.groupings[k].names)):
            hit = inside.get((k, group, r), 0)
            found.setdefault((k, group), {})[r] = (total - hit, hit)
    return found


def _tracked(  # noqa: PLR0917 - all of it belongs to one test of one pane
    track: Track, test: Test, plan: DriftPlan, line: int, outcomes: Outcomes, at: tuple[int, int]
) -> Track:
    """One test after a pane. `at`: the pane, and the logarithm of what each bet begins with."""
    if not line or not outcomes:
        return track
    pane, capital = at
    gains = _gains(test.direction, plan, line, outcomes)
    logs = tuple(log_add(log, capital) + gain for log, gain in zip(track.logs, gains, strict=True))
    climb = max(track.climb, 0) + gains[MIDDLE]
    if climb <= 0:
        return Track(logs)
    if track.climb <= 0:
        return Track(logs, climb, pane, outcomes)
    seen = dict(track.seen)
    for r, (outside, inside) in outcomes.items():
        before = seen.get(r, (0, 0))
        seen[r] = (before[0] + outside, before[1] + inside)
    return Track(logs, climb, track.start, seen, track.older)


def _gains(direction: Direction, plan: DriftPlan, line: int, outcomes: Outcomes) -> list[int]:
    gains = [0] * BETS
    for r, (outside, inside) in outcomes.items():
        none, one = plan.table(direction, line, r)
        for k in range(BETS):
            gains[k] += outside * none[k] + inside * one[k]
    return [(gain + HALF) >> COUNT_BITS for gain in gains]


def log_evidence(tracks: tuple[Track, ...]) -> int:
    """log E of a signal: of the sum over all bets of all its tests, added in their order."""
    total = NOTHING
    for track in tracks:
        for log in track.logs:
            total = log_add(total, log)
    return total


def _healed(
    one: Drifted, watched: Watched, plan: DriftPlan, bounds: tuple[Bound, ...], sums: Mapping[Place, Outcomes]
) -> Drifted:
    """The mirrored test of the group that led, a pane further; begun anew where it proves recovery."""
    place = _place(watched, one.led)
    test, line = watched.tests[place], bounds[place].line
    outcomes = sums.get((test.histogram, test.group), {})
    if not line or not outcomes:
        return one
    gains = _gains(Direction(-test.direction), plan, line, outcomes)
    mirror = tuple(log_add(log, EQUAL_SHARE) + gain for log, gain in zip(one.mirror, gains, strict=True))
    if log_evidence((Track(mirror),)) >= plan.log_recovery:
        return Drifted(watched.id, (Track(),) * len(watched.tests))
    return replace(one, mirror=mirror)


def _place(watched: Watched, name: str) -> int:
    return next(k for k, test in enumerate(watched.tests) if watched.name(test) == name)


def _leader(tracks: tuple[Track, ...]) -> int:
    """The test with most evidence, the first of equals."""
    return max(range(len(tracks)), key=lambda place: (max(tracks[place].logs), -place))


def _finding(name: str, one: Drifted, watched: Watched, plan: DriftPlan) -> Finding:
    place = _place(watched, one.led) if one.is_crossed else one.leader
    track, bound = one.tracks[place], watched.at(POOLED)[place]
    return Finding(
        metric=name,
        stratum=OVERALL,
        line=LineKind.WARNING,
        status=Status.CROSSED if one.is_crossed else Status.UNDECIDED,
        m=bound.line / UNIT,
        baseline=bound.share,
        baseline_low=bound.limit,
        ln_odds=one.odds / NAT,
        ln_limit=plan.log_limit / NAT,
        estimate=estimate(track.sums),
        bound=proved_share(watched, place, track.seen, plan.log_limit) if _is_told(one, track, plan) else None,
        since_pane=track.start if track.climb > 0 else None,
        crossed_pane=one.crossed_pane if one.is_crossed else None,
        detail=watched.name(watched.tests[place]),
    )


def _is_told(one: Drifted, track: Track, plan: DriftPlan) -> bool:
    """Whether people see a bound: once the line is crossed, and where all answers since the beginning are known."""
    return one.is_crossed and plan.proves and not track.older.n
