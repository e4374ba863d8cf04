"""What a person does with the baselines of a route: build, look, compare, promote, roll back, amend.

A new version changes nothing by itself; `promote` puts it in force, and a compare-and-set on the route's entry sees
to it that two people never switch at once without knowing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from proxy.control.baselines.handover import served_as
from proxy.control.entry import Entry, in_force
from proxy.control.memory import DECISION
from proxy.control.orders import ConflictError, NoRouteError, OrderError, Word
from proxy.control.plane import ControlPlane
from proxy.core.baselines.baseline import Baseline, Kind, Standing, promote
from proxy.core.baselines.fingerprint import Fingerprint, Watch, seen_in
from proxy.core.baselines.learning import Learning, absorb, baseline_of, tally
from proxy.core.baselines.versions import Head, Shelf, Span, Switch, Version, before, content_id, excluding, switched
from proxy.core.decisions.decide import JUDGE
from proxy.core.decisions.record import Record, from_bytes, seal
from proxy.core.decisions.severity import Severity
from proxy.core.drift.hours import usable
from proxy.core.errors import StateError
from proxy.core.evidence.signals import is_impaired
from proxy.core.windows import Counts, merge, pane_of

TRIES_MAX: Final = 8
RECORDS_MAX: Final = 1_000  # decisions that are looked through for the end of an incident
PROMOTE: Final = "promote"
ROLLBACK: Final = "rollback"
BY_FILE: Final = "its baseline is the file of the settings (routes.{}.baseline_file); change or remove that first"


class NoVersionError(OrderError):
    """There is no such version."""

    status = 404


@dataclass(frozen=True, slots=True)
class Made:
    """Counts that a version is to be made of. `judge` is whose verdicts they are, "" where nobody knows."""

    kind: Kind
    source: str
    cells: Counts
    judge: str = ""


class BaselineOrders:
    """The operator's hand on baselines. Raises OrderError where something cannot be done, StateError."""

    def __init__(self, plane: ControlPlane) -> None:
        self._plane = plane
        self._shelves = plane.memory.shelves

    # --- look --------------------------------------------------------------------------------------------------------

    async def shelf(self, name: str) -> tuple[Entry, Shelf]:
        """The route and its shelf, with what is in force on it."""
        plane = self._plane
        entry = (await plane.memory.entry(name).load())[1]
        if entry is None:
            raise NoRouteError(f"there is no route {name!r}; `groundwire route list` shows those there are")
        if entry.baseline is None and (found := plane.setup.baseline(entry)) is not None:
            entry = await plane.memory.entry(name).edit(lambda now: now and replace(now, baseline=found)) or entry
        entry = await plane.baselines.shelved(plane.setup, entry, plane.facts(entry), plane.now())
        return entry, (await self._shelves.shelf(name).load())[1]

    async def version(self, name: str, which: str) -> Version:
        """A version by its number or the beginning of its id; "" is the one in force."""
        entry, shelf = await self.shelf(name)
        if not which and not entry.version:
            raise ConflictError(f"route {name} has no baseline yet: {_learning(self._plane, entry)}")
        head = shelf.find(which or str(entry.version))
        if head is None:
            held = ", ".join(str(one.number) for one in shelf.heads) or "none"
            raise NoVersionError(f"route {name} has no baseline {which!r}; there are versions {held}")
        return await self._body(name, head)

    async def _body(self, name: str, head: Head) -> Version:
        found = await self._shelves.version(name, head.number)
        if found is None:
            raise NoVersionError(f"version {head.number} of route {name} made room for newer ones")
        return found

    # --- build -------------------------------------------------------------------------------------------------------

    async def add(self, name: str, made: Made, word: Word) -> Version:
        """A version of counts that somebody made: results of an evaluation, or answers to prompts."""
        entry, shelf = await self.shelf(name)
        learning = await asyncio.to_thread(absorb, Learning(judge=made.judge), made.cells)
        known = entry.state.learning.assessed
        assessed = tally(known) if entry.baseline is None else entry.baseline.assessed
        baseline = replace(baseline_of(learning, self._plane.now(), made.judge), kind=made.kind, assessed=assessed)
        return await self._put(entry, shelf, Version(0, baseline, source=made.source), word)

    async def take(self, name: str, version: Version, word: Word) -> Version:
        """A version that was exported elsewhere, or a baseline file. It says itself in which context it was made."""
        entry, shelf = await self.shelf(name)
        source = f"imported; there version {version.number}: {version.source}" if version.number else "imported"
        own = version.context if version.context.facts else None
        baseline = replace(version.baseline, standing=Standing.PROVISIONAL)
        taken = replace(version, baseline=baseline, source=source)
        return await self._put(entry, shelf, taken, word, own)

    async def live(self, name: str, since_s: float, word: Word) -> Version:
        """A version of the panes that are kept, since `since_s` (Unix), of the present context."""
        entry, shelf = await self.shelf(name)
        first = pane_of(since_s, self._plane.setup.pane_s)
        version = await self._of_panes(entry, shelf, first, self._plane.setup.judge)
        return await self._put(entry, shelf, version, word)

    async def _of_panes(self, entry: Entry, shelf: Shelf, first: int, judge: str) -> Version:
        plane, pane_s = self._plane, self._plane.setup.pane_s
        now_pane = pane_of(plane.now(), pane_s)
        served = served_as(entry, judge)
        whole = await plane.baselines.panes(entry, now_pane, first)
        beside = served != entry.route.candidate.key
        panes = await plane.baselines.panes(entry, now_pane, first, served) if beside else whole
        lost_max = plane.setup.policy(entry.route.name).blind.lost_share_max
        lossy = {pane for pane, counts in whole if is_impaired(counts, lost_max)}
        used = [one for one in panes if not _excluded(shelf, one[0], pane_s) and one[0] not in lossy]
        learning = await asyncio.to_thread(_learnt, used, judge)
        gathered = (await self._shelves.hours(entry.route.name).load())[1]
        hours = usable(gathered) if gathered.context_pane == entry.context_pane and not beside else {}
        baseline = replace(baseline_of(learning, plane.now(), judge), hours=hours)
        window = (used[0][0] * pane_s, (used[-1][0] + 1) * pane_s) if used else (0.0, 0.0)
        source = f"{len(used)} panes of live traffic, {len(panes) - len(used)} left out"
        return Version(0, baseline, source=source, window_s=window)

    async def _put(
        self, entry: Entry, shelf: Shelf, version: Version, word: Word, context: Fingerprint | None = None
    ) -> Version:
        """On the shelf, and noted. Raises ConflictError where it would say nothing, or nothing new."""
        plane, name = self._plane, entry.route.name
        baseline = version.baseline
        if baseline.n == 0:
            raise ConflictError(f"route {name}: no answer to a harmful prompt is in it ({version.source}), so no line")
        baseline = replace(baseline, who=word.actor, why=word.reason, made_s=plane.now())
        twin = next((one for one in shelf.heads if one.id == content_id(baseline)), None)
        if twin is not None:
            raise ConflictError(f"route {name}: version {twin.number} holds exactly these counts already")
        if context is None:
            panes = await plane.baselines.panes(entry, pane_of(plane.now(), plane.setup.pane_s))
            context = Fingerprint({**plane.facts(entry)}, await asyncio.to_thread(seen_in, panes))
            context = replace(context, facts={**context.facts, JUDGE: baseline.judge or context.facts.get(JUDGE, "")})
        whole = replace(version, baseline=baseline, context=context, parent=entry.version)
        added = await self._shelves.add(name, whole, entry.version)
        await plane.memory.note(plane.now(), word.actor, f"baseline version {added.number}", name, word.reason)
        return added

    # --- switch ------------------------------------------------------------------------------------------------------

    async def promote(self, name: str, which: str, word: Word) -> str:
        """Put a version in force ("": confirm the one that is), for the context that holds now."""
        version = await self.version(name, which)
        plane, baseline = self._plane, promote(version.baseline, word.actor, word.reason, self._plane.now())
        entry, _ = await self.shelf(name)
        now = Fingerprint(plane.facts(entry), await plane.baselines.marks_of_now(plane.setup, entry, plane.now()))
        record = await self._switch(name, PROMOTE, replace(version, baseline=baseline, context=now), word)
        return f"route {name}: baseline version {version.number} ({content_id(baseline)}) is promoted; record {record}"

    async def rollback(self, name: str, word: Word) -> str:
        """Put back what was in force before, in the standing and the context that it had."""
        entry, shelf = await self.shelf(name)
        number = before(shelf, entry.version)
        if not number:
            raise ConflictError(f"route {name}: no baseline was in force before version {entry.version}")
        version = await self.version(name, str(number))
        promoted = any(one.verb == PROMOTE and one.after == number for one in shelf.switches)
        standing = Standing.PROMOTED if promoted else version.baseline.standing
        baseline = replace(
            version.baseline, standing=standing, who=word.actor, why=word.reason, made_s=self._plane.now()
        )
        record = await self._switch(name, ROLLBACK, replace(version, baseline=baseline), word)
        return f"route {name}: back on baseline version {number}, {standing}; record {record}"

    async def _switch(self, name: str, verb: str, version: Version, word: Word) -> str:
        plane, kept = self._plane, self._plane.memory.entry(name)
        for _ in range(TRIES_MAX):
            held, entry = await kept.load()
            if entry is None:
                raise NoRouteError(f"there is no route {name!r}")
            if name in plane.setup.files and entry.version != version.number:
                raise ConflictError(f"route {name}: {BY_FILE.format(name)}")
            after = in_force(entry, version.baseline, version.number, version.context)
            if await kept.swap(held, after):
                return await self._noted(name, verb, entry, version, word)
        raise StateError(f"route {name}: {TRIES_MAX} other writers were faster; try again")

    async def _noted(self, name: str, verb: str, entry: Entry, version: Version, word: Word) -> str:
        now_s, number = self._plane.now(), version.number
        record = seal(name, now_s, _switch_body(verb, entry, version, word))
        await self._shelves.note(record)
        await self._shelves.watch(name).edit(lambda _: Watch(number, pane_of(now_s, self._plane.setup.pane_s)))
        switch = Switch(now_s, verb, entry.version, number, word.actor, word.reason, record.id)
        await self._shelves.shelf(name).edit(lambda shelf: switched(shelf, switch))
        await self._plane.memory.note(now_s, word.actor, f"baseline {verb} {number}", name, word.reason)
        return record.id

    # --- incidents ---------------------------------------------------------------------------------------------------

    async def amend(self, name: str, incident: str, reviewed: Made | None, word: Word) -> tuple[Version | None, str]:
        """After an incident: its time stays out of baselines from now on, and what a review found is added.

        A version of live traffic that overlaps the incident is made again without it; reviewed counts are added to
        the counts in force. None, with the reason, where neither changes a count.
        """
        entry, shelf = await self.shelf(name)
        span = await self._span(name, incident)
        shelf = await self._shelves.shelf(name).edit(lambda now: excluding(now, span))
        version = await self.version(name, "")
        made, what = version, []
        overlaps = version.window_s[1] > span.begin_s and version.window_s[0] < span.end_s
        if overlaps and version.baseline.kind in (Kind.LIVE, Kind.AMENDED):
            first = pane_of(version.window_s[0], self._plane.setup.pane_s)
            made = await self._of_panes(entry, shelf, first, version.baseline.judge)
            what.append(f"without the panes of incident {incident}")
        if reviewed is not None:
            made = replace(made, baseline=merged(made.baseline, reviewed))
            what.append(f"with reviewed answers ({reviewed.source})")
        if not what:
            return None, f"no count in force is of the time of incident {incident}; it stays out of later baselines"
        baseline = replace(made.baseline, kind=Kind.AMENDED)
        source = f"version {version.number} {' and '.join(what)}"
        put = replace(made, baseline=baseline, source=source, incident=incident, number=0)
        return await self._put(entry, shelf, put, word), source

    async def _span(self, name: str, incident: str) -> Span:
        record = await self._plane.memory.decision(incident)
        if record is None or record.route != name:
            raise NoVersionError(
                f"route {name} has no decision {incident!r}; `groundwire route show` names its last one"
            )
        return Span(_began_s(record), await self._ended_s(record), incident)

    async def _ended_s(self, record: Record) -> float:
        """When the route was found well again, or was restored by somebody; now, where it was not yet."""
        kept = await self._plane.memory.store.records(DECISION, RECORDS_MAX)
        later = (from_bytes(data) for _, at_s, data in reversed(kept) if at_s > record.at_s)
        ends = (one.at_s for one in later if one.route == record.route and not _is_ill(one))
        return next(ends, self._plane.now())


def merged(baseline: Baseline, reviewed: Made) -> Baseline:
    """The baseline with the counts of reviewed answers. Raises ConflictError where two judges would be mixed."""
    if reviewed.judge and baseline.judge and reviewed.judge != baseline.judge:
        raise ConflictError(f"the baseline was judged by {baseline.judge}, the review by {reviewed.judge}; build anew")
    more = baseline_of(absorb(Learning(), reviewed.cells), baseline.made_s, baseline.judge)
    return baseline.plus(replace(more, shapes={}))  # a review is no sample of the traffic's shape


def _learnt(panes: list[tuple[int, Counts]], judge: str) -> Learning:
    return absorb(Learning(judge=judge), merge(counts for _, counts in panes))


def _excluded(shelf: Shelf, pane: int, pane_s: float) -> bool:
    begin_s, end_s = pane * pane_s, (pane + 1) * pane_s
    return any(end_s > span.begin_s and begin_s < span.end_s for span in shelf.excluded)


def _began_s(record: Record) -> float:
    """Where the change began that this decision is about: its earliest finding, else its earliest pane."""
    inputs, found = record.body["inputs"], record.body["decision"].get("findings", [])
    if "context" not in inputs or "panes" not in inputs:
        raise ConflictError(f"{record.id} is an order, not a decision on evidence: it has no time to leave out")
    pane_s = float(inputs["context"]["pane_s"])
    since = [one["since_pane"] for one in found if one.get("since_pane") is not None and one["status"] != "undecided"]
    panes = [pane for pane, _ in inputs["panes"]] or [pane_of(record.at_s, pane_s)]
    return float(min(since or panes)) * pane_s


def _is_ill(record: Record) -> bool:
    return Severity(record.body["decision"]["severity"]).rank >= Severity.MEDIUM.rank


def _switch_body(verb: str, entry: Entry, version: Version, word: Word) -> Mapping[str, Any]:
    """All that a switch rests on: from what to what, in which context, by whom and why."""
    inputs: Mapping[str, Any] = {
        "order": f"baseline {verb}",
        "who": word.actor,
        "why": word.reason,
        "before": {"version": entry.version, "id": content_id(entry.baseline) if entry.baseline else ""},
        "after": {"version": version.number, "id": content_id(version.baseline)},
        "stale": entry.outdated,
        "context": dict(version.context.facts),
    }
    return {"inputs": inputs, "decision": {"standing": version.baseline.standing.value}}


def _learning(plane: ControlPlane, entry: Entry) -> str:
    n, of = entry.state.learning.n, plane.setup.policy(entry.route.name).baseline.closes_at
    return f"{n} of {of} evaluated harmful prompts"
