"""One tenant may not revert a route for all: the evidence without any one shard of tenants. Pure.

Tenants fall into four shards by a keyed hash. Every signal with a line that may lead to a revert is counted in all, and
once more for the shards 1 to 3; shard 0 is what these leave. Beside each such line run four e-detectors with the same
tables on "all minus shard s". An automatic revert needs its severity to be reached without any one of them, so that at
least two shards show the fall, or canaries that fell too.

The rule can be asked only where others hold traffic beside the largest shard: OTHERS_MIN evaluated harmful prompts of
theirs since the route is known, or 1 % of these, or 1 % of all answers. While one shard holds everything, nothing is
left out, and a revert says so in a note.

A shard's scores of toxicity are counted in whole bins. Its line on the percentile lies at the edge of a whole bin, at
or 14 % below that of all tenants at most: above the warning line in any case.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from proxy.core.evidence import outputs, triggers
from proxy.core.evidence import refusal as evidences
from proxy.core.evidence.findings import Call, LineKind, Status
from proxy.core.evidence.outputs import NEVER_TO_ANY
from proxy.core.evidence.plan import Plan, Test
from proxy.core.evidence.refusal import FRESH_LINE, Evidence, Lines, LineState
from proxy.core.evidence.signals import ASSESSED, NO_CELLS, REFUSAL, SHARDED, Part, Reading, shard_signal
from proxy.core.evidence.watches import NOWHERE, AllRaised, Watch
from proxy.core.tenant_shard import SHARDS
from proxy.core.windows import SCALE
from proxy.detectors.e_process import FRESH, Key, advance, reaches
from proxy.detectors.quantile import FINE_PLACE, PARTS

OTHERS_MIN: Final = 20  # evaluated harmful prompts beside the largest shard
OTHERS_SHARE: Final = 100  # or one in so many of them, or of all answers
NOTHING_SEEN: Final = (0,) * SHARDS

Without = tuple[Part, ...]  # the cells of all but shard s, for each s


@dataclass(frozen=True, slots=True)
class Tenants:
    """`seen`, `answered`: evaluated harmful prompts and assessed answers by shard since the route is known, in counts.

    `left_out`: by shard, the lines without it; empty while one shard has held everything, since leaving it out leaves
    nothing, and any other, all. `harmed`: by shard, the last pane with a single harmful output to it (`core.outputs`).
    """

    seen: tuple[int, ...] = NOTHING_SEEN
    left_out: tuple[Lines, ...] = ()
    answered: tuple[int, ...] = NOTHING_SEEN
    harmed: tuple[int, ...] = NEVER_TO_ANY

    @property
    def can_be_asked(self) -> bool:
        """Whether there are others beside the largest shard."""
        others = sum(self.seen) - max(self.seen)
        return others >= OTHERS_MIN * SCALE or _has_others(self.seen) or _has_others(self.answered)


def _has_others(counts: Sequence[int]) -> bool:
    total = sum(counts)
    return (total - max(counts)) * OTHERS_SHARE >= total > 0


def noted(tenants: Tenants, reading: Reading) -> Tenants:
    """With this pane's prompts among those seen, and its answers among those given."""
    prompts = sum(reading.part(REFUSAL).values())
    answers = sum(n for (_, _, y), n in reading.assessed.items() if y)
    if not (prompts or answers):
        return tenants
    seen = _added(tenants.seen, _by_shard(reading, REFUSAL, prompts))
    return replace(tenants, seen=seen, answered=_added(tenants.answered, _by_shard(reading, ASSESSED, answers)))


def _by_shard(reading: Reading, signal: str, total: int) -> tuple[int, ...]:
    of = [sum(reading.part(shard_signal(signal, shard)).values()) for shard in range(1, SHARDS)]
    return (max(0, total - sum(of)), *of)


def _added(one: Sequence[int], other: Sequence[int]) -> tuple[int, ...]:
    return tuple(a + b for a, b in zip(one, other, strict=True))


def harmed(tenants: Tenants, pane: int, reading: Reading) -> Tenants:
    """With the single harmful outputs of a pane, closed or open."""
    last = outputs.last_panes(tenants.harmed, pane, reading)
    return tenants if last == tenants.harmed else replace(tenants, harmed=last)


def without(reading: Reading, signal: str) -> Without:
    """The cells of a signal without each shard."""
    return _left(reading.part(signal), [reading.part(shard_signal(signal, shard)) for shard in range(1, SHARDS)])


def without_in(watch: Watch, reading: Reading) -> Without:
    """What of a pane belongs to a watch without each shard."""
    if watch.above != NOWHERE:  # at an edge that shards have too
        watch = replace(watch, above=max(FINE_PLACE, watch.above // PARTS * PARTS))
    parts = [watch.cells_of(reading.part(shard_signal(watch.signal, shard))) for shard in range(1, SHARDS)]
    return _left(watch.cells(reading), parts)


def _left(total: Part, parts: Sequence[Part]) -> Without:
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
        if sum(n > 0 for n in _all(after)) < 2:
            return after
        after = replace(after, left_out=_begun(tenants, before, plan))
    watches = _watches(plan, before.raised, reading)
    return replace(after, left_out=_advanced(after.left_out, plan, watches, (pane, reading)))


def _all(tenants: Tenants) -> tuple[int, ...]:
    """Whatever was counted by shard."""
    return _added(tenants.seen, tenants.answered)


def _begun(tenants: Tenants, before: Before, plan: Plan) -> tuple[Lines, ...]:
    """Until now one shard held everything: without it there is nothing, and without another there is all of it."""
    alone = max(range(SHARDS), key=lambda shard: _all(tenants)[shard])
    lines = {test.key: before.evidence.lines.get(test.key, FRESH_LINE) for test in _tests(plan)}
    for one in _watches(plan, before.raised):
        if (known := before.raised.get(one.name)) is not None:
            status = Status.CROSSED if known.is_crossed else Status.UNDECIDED
            lines[one.name] = LineState(known.bets, status, known.crossed_pane)
    return tuple({} if shard == alone else lines for shard in range(SHARDS))


def _advanced(
    left_out: tuple[Lines, ...], plan: Plan, watches: tuple[Watch, ...], taken: tuple[int, Reading]
) -> tuple[Lines, ...]:
    pane, reading = taken
    tests, refusals = _tests(plan), without(reading, REFUSAL)
    cells = {one.name: without_in(one, reading) for one in watches}
    return tuple(
        _watched(
            evidences.advanced(lines, tests, plan, pane, refusals[shard]),
            watches,
            pane,
            {name: of[shard] for name, of in cells.items()},
        )
        for shard, lines in enumerate(left_out)
    )


def _watched(lines: Lines, watches: tuple[Watch, ...], pane: int, cells: Mapping[str, Part]) -> Lines:
    """With the lines of watches; `cells` by their names."""
    after = dict(lines)
    for one in watches:
        state = after.get(one.name, FRESH_LINE)
        bets = advance(state.bets, one.table, pane, cells[one.name])
        crossed = state.status is Status.UNDECIDED and reaches(bets, one.log_limit)
        after[one.name] = LineState(bets, Status.CROSSED, pane) if crossed else replace(state, bets=bets)
    return after


def recovered(tenants: Tenants, plan: Plan, places: tuple[str, ...]) -> Tenants:
    """With the lines of some places (or watches) begun anew, as those of all tenants are."""
    if not places or not tenants.left_out:
        return tenants
    fresh = {one.name: FRESH_LINE for one in _watches(plan, places) if one.name in places}
    after = (evidences.forgotten(lines, _tests(plan), places) for lines in tenants.left_out)
    return replace(tenants, left_out=tuple({**lines, **fresh} for lines in after))


def followed(tenants: Tenants, plan: Plan) -> Tenants:
    """For another plan: evidence begins anew, and latches stay."""
    return replace(tenants, left_out=tuple(_begun_anew(lines, plan) for lines in tenants.left_out))


def _begun_anew(lines: Lines, plan: Plan) -> Lines:
    latched = {one.name: lines[one.name] for one in _watches(plan, lines) if one.name in lines}
    watched = {name: replace(state, bets=FRESH) for name, state in latched.items()}
    return {**evidences.begun_anew(lines, _tests(plan)), **watched}


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
    tests = _tests(plan)
    for lines in tenants.left_out:
        found = [(one, lines.get(one.name, FRESH_LINE).status) for one in _watches(plan, lines)]
        high = [Call(one.stratum, one.line, status, one.metric) for one, status in found]
        yield (*evidences.called(lines, tests), *high)


def _tests(plan: Plan) -> tuple[Test, ...]:
    """Refusal's warning lines (for the guard) and critical lines. No tenant can reach a canary."""
    return tuple(t for t in plan.tests if t.metric == REFUSAL and t.line is not LineKind.CHANGED)


def _watches(plan: Plan, known: Iterable[str], reading: Reading | None = None) -> tuple[Watch, ...]:
    """The critical lines; `known`: names of watches, of which those of triggers are taken."""
    every = (*plan.watches, *triggers.seen(plan.trigger, known, reading))
    return tuple(w for w in every if w.line is LineKind.CRITICAL and w.signal in SHARDED)
