"""The control plane: finds routes, looks at each every second, checks bases, and tells traffic what to do.

It has no leader: everything is kept in the store and moved by compare-and-set, so that several may run on one store.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Final

from proxy.config.settings import Settings
from proxy.control import view
from proxy.control.base_baseline import BaseBaselines
from proxy.control.baselines import Baselines
from proxy.control.bases import Bases
from proxy.control.checks import load_checks
from proxy.control.dating import Dates
from proxy.control.discovery import Discovery
from proxy.control.entry import Entry, base_changed, opened, updated
from proxy.control.facts import facts_of
from proxy.control.forgetting import beyond, crowded_out, may_forget, overdue
from proxy.control.handover import Handovers, duty, needed
from proxy.control.judging import Count, Judge, by_patterns, plain_cells
from proxy.control.looking import Looks
from proxy.control.memory import Memory
from proxy.control.policies import Policies, promoting
from proxy.control.publisher import Publisher
from proxy.control.pulse import Pulse
from proxy.control.resolve import Found, resolve
from proxy.control.retention import Retention
from proxy.control.sampling import adapts, shown, steering
from proxy.control.setup import set_up
from proxy.control.shadows import Shadows
from proxy.control.standing import Standings
from proxy.control.upstreams import UpstreamClient, clients
from proxy.core.decide import JUDGE
from proxy.core.enforcement import Snapshot, Step
from proxy.core.errors import GroundwireError
from proxy.core.gauges import gauges
from proxy.core.handover import Duty
from proxy.core.sampling import FULL_RATES, Rates
from proxy.core.trace_context import Tracing
from proxy.core.windows import pane_of
from proxy.stores.contract import Store
from proxy.telemetry.logs import get_logger

log = get_logger(__name__)

TICK_S: Final = 1.0
UNKNOWN_GAP_S: Final = 2.0  # between two readings that unknown models asked for
UNKNOWN_MAX: Final = 1_000  # names remembered as unknown, so that each asks once
SHOWN_PANES_MAX: Final = 3_600  # panes that are summed for one view


class ControlPlane:
    """Routes, evidence and decisions of one Groundwire.

    `publish` gets each new snapshot; `now` gives Unix seconds. `versions` go into evidence records, and
    `versions["judge"]` marks what judged refusals; `judge` judges the answers to questions of our own, and `count`
    makes cells of what it says; `tracing` is how traffic takes part in traces. Raises ConfigError where a file that
    the settings name is no good.
    """

    def __init__(
        self,
        settings: Settings,
        policies: Policies,
        store: Store,
        publish: Callable[[Snapshot], None],
        now: Callable[[], float],
        *,
        versions: Mapping[str, str] | None = None,
        judge: Judge = by_patterns,
        count: Count = plain_cells,
        tracing: Tracing | None = None,
    ) -> None:
        self.setup = set_up(settings, policies, dict(versions or {}))
        self.memory = Memory(store)
        self.bases = Bases(self.memory, load_checks(settings.checks_file), judge)
        self.base_baselines = BaseBaselines(self.memory, judge)
        self.baselines = Baselines(self.memory)
        self.handovers = Handovers(self.memory)
        self.judge, self.count = judge, count
        self.pulse = Pulse()
        self.looks = Looks(self.memory, self.bases, self.pulse)
        self.shadows = Shadows(self.memory, self.looks)
        self.standings = Standings(self.memory)
        self._retention = Retention(self.memory)
        self._policies = policies  # as the files have them
        self._promoted = 0  # version of the promotions that were taken
        self.discovery = Discovery()
        self._dates = Dates()
        self.feedback: Callable[[str, float], bool] | None = None  # takes a response id and a score in [0, 1]
        self.now = now
        self._publisher = Publisher(self.memory, publish, tracing)
        self._clients = clients(settings.upstreams)
        self._coverage_k = 0
        self._load = 0
        self._unusual: set[str] = set()
        self._steered: dict[str, tuple[Entry, Any]] = {}  # as last looked at, and the moment
        self._replica = secrets.token_hex(4)
        self._unknown: dict[str, None] = {}
        self._crowded = False
        self._discover_now = asyncio.Event()
        self._check_now = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def open(self) -> None:
        """Publish what the store and the settings know already. Raises StateError."""
        await self.memory.entries()
        await self.take_promotions()
        await self._merge(resolve(self.setup.settings, {}), frozenset())
        await self.publish()

    async def start(self) -> None:
        """`open`, then look, discover and check until `stop`. Raises StateError."""
        await self.open()
        self._tasks = [
            asyncio.create_task(self._repeat("look", self.tick, self._tick_wait)),
            asyncio.create_task(self._repeat("discover", self.discover, self._discover_wait)),
            asyncio.create_task(self._repeat("check", self.check_bases, self._check_wait)),
            asyncio.create_task(self._repeat("baseline", self.build_baselines, self._tick_wait)),
        ]

    async def stop(self) -> None:
        """End the loops and close connections; what was decided is in the store."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        for client in self._clients.values():
            await client.close()

    async def reload(self, settings: Settings, policies: Policies) -> None:
        """Take other settings and policies. Raises ConfigError before anything changed."""
        setup = set_up(settings, policies, self.setup.versions, self.setup.judges)
        checks = load_checks(settings.checks_file)
        self.setup, self.bases.checks, self._policies, self._promoted = setup, checks, policies, -1
        await self.take_promotions()
        old, self._clients = self._clients, clients(settings.upstreams)
        for client in old.values():
            await client.close()
        await self._merge(resolve(settings, self.discovery.listings), frozenset())
        await self.publish()
        self._discover_now.set()

    async def take_promotions(self) -> None:
        """Let the policies that were promoted, here or by another replica, hold. Raises StateError."""
        version = (await self.memory.promotions.load())[0]
        if self._promoted != version:
            policies = promoting(self._policies, self.setup.settings, self.memory.promotions.known)
            self.setup = replace(self.setup, policies=policies)
            self._promoted = version

    def note_judge(self, version: str, at_hand: Collection[str] = ()) -> None:
        """Who judges here from now on, and who could besides: a baseline is a measure for one judge's verdicts."""
        versions = {**self.setup.versions, JUDGE: version}
        self.setup = replace(self.setup, versions=versions, judges=frozenset((version, *at_hand)))

    def duty(self, route: str) -> Duty:
        """Who judges the answers of a route."""
        entry = self.memory.known_entry(route)
        return Duty() if entry is None else duty(entry, self.setup.judge)

    @property
    def judges_needed(self) -> frozenset[str]:
        """The judges without which a route would be blind."""
        return needed(self.memory.known_entries().values())

    def note_unknown_model(self, name: str) -> None:
        """A user asked for a model that has no route: read the listings again, once for each name."""
        if name in self._unknown:
            return
        if len(self._unknown) >= UNKNOWN_MAX:
            del self._unknown[next(iter(self._unknown))]
        self._unknown[name] = None
        self._discover_now.set()

    def note_dialect(self, route: str, dialect: str) -> None:
        """Users were answered in this dialect on this route."""
        self.bases.note_used(route, dialect)

    def set_coverage(self, coverage_k: int) -> None:
        """Ask traffic to thin exchanges to a share of 2**-coverage_k, from the next look on."""
        self._coverage_k = coverage_k

    def note_load(self, level: int) -> None:
        """What the CPU budget of this replica asks of adaptive sampling: `core.sampling.Now.load`."""
        self._load = level

    def note_unusual(self, route: str) -> None:
        """The traffic of this route is unlike that of before."""
        self._unusual.add(route)

    @property
    def adapts(self) -> bool:
        """Whether the budget moves the sampling of any route."""
        return any(adapts(entry, self.setup.settings) for entry in self.memory.known_entries().values())

    def rates(self, route: str, pane: int) -> Rates:
        """With which probabilities the answers of a route are analysed that were asked for in this pane."""
        entry = self.memory.known_entry(route)
        return FULL_RATES if entry is None else entry.sampling.at(pane).rates

    def check_soon(self) -> None:
        """Look at once for bases that are due to be asked."""
        self._check_now.set()

    @property
    def snapshot(self) -> Snapshot:
        """The last one published."""
        return self._publisher.last

    async def tick(self) -> None:
        """One look at every route, then publish what changed."""
        now_s = self.now()
        await self.memory.refresh()
        await self.take_promotions()
        if (loads := self.memory.loads.known.saying(self._replica, self._load, now_s)) != self.memory.loads.known:
            log.info("sampling_load", load=self._load, highest=loads.level(now_s))
            await self.memory.loads.edit(lambda known: known.saying(self._replica, self._load, now_s))
        await self.handovers.say(self.setup, now_s)
        for name in await self.memory.names():
            try:
                await self.looks.look(self.setup, name, now_s)
                await self.shadows.look(self.setup, name, now_s)
                await self._steer(name, now_s)
            except GroundwireError as wrong:
                self.pulse.faults["look"] += 1
                log.error("look_failed", route=name, error=str(wrong))  # noqa: TRY400
            except Exception as wrong:  # a fault of ours in one route may not hide all others
                self.pulse.faults["look"] += 1
                log.error("look_fault", route=name, error=repr(wrong))  # noqa: TRY400
        await self.publish()
        await self._retention.work(self.setup.settings.store.records_kept_days, now_s)
        self.pulse.looked(now_s, self.now())

    async def _steer(self, name: str, now_s: float) -> None:
        """Where the probabilities of a route are to change, let all replicas know in time."""
        kept, unusual = self.memory.entry(name), name in self._unusual
        self._unusual.discard(name)
        if kept.known is None or kept.known.closed:
            return
        settings, load = self.setup.settings, self.memory.loads.known.level(now_s)
        moment = (settings, load, unusual, pane_of(now_s, settings.pane_s))
        last = self._steered.get(name)
        if last is not None and last[0] is kept.known and last[1] == moment:
            return
        self._steered[name] = (kept.known, moment)
        before = kept.known.sampling
        steer = partial(steering, settings, load, now_s, unusual)
        if steer(kept.known).sampling == before:
            return
        after = await kept.edit(lambda entry: None if entry is None else steer(entry))
        if after is not None and after.sampling.epochs[-1] != before.epochs[-1]:
            log.info("sampling_changes", route=name, **(shown(after, settings, now_s)["next"] or {}))

    async def publish(self) -> None:
        """Hand traffic a new snapshot where anything in it changed."""
        await self._publisher.offer(self.memory.known_entries, self._coverage_k, self.now())

    async def check_bases(self) -> None:
        """Ask every base that is due."""
        entries = self.memory.known_entries().values()
        await self.bases.check_due(self.setup, entries, self._clients, self.now())

    async def build_baselines(self) -> None:
        """Ask bases for baselines, one batch further; look after those in force."""
        await self.base_baselines.work(self.setup, self.memory.known_entries().values(), self._clients, self.now())
        entries = self.memory.known_entries()
        facts = {name: self.facts(entry) for name, entry in entries.items()}
        await self.baselines.work(self.setup, entries.values(), facts, self.now())
        await self.handovers.work(self.setup, entries.values(), facts, self.now())
        await self.standings.work(self.setup, entries.values(), self.now())

    def client(self, upstream: str) -> UpstreamClient | None:
        """Who calls this upstream for us; None where the settings do not name it."""
        return self._clients.get(upstream)

    def facts(self, entry: Entry) -> dict[str, str]:
        """What servers and settings say of a route now, for its context fingerprint."""
        return facts_of(self.setup, entry, self.discovery, self.now())

    async def discover(self) -> None:
        """Read every upstream once and take what it lists."""
        if not self.setup.settings.discovery.enabled:
            return
        listed = await self.discovery.read(self._clients, self.now())
        await self._merge(resolve(self.setup.settings, self.discovery.listings), listed)
        await self.publish()

    async def route_view(self, name: str, *, in_full: bool = False) -> dict[str, Any] | None:
        """One route for people and programs; None where there is none. `in_full`: with gauges, and dates of alarms."""
        entry = (await self.memory.entry(name).load())[1]
        if entry is None:
            return None
        now_s, pane_s = self.now(), self.setup.pane_s
        now_pane = pane_of(now_s, pane_s)
        served = entry.route.candidate.key
        seen = view.Seen(
            entry=entry,
            outcome=None if entry.closed else self.looks.outcomes.get(name),
            verdict=self.bases.verdict(self.setup, entry),
            held=self.setup.held((await self.memory.guard.load())[1], name, now_s),
            policy=self.setup.policy(name),
            panes=await self.memory.store.panes(name, served, now_pane - SHOWN_PANES_MAX, now_pane),
            now_pane=now_pane,
            pane_s=pane_s,
            sampling=shown(entry, self.setup.settings, now_s),
            asking=await self.base_baselines.shown(self.setup, entry, now_s),
            routes=self.looks.watched(),
        )
        return view.route_json(await self._in_full(seen) if in_full else seen)

    async def _in_full(self, seen: view.Seen) -> view.Seen:
        """With what takes some time to compute: beside the loop."""
        entry, findings = seen.entry, () if seen.outcome is None else seen.outcome.findings
        shown = await asyncio.to_thread(gauges, seen.panes, entry.baseline, seen.now_pane, seen.pane_s)
        dated = await self._dates.of(entry.route.name, findings, seen.panes, entry.baseline, seen.policy, seen.pane_s)
        return replace(seen, gauges=shown, dated=dated)

    async def status(self) -> dict[str, Any]:
        """The plane in short: snapshot version, upstreams, routes by step, what is held, what is not on disk."""
        guard = (await self.memory.guard.load())[1]
        steps = dict.fromkeys((step.value for step in Step), 0)
        for entry in (await self.memory.entries()).values():
            steps[entry.state.step.value] += not entry.closed
        return {
            "version": self.snapshot.version,
            "upstreams": {name: reading.reach.value for name, reading in self.discovery.readings.items()},
            "steps": steps,
            "held": self.setup.held(guard, "", self.now()),
            "fault": guard.fault,
            "not_durable": self.memory.store.not_durable,
            "evidence_local": self.memory.store.evidence_local,
        }

    async def _merge(self, found: Mapping[str, Found], listed: frozenset[str]) -> None:
        """Open, update and close routes. `listed`: upstreams that said just now what they serve."""
        known = await self._forget(await self.memory.entries(), found)
        pane = pane_of(self.now(), self.setup.pane_s)
        found = self._with_room(known, found)
        await self.memory.add_names([name for name in found if name not in known])
        for name, one in found.items():
            after = await self.memory.entry(name).edit(_taking(one, pane))
            if after is not None:
                _say_found(known.get(name), after)
                if name in known and after.outdated and not known[name].outdated:
                    await self.baselines.say_stale(name, after.outdated, self.now())
                await self._note_base(known.get(name), after)
        for name, entry in known.items():
            if name not in found and not entry.closed and self._is_gone(entry, listed):
                await self.memory.entry(name).edit(_closing(self.now()))
                log.warning("route_closed", route=name, why="its candidate is no longer served", held=entry.holds)
        await self.memory.refresh()

    async def _forget(self, known: Mapping[str, Entry], found: Mapping[str, Found]) -> dict[str, Entry]:
        """The routes that are left once those closed long ago, and those that must make room, are forgotten."""
        settings, now_s = self.setup.settings, self.now()
        crowded = crowded_out(known, found, settings)
        gone = {name for name, one in known.items() if name not in found and overdue(one, settings, now_s)}
        left = dict(known)
        for name in gone.union(crowded):
            if await self.memory.forget(name, lambda entry: may_forget(entry, settings)):
                self.looks.forget(name)
                self.pulse.forget(name)
                self._steered.pop(name, None)
                self.baselines.forget(name)
                self.handovers.forget(name)
                await self.shadows.forget(name)
                self.bases.forget_route(name)
                del left[name]
                why = f"closed for {settings.discovery.forget_s:.0f} s" if name in gone else "makes room for new routes"
                log.info("route_forgotten", route=name, why=why)
        return left

    def _with_room(self, known: Mapping[str, Entry], found: Mapping[str, Found]) -> Mapping[str, Found]:
        """Without the discovered routes that are too many; said once, until there is room again."""
        ignored = beyond(known, found, self.setup.settings)
        if ignored and not self._crowded:
            most = self.setup.settings.discovery.routes_max
            log.error(
                "routes_max_reached",
                routes_max=most,
                ignored=len(ignored),
                first=next(iter(ignored)),
                then="not watched",
            )
        self._crowded = bool(ignored)
        return {name: one for name, one in found.items() if name not in ignored}

    async def _note_base(self, before: Entry | None, after: Entry) -> None:
        """Another model behind the name of the base: it is checked again at once."""
        what = "" if before is None else base_changed(before, after)
        if what and after.route.base is not None:
            log.warning("base_changed", route=after.route.name, base=after.route.base.model, why=what)
            await self.bases.changed(after.route.base, what)
            self.check_soon()

    def _is_gone(self, entry: Entry, listed: frozenset[str]) -> bool:
        upstream, settings = entry.route.candidate.upstream, self.setup.settings
        unset = entry.by_hand and entry.route.name not in settings.routes
        return unset or upstream in listed or upstream not in settings.upstreams

    async def _repeat(
        self, what: str, work: Callable[[], Awaitable[None]], wait: Callable[[], Awaitable[None]]
    ) -> None:
        while True:
            try:
                await work()
            except Exception as wrong:  # a fault now may not stop the next second
                self.pulse.faults[what] += 1
                log.error("control_fault", work=what, error=repr(wrong))  # noqa: TRY400
            await wait()

    async def _tick_wait(self) -> None:
        await asyncio.sleep(TICK_S)

    async def _discover_wait(self) -> None:
        interval_s = self.setup.settings.discovery.interval_s
        await asyncio.sleep(min(UNKNOWN_GAP_S, interval_s))
        await _wait_for(self._discover_now, max(0.0, interval_s - UNKNOWN_GAP_S))

    async def _check_wait(self) -> None:
        await _wait_for(self._check_now, TICK_S)


async def _wait_for(event: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(event.wait(), seconds)
    except TimeoutError:
        pass
    event.clear()


def _taking(found: Found, pane: int) -> Callable[[Entry | None], Entry | None]:
    return lambda entry: opened(found, pane - 1) if entry is None else updated(entry, found, pane)


def _closing(now_s: float) -> Callable[[Entry | None], Entry | None]:
    return lambda entry: None if entry is None else replace(entry, closed=True, closed_s=now_s)


def _say_found(before: Entry | None, after: Entry) -> None:
    route = after.route
    fields = {
        "route": route.name,
        "candidate": f"{route.candidate.model} at {route.candidate.upstream}",
        "base": None if route.base is None else f"{route.base.model} at {route.base.upstream}",
        "no_base": after.no_base,
        "pin": route.pin.value,
    }
    if before is None or before.closed:
        log.info("route_found", **fields)
    elif before.epoch != after.epoch:
        log.warning("route_changed", **fields, why=after.stale, then=_then(after))
    elif before.route != after.route:
        log.info("route_updated", **fields)


def _then(after: Entry) -> str:
    return "learning anew" if after.baseline is None else "its baseline is stale; its safety lines stay in force"
