"""Hands a route over from the classifier that made its baseline to the one that judges now.

The one before judges on, for the lines, as long as a replica holds it. The new one judges the same answers beside it
until it has learnt a baseline; that is put in force by a person, or by itself where the one in force was confirmed by
nobody either and the route is well. Where nobody holds the one before, the route is blind, and says so.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import Final

from proxy.control.entry import Entry, in_force
from proxy.control.memory import Memory
from proxy.control.setup import Setup
from proxy.core.baselines.baseline import Baseline, Kind, Standing
from proxy.core.baselines.fingerprint import Fingerprint, changes, seen_in
from proxy.core.baselines.handover import Duty, Learner, beside
from proxy.core.baselines.learning import absorb, close
from proxy.core.baselines.versions import Switch, Version, content_id, switched
from proxy.core.decisions.decide import JUDGE
from proxy.core.decisions.severity import Severity
from proxy.core.enforcement import Step
from proxy.core.errors import GroundwireError
from proxy.core.evidence.signals import is_impaired
from proxy.core.windows import pane_of
from proxy.telemetry.logs import get_logger

log = get_logger(__name__)

GROUNDWIRE: Final = "groundwire"
LAG_S: Final = 2.0  # as `looking.FLUSHED_WITHIN_S`; here panes of any route wait for `close_lag_s`: nothing hastens
ADOPTED: Final = (Kind.LIVE, Kind.AMENDED)  # what live learning may replace by itself


def seated(entry: Entry, baseline: Baseline | None, judge: str, at_hand: Collection[str], clear_pane: int) -> Entry:
    """The route with whoever is to judge it: the one that made its baseline where that is at hand, else `judge`.

    Panes before `clear_pane` may hold verdicts of both, where that is a change.
    """
    made = "" if baseline is None else baseline.judge
    wanted = made if made in at_hand else judge
    if entry.judge == wanted:
        return entry
    if not entry.judge and wanted == judge:
        return replace(entry, judge=wanted)
    mixed = clear_pane - 1
    return replace(
        entry,
        judge=wanted,
        judge_pane=max(mixed, entry.judge_pane),
        context_pane=max(mixed, entry.context_pane),
    )


def duty(entry: Entry, judge: str) -> Duty:
    """Who judges this route's answers on a replica whose own judge is `judge`."""
    made = "" if entry.baseline is None else entry.baseline.judge
    learns = bool(made and judge) and judge not in (made, entry.judge, entry.heir)
    return Duty(entry.judge, judge if learns else "")


def needed(entries: Iterable[Entry]) -> frozenset[str]:
    """The judges that answers are judged by, or would be if they were at hand: without them routes are blind."""
    held = [one for one in entries if one.baseline is not None and not one.closed]
    made = {one.baseline.judge for one in held if one.baseline is not None}
    return frozenset((made | {one.judge for one in held}) - {""})


def served_as(entry: Entry, judge: str) -> str:
    """The served model under which the verdicts of this judge on the candidate are counted."""
    key = entry.route.candidate.key
    return key if judge in ("", entry.judge) or not entry.judge else beside(key, judge)


class Handovers:
    """One for a control plane."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._followed: dict[str, int] = {}  # by route, the last pane that was closed when it was looked after

    def forget(self, name: str) -> None:
        """This route is no more."""
        self._followed.pop(name, None)

    async def say(self, setup: Setup, now_s: float) -> None:
        """Let the other replicas of a shared store know which judges are at hand here."""
        if self._memory.store.shared and setup.judges:
            known = self._memory.at_hand.known
            if known.saying(setup.judges, now_s) is not known:
                await self._memory.at_hand.edit(lambda now: now.saying(setup.judges, now_s))

    async def work(
        self, setup: Setup, entries: Iterable[Entry], facts: Mapping[str, Mapping[str, str]], now_s: float
    ) -> None:
        """Let the new classifier learn on every route whose baseline another one made; once a pane."""
        for entry in list(entries):
            name, closed = entry.route.name, pane_of(now_s - setup.settings.close_lag_s - LAG_S, setup.pane_s) - 1
            if entry.closed or self._followed.get(name) == closed or not _learns(entry, setup.judge):
                continue
            self._followed[name] = closed
            try:
                await self._learn(setup, entry, (closed, facts.get(name, {})), now_s)
            except GroundwireError as wrong:
                log.error("baseline_fault", route=name, error=str(wrong))  # noqa: TRY400

    async def _learn(self, setup: Setup, entry: Entry, at: tuple[int, Mapping[str, str]], now_s: float) -> None:
        kept, judge, closed = self._memory.shelves.learner(entry.route.name), setup.judge, at[0]
        version, before = await kept.load()
        since = entry.context_pane
        if (before.judge, before.since) != (judge, since):
            before = Learner(judge, since, since)
        after = await self._further(setup, entry, before, closed)
        rules = setup.policy(entry.route.name).baseline
        made = close(after.learning, rules, now_s, judge)
        if made is not None:
            await self._shelve(entry, made, at, now_s)
        elif after != before:
            await kept.swap(version, after)  # else another replica was faster, and read the same panes

    async def _further(self, setup: Setup, entry: Entry, learner: Learner, closed: int) -> Learner:
        """After the closed panes that it has not learnt from. What a pane lost stands in the counts of its judge."""
        store, name = self._memory.store, entry.route.name
        lost_max = setup.policy(name).blind.lost_share_max
        panes = await store.panes(name, served_as(entry, learner.judge), learner.pane + 1, closed)
        learning = learner.learning
        if panes:
            whole = dict(await store.panes(name, entry.route.candidate.key, panes[0][0], closed))
            for pane, counts in panes:
                if not is_impaired(whole.get(pane, {}), lost_max):
                    learning = absorb(learning, counts)
        return replace(learner, pane=max(closed, learner.pane), learning=replace(learning, judge=learner.judge))

    async def _shelve(self, entry: Entry, made: Baseline, at: tuple[int, Mapping[str, str]], now_s: float) -> None:
        """What was learnt becomes a version, and then is in force or waits for a person; one replica says so."""
        name, judge = entry.route.name, made.judge
        before = "" if entry.baseline is None else entry.baseline.judge
        made = replace(made, why=f"learnt by {judge} beside {before}, from {made.n} evaluated harmful prompts")
        version = await self._on_shelf(entry, made, at)
        taken: list[Entry] = []  # the entry as it was

        def ready(now: Entry | None) -> Entry | None:
            taken.clear()
            if now is None or not _learns(now, judge) or now.context_pane != entry.context_pane:
                return now
            taken.append(now)
            adopts = _may_adopt(now, judge)
            return in_force(now, made, version.number, version.context) if adopts else replace(now, heir=judge)

        after = await self._memory.entry(name).edit(ready)
        if after is not None and taken:
            await self._say(taken[0], after, version, now_s)

    async def _on_shelf(self, entry: Entry, made: Baseline, at: tuple[int, Mapping[str, str]]) -> Version:
        """The version of these counts; the one that another replica made of the same panes, where it was faster."""
        closed, facts = at
        name, key, shelves = entry.route.name, entry.route.candidate.key, self._memory.shelves
        _, shelf = await shelves.shelf(name).load()
        if (twin := shelf.find(content_id(made))) and (found := await shelves.version(name, twin.number)):
            return found
        panes = await self._memory.store.panes(name, key, entry.context_pane + 1, closed)
        context = Fingerprint({**facts, JUDGE: made.judge}, await asyncio.to_thread(seen_in, panes))
        source = f"live traffic, judged by {made.judge} beside the one before"
        return await shelves.add(name, Version(0, made, entry.version, source, context=context), entry.version)

    async def _say(self, before: Entry, after: Entry, version: Version, now_s: float) -> None:
        name, made, number = before.route.name, version.baseline, version.number
        log.info("baseline_learnt", route=name, n=made.n, rate=made.rate, version=number, why=made.why)
        if after.version != number:
            then = f"compare (groundwire baseline diff {name} {before.version} {number}) and promote it to hand over"
            log.warning("handover_waits", route=name, version=number, why=made.why, then=then)
            await self._memory.note(now_s, GROUNDWIRE, f"baseline version {number}", name, f"{made.why}; {then}")
            return
        switch = Switch(now_s, "adopt", before.version, number, GROUNDWIRE, made.why)
        await self._memory.shelves.shelf(name).edit(lambda shelf: switched(shelf, switch))
        log.warning("handed_over", route=name, version=number, why=made.why, then="evidence begins anew")
        await self._memory.note(now_s, GROUNDWIRE, f"baseline adopt {number}", name, made.why)


def _learns(entry: Entry, judge: str) -> bool:
    """Whether this judge has a baseline to learn on the route, beside another or, where it is blind, alone."""
    made = "" if entry.baseline is None else entry.baseline.judge
    return bool(made and judge) and judge not in (made, entry.heir)


def _may_adopt(entry: Entry, judge: str) -> bool:
    """A person's word stands until a person takes it back; and a route that is ill, or changed, teaches nothing."""
    held = entry.baseline
    if held is None or held.standing is not Standing.PROVISIONAL or held.kind not in ADOPTED:
        return False
    well = entry.state.severity.rank < Severity.MEDIUM.rank and entry.state.step is Step.STEADY
    change = changes(Fingerprint({JUDGE: held.judge}), Fingerprint({JUDGE: judge}))
    return well and entry.outdated in ("", *change)
