"""Looks after the baselines in force: shelves what was adopted, marks what went stale, reminds of the review.

Called each second; a route is followed once a pane. Everything is kept by compare-and-set, so any replica may do it.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final

from proxy.control.entry import Entry, outdated
from proxy.control.memory import Memory
from proxy.control.setup import Setup
from proxy.core.baselines.baseline import Baseline, Kind
from proxy.core.baselines.fingerprint import Fingerprint, Watch, changes, completed, follow, left, seen_in
from proxy.core.baselines.versions import Switch, Version, content_id, switched
from proxy.core.decisions.decide import JUDGE
from proxy.core.decisions.severity import Severity
from proxy.core.drift.hours import HOUR_S, Hours, with_hour
from proxy.core.drift.shapes import Shapes
from proxy.core.errors import GroundwireError
from proxy.core.windows import Counts, merge, pane_of
from proxy.telemetry.logs import get_logger

log = get_logger(__name__)

GROUNDWIRE: Final = "groundwire"
CAUGHT_UP_MAX: Final = 24  # hours that are added at once after a pause
AHEAD_MAX: Final = 120  # panes that another replica, or a slow look, may have come further
LAG_S: Final = 2.0  # as `looking.FLUSHED_WITHIN_S`; here panes of any route wait for `close_lag_s`: nothing hastens

Facts = Mapping[str, Mapping[str, str]]  # by route: what servers and settings say now


class Baselines:
    """One for a control plane."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._shelved: dict[str, tuple[Baseline, int]] = {}  # what was seen to be on the shelf, so that none is asked
        self._followed: dict[str, int] = {}  # by route, the last pane that was closed when it was looked after

    def forget(self, name: str) -> None:
        """This route is no more."""
        self._shelved.pop(name, None)
        self._followed.pop(name, None)

    async def work(self, setup: Setup, entries: Iterable[Entry], facts: Facts, now_s: float) -> None:
        """Look after every open route with a baseline."""
        for entry in list(entries):
            if entry.closed or entry.baseline is None:
                continue
            name = entry.route.name
            try:
                await self._shelve(setup, entry, facts.get(name, {}), now_s)
                await self._follow(setup, entry, facts.get(name, {}), now_s)
            except GroundwireError as wrong:
                log.error("baseline_fault", route=name, error=str(wrong))  # noqa: TRY400

    async def shelved(self, setup: Setup, entry: Entry, facts: Mapping[str, str], now_s: float) -> Entry:
        """The entry once what it has in force is on the shelf."""
        await self._shelve(setup, entry, facts, now_s)
        return (await self._memory.entry(entry.route.name).load())[1] or entry

    # --- shelving ----------------------------------------------------------------------------------------------------

    async def _shelve(self, setup: Setup, entry: Entry, facts: Mapping[str, str], now_s: float) -> None:
        name, baseline = entry.route.name, entry.baseline
        if baseline is None or self._shelved.get(name) == (baseline, entry.version):
            return
        own, shelf = content_id(baseline), (await self._memory.shelves.shelf(name).load())[1]
        head = next((one for one in reversed(shelf.heads) if one.id == own), None)
        if head is not None and head.number == entry.version:
            self._shelved[name] = (baseline, entry.version)
            return
        context = await self._context(entry, facts, pane_of(now_s, setup.pane_s))
        if head is None:
            made = Version(0, baseline, parent=entry.version, source=_source(baseline), context=context)
            number = (await self._memory.shelves.add(name, made, entry.version)).number
        else:
            number = head.number
        await self._adopt(entry, number, context, now_s)

    async def _adopt(self, entry: Entry, number: int, context: Fingerprint, now_s: float) -> None:
        """The entry says which version it has in force, unless it has another by now."""
        name, baseline = entry.route.name, entry.baseline

        def numbered(now: Entry | None) -> Entry | None:
            if now is None or now.baseline != baseline:
                return now
            return replace(now, version=number, context=context, outdated="")

        after = await self._memory.entry(name).edit(numbered)
        if after is None or after.version != number or baseline is None:
            return
        why = baseline.why or "the file of the settings"
        switch = Switch(now_s, "adopt", entry.version, number, baseline.who or GROUNDWIRE, why)
        await self._memory.shelves.shelf(name).edit(lambda shelf: switched(shelf, switch))
        log.info("baseline_shelved", route=name, version=number, kind=baseline.kind, n=baseline.n, rate=baseline.rate)

    async def _context(self, entry: Entry, facts: Mapping[str, str], now_pane: int) -> Fingerprint:
        panes = await self.panes(entry, now_pane)
        judge = (entry.baseline.judge if entry.baseline else "") or facts.get(JUDGE, "")
        return Fingerprint({**facts, JUDGE: judge}, await asyncio.to_thread(seen_in, panes))

    async def panes(self, entry: Entry, last: int, first: int = 0, served: str = "") -> list[tuple[int, Counts]]:
        """Every pane of the candidate that is kept and of the present context, oldest first; `first` to `last`."""
        key, begin = served or entry.route.candidate.key, max(first, entry.context_pane + 1)
        return list(await self._memory.store.panes(entry.route.name, key, begin, last))

    async def marks_of_now(self, setup: Setup, entry: Entry, now_s: float) -> Shapes:
        """What the requests of the last hour carried, by kinds that tell enough; the others are learnt from now on."""
        first, key = pane_of(now_s - HOUR_S, setup.pane_s), entry.route.candidate.key
        panes = await self._memory.store.panes(entry.route.name, key, first, pane_of(now_s, setup.pane_s))
        return completed(Fingerprint(), await asyncio.to_thread(seen_in, panes)).seen

    # --- stale -------------------------------------------------------------------------------------------------------

    async def _follow(self, setup: Setup, entry: Entry, facts: Mapping[str, str], now_s: float) -> None:
        name, closed = entry.route.name, pane_of(now_s - setup.settings.close_lag_s - LAG_S, setup.pane_s) - 1
        if not entry.version or self._followed.get(name) == closed:
            return
        self._followed[name] = closed
        watch = await self._watched(entry, closed)
        kind = None if entry.baseline is None else entry.baseline.kind
        now = Fingerprint(facts)
        found = changes(entry.context, now, without=("candidate",) if kind is Kind.BASE else ())
        known = completed(Fingerprint({**facts, **entry.context.facts}, entry.context.seen), watch.seen)
        await self._mark(setup, entry, known, (*found, *left(watch, setup.pane_s)), now_s)
        await self._remind(setup, entry, now_s)
        await self._gather(setup, entry, closed)

    async def _watched(self, entry: Entry, closed: int) -> Watch:
        name, key = entry.route.name, entry.route.candidate.key
        kept = self._memory.shelves.watch(name)
        _, before = await kept.load()
        start = before if before.version == entry.version else Watch(entry.version, closed)
        if start.pane > closed + AHEAD_MAX:  # the clock was set back
            start = replace(start, pane=closed)
        panes = await self._memory.store.panes(name, key, start.pane + 1, closed)

        def followed(now: Watch) -> Watch:
            return now if now.version == entry.version and now != before else follow(start, entry.context, panes)

        return await kept.edit(followed)

    async def _mark(self, setup: Setup, entry: Entry, known: Fingerprint, found: tuple[str, ...], now_s: float) -> None:
        """Keep what was learnt of the context, and that it was left."""
        if (known == entry.context and not found) or (found and entry.outdated):
            return
        name, why, pane = entry.route.name, "; ".join(found), pane_of(now_s, setup.pane_s)

        def marked(now: Entry | None) -> Entry | None:
            if now is None or now.version != entry.version:
                return now
            now = replace(now, context=known)
            return outdated(now, why, pane) if why else now

        after = await self._memory.entry(name).edit(marked)
        if after is not None and after.outdated and not entry.outdated:
            await self.say_stale(name, after.outdated, now_s)

    async def say_stale(self, name: str, why: str, now_s: float) -> None:
        """Said once, loudly: the drift lines pause, and a person is needed."""
        then = "safety lines stay in force, drift lines pause; build a baseline, or promote this one for what is now"
        log.warning("baseline_stale", route=name, why=why, then=then)
        await self._memory.note(now_s, GROUNDWIRE, "baseline stale", name, why)

    async def _remind(self, setup: Setup, entry: Entry, now_s: float) -> None:
        """Once in a review period, of a baseline that nobody has confirmed or replaced for as long."""
        kept, period_s = self._memory.shelves.shelf(entry.route.name), setup.settings.baseline_review_s
        _, shelf = await kept.load()
        confirmed_s = shelf.switches[-1].at_s if shelf.switches else now_s
        if not period_s or now_s - max(confirmed_s, shelf.reminded_s) < period_s:
            return
        before = shelf.reminded_s
        after = await kept.edit(lambda now: replace(now, reminded_s=now_s) if now.reminded_s == before else now)
        if after.reminded_s == now_s:
            days = (now_s - confirmed_s) / 86_400.0
            log.warning("baseline_review_due", route=entry.route.name, version=entry.version, days=round(days, 1))
            why = f"version {entry.version} has stood for {days:.0f} days: look at it, promote it or build another"
            await self._memory.note(now_s, GROUNDWIRE, "baseline review", entry.route.name, why)

    # --- hours of the week -------------------------------------------------------------------------------------------

    async def _gather(self, setup: Setup, entry: Entry, closed: int) -> None:
        """Add the hours that have passed, while the route is well and its baseline holds."""
        name, pane_s = entry.route.name, setup.pane_s
        kept, last = self._memory.shelves.hours(name), int((closed + 1) * pane_s // HOUR_S) - 1
        known = kept.known if kept.known.last >= 0 else (await kept.load())[1]
        if known.context_pane != entry.context_pane:
            known = Hours(last=last, context_pane=entry.context_pane)
        elif known.last >= last:
            return
        is_well = not entry.outdated and entry.state.severity.rank < Severity.MEDIUM.rank
        for hour in range(max(known.last, last - CAUGHT_UP_MAX) + 1, last + 1):
            known = await self._with_hour(entry, known, hour, pane_s, counts=is_well)
        version, before = await kept.load()
        if before.last < known.last or before.context_pane != known.context_pane:
            await kept.swap(version, known)  # else another replica added the same hours, and was faster

    async def _with_hour(self, entry: Entry, hours: Hours, hour: int, pane_s: float, *, counts: bool) -> Hours:
        if not counts:
            return with_hour(hours, hour, None)
        first, last = math.ceil(hour * HOUR_S / pane_s), math.ceil((hour + 1) * HOUR_S / pane_s) - 1
        panes = await self._memory.store.panes(entry.route.name, entry.route.candidate.key, first, last)
        return await asyncio.to_thread(lambda: with_hour(hours, hour, merge(counts for _, counts in panes)))


def _source(baseline: Baseline) -> str:
    return {Kind.FILE: "the file of the settings", Kind.BASE: "the base's answers"}.get(baseline.kind, baseline.kind)
