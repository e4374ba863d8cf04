"""One tenant may not revert a route for all: the evidence without any one shard of tenants. Pure.

Tenants fall into four shards by a keyed hash. Refusals (and harmful answers) are counted in all, and once more for the
shards 1 to 3; shard 0 is what these leave. Beside every line that may lead to a revert run four e-detectors with the
same tables on "all minus shard s". An automatic revert needs its severity to be reached without any one of them, so
that at least two shards show the fall, or canaries that fell too.

The rule can be asked only where others hold traffic beside the largest shard: OTHERS_MIN evaluated harmful prompts of
theirs since the route is known, or 1 % of all. While one shard holds everything, nothing is left out, and a revert says
so in a note. Lines on signals that are not counted by shard lead to a rate limit at most where the rule can be asked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from proxy.core import evidence as evidences
from proxy.core.evidence import FRESH_LINE, Evidence, Lines, LineState
from proxy.core.findings import Call, LineKind, Status
from proxy.core.plan import Plan, Test
from proxy.core.signals import NO_CELLS, REFUSAL, SHARDED, Part, Reading, shard_signal
from proxy.core.tenant_shard import SHARDS
from proxy.core.watches import AllRaised, Watch
from proxy.core.windows import SCALE
from proxy.detectors.e_process import Key, advance, reaches

OTHERS_MIN: Final = 20  # evaluated harmful prompts beside the largest shard
OTHERS_SHARE: Final = 100  # or one in so many
NOTHING_SEEN: Final = (0,) * SHARDS

Without = tuple[Part, ...]  # the cells of all but shard s, for each s


@dataclass(frozen=True, slots=True)
class Tenants:
    """`seen`: evaluated harmful prompts by shard since the route is known, in counts. `left_out`: by shard, the lines
    without it; empty while one shard has held everything, since leaving it out leaves nothing, and any other, all.
    """

    seen: tuple[int, ...] = NOTHING_SEEN
    left_out: tuple[Lines, ...] = ()

    @property
    def can_be_asked(self) -> bool:
        """Whether there are others beside the largest shard."""
        total = sum(self.seen)
        others = total - max(self.seen)
        return others >= OTHERS_MIN * SCALE or others * OTHERS_SHARE >= total > 0


def noted(tenants: Tenants, reading: Reading) -> Tenants:
    """With this pane's prompts among those seen."""
    total = sum(reading.part(REFUSAL).values())
    if not total:
        return tenants
    of = [sum(reading.part(shard_signal(REFUSAL, shard)).values()) for shard in range(1, SHARDS)]
    here = (max(0, total - sum(of)), *of)
    return replace(tenants, seen=tuple(a + b for a, b in zip(tenants.seen, here, strict=True)))


def without(reading: Reading, signal: str) -> Without:
    """The cells of a signal without each shard."""
    total = reading.part(signal)
    parts = [reading.part(shard_signal(signal, shard)) for shard in range(1, SHARDS)]
    if not any(parts):
        return (NO_CELLS, *(total,) * (SHARDS - 1))
    others: dict[Key, int] = {}
    for part in parts:
        for key, n in part.items():
            others[key] = others.get(key, 0) + n
    return (others, *(_minus(total, part) for part in parts))


def _minus(total: Part, part: Part) -> Part:
    """Never below nothing, whatever a half-upgraded fleet counted."""
    left = {key: n - part.get(key, 0) for key, n in total.items()}
    return {key: n for key, n in left.items() if n > 0}


class Before(NamedTuple):
    """The evidence of all tenants together, as it was before a pane."""

    evidence: Evidence
    raised: AllRaised


def consume(tenants: Tenants, before: Before, plan: Plan, pane: int, reading: Reading) -> Tenants:
    """After a closed pane."""
    after = noted(tenants, reading)
    if not after.left_out:
        if sum(n > 0 for n in after.seen) < 2:
            return after
        after = replace(after, left_out=_begun(tenants, before, plan))
    return replace(after, left_out=_advanced(after.left_out, plan, pane, reading))


def _begun(tenants: Tenants, before: Before, plan: Plan) -> tuple[Lines, ...]:
    """Until now one shard held everything: without it there is nothing, and without another there is all of it."""
    alone = max(range(SHARDS), key=lambda shard: tenants.seen[shard])
    lines = {test.key: before.evidence.lines.get(test.key, FRESH_LINE) for test in _tests(plan)}
    for one in _watches(plan):
        if (known := before.raised.get(one.name)) is not None:
            status = Status.CROSSED if known.is_crossed else Status.UNDECIDED
            lines[one.name] = LineState(known.bets, status, known.crossed_pane)
    return tuple({} if shard == alone else lines for shard in range(SHARDS))


def _advanced(left_out: tuple[Lines, ...], plan: Plan, pane: int, reading: Reading) -> tuple[Lines, ...]:
    cells = {signal: without(reading, signal) for signal in SHARDED}
    tests, watches = _tests(plan), _watches(plan)
    return tuple(
        _watched(
            evidences.advanced(lines, tests, plan, pane, cells[REFUSAL][shard]),
            watches,
            pane,
            {signal: of[shard] for signal, of in cells.items()},
        )
        for shard, lines in enumerate(left_out)
    )


def _watched(lines: Lines, watches: tuple[Watch, ...], pane: int, cells: Mapping[str, Part]) -> Lines:
    """With the lines of watches that are counted by shard."""
    after = dict(lines)
    for one in watches:
        state = after.get(one.name, FRESH_LINE)
        bets = advance(state.bets, one.table, pane, cells[one.signal])
        crossed = state.status is Status.UNDECIDED and reaches(bets, one.log_limit)
        after[one.name] = LineState(bets, Status.CROSSED, pane) if crossed else replace(state, bets=bets)
    return after


def recovered(tenants: Tenants, plan: Plan, places: tuple[str, ...]) -> Tenants:
    """With the lines of some places (or watches) begun anew, as those of all tenants are."""
    if not places or not tenants.left_out:
        return tenants
    fresh = {one.name: FRESH_LINE for one in _watches(plan) if one.name in places}
    after = (evidences.forgotten(lines, _tests(plan), places) for lines in tenants.left_out)
    return replace(tenants, left_out=tuple({**lines, **fresh} for lines in after))


def followed(tenants: Tenants, plan: Plan) -> Tenants:
    """For another plan: evidence begins anew, and latches stay."""
    tests = _tests(plan)
    return replace(tenants, left_out=tuple(evidences.begun_anew(lines, tests) for lines in tenants.left_out))


def glance(tenants: Tenants, plan: Plan, pane: int, reading: Reading) -> Tenants:
    """With what an open pane latches; asked only where the lines of all tenants would revert."""
    if not tenants.left_out:
        return tenants
    cells, tests = without(reading, REFUSAL), _tests(plan)
    seen = [evidences.advanced(lines, tests, plan, pane, cells[s]) for s, lines in enumerate(tenants.left_out)]
    kept = [evidences.latched(*pair) for pair in zip(tenants.left_out, seen, strict=True)]
    return replace(tenants, left_out=tuple(kept))


def calls_without(tenants: Tenants, plan: Plan) -> Iterator[tuple[Call, ...]]:
    """For each shard, what the lines that may lead to a revert stand at without it."""
    tests, watches = _tests(plan), _watches(plan)
    for lines in tenants.left_out:
        found = [(one, lines.get(one.name, FRESH_LINE).status) for one in watches]
        high = [Call(one.stratum, one.line, status, one.metric) for one, status in found]
        yield (*evidences.called(lines, tests), *high)


def _tests(plan: Plan) -> tuple[Test, ...]:
    """Refusal's warning lines (for the guard) and critical lines. No tenant can reach a canary."""
    return tuple(t for t in plan.tests if t.metric == REFUSAL and t.line is not LineKind.CHANGED)


def _watches(plan: Plan) -> tuple[Watch, ...]:
    return tuple(w for w in plan.watches if w.line is LineKind.CRITICAL and w.signal in SHARDED)
