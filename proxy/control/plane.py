"""The control plane: finds routes, looks at each every second, checks bases, and tells traffic what to do.

It has no leader: everything is kept in the store and moved by compare-and-set, so that several may run on one store.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Any, Final

from proxy.config.files import Files
from proxy.config.settings import Settings
from proxy.control.baselines.handover import Handovers, duty, needed
from proxy.control.baselines.keeper import Baselines
from proxy.control.baselines.of_base import BaseBaselines
from proxy.control.bases.armed import Bases
from proxy.control.bases.checks import load_checks
from proxy.control.bases.judging import Count, Judge, by_patterns, plain_cells
from proxy.control.entry import Entry
from proxy.control.looking import Inputs, Looks
from proxy.control.loops import Loops, wait_for
from proxy.control.memory import Memory
from proxy.control.policies.in_force import Policies, promoting
from proxy.control.policies.shadows import Shadows
from proxy.control.publisher import Publisher
from proxy.control.pulse import Pulse
from proxy.control.retention import Retention
from proxy.control.routes.discovery import Discovery
from proxy.control.routes.facts import facts_of
from proxy.control.routes.known import KnownRoutes
from proxy.control.routes.resolve import Found, resolve
from proxy.control.routes.upstreams import UpstreamClient, clients
from proxy.control.sampling import adapts
from proxy.control.setup import set_up
from proxy.control.steering import Steering
from proxy.control.views.reading import Views
from proxy.control.views.standing import Standings
from proxy.core.baselines.handover import Duty
from proxy.core.closing import Watermark
from proxy.core.decisions.decide import JUDGE
from proxy.core.enforcement import Snapshot
from proxy.core.errors import GroundwireError
from proxy.core.http.trace_context import Tracing
from proxy.core.sampling import FULL_RATES, Rates
from proxy.core.windows import pane_of
from proxy.stores.contract import Store
from proxy.telemetry.logs import get_logger

log = get_logger(__name__)

TICK_S: Final = 1.0
UNKNOWN_GAP_S: Final = 2.0  # between two readings that unknown models asked for
UNKNOWN_MAX: Final = 1_000  # names remembered as unknown, so that each asks once


class ControlPlane:
    """Routes, evidence and decisions of one Groundwire.

    `publish` gets each new snapshot; `now` gives Unix seconds. `versions` go into evidence records, and
    `versions["judge"]` marks what judged refusals; `judge` judges the answers to questions of our own, and `count`
    makes cells of what it says; `tracing` is how traffic takes part in traces; `files` reads what the settings name.
    Raises ConfigError where one of these is no good.
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
        files: Files | None = None,
    ) -> None:
        self.setup = replace(set_up(settings, policies, files), versions=dict(versions or {}))
        self.memory = Memory(store)
        self.bases = Bases(self.memory, load_checks(settings.checks_file, files), judge)
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
        self.feedback: Callable[[str, float], bool] | None = None  # takes a response id and a score in [0, 1]
        self.now = now
        self._publisher = Publisher(self.memory, publish, tracing)
        self._clients = clients(settings.upstreams)
        self._coverage_k = 0
        self._steering = Steering(self.memory)
        self._unknown: dict[str, None] = {}
        self._discover_now = asyncio.Event()
        self._check_now = asyncio.Event()
        self._loops = Loops(self.pulse)
        self._routes = KnownRoutes(self.memory, self.baselines, self.bases, self._forgotten, self.check_soon)
        self._views = Views(self)

    async def open(self) -> None:
        """Publish what the store and the settings know already. Raises StateError."""
        await self.memory.entries()
        await self.take_promotions()
        await self._merge(resolve(self.setup.settings, {}), frozenset())
        await self.publish()

    async def start(self) -> None:
        """`open`, then look, discover and check until `stop`. Raises StateError."""
        await self.open()
        self._loops.start("look", self.tick, self._tick_wait)
        self._loops.start("discover", self.discover, self._discover_wait)
        self._loops.start("check", self.check_bases, self._check_wait)
        self._loops.start("baseline", self.build_baselines, self._tick_wait)
        self._loops.start("standing", self.renew_standings, self._tick_wait)

    async def stop(self) -> None:
        """End the loops and close connections; what was decided is in the store."""
        await self._loops.stop()
        for client in self._clients.values():
            await client.close()

    async def reload(self, settings: Settings, policies: Policies, files: Files | None = None) -> None:
        """Take other settings and policies. Raises ConfigError before anything changed."""
        setup = replace(set_up(settings, policies, files), versions=self.setup.versions, judges=self.setup.judges)
        checks = load_checks(settings.checks_file, files)
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

    def watermark(self, route: str, served: str) -> Watermark:
        """Which panes of a route have closed, of what this model served."""
        return self.looks.watermark(self.setup, route, served, self.now())

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
        self._steering.load = level

    def note_unusual(self, route: str) -> None:
        """The traffic of this route is unlike that of before."""
        self._steering.note_unusual(route)

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
        await self.bases.refresh(self.setup)
        await self.take_promotions()
        await self._steering.say_load(now_s)
        await self.handovers.say(self.setup, now_s)
        for name in await self.memory.names():
            try:
                await self.looks.look(self.setup, name, now_s)
                await self.shadows.look(self.setup, name, now_s)
                await self._steering.steer(self.setup.settings, name, now_s)
            except GroundwireError as wrong:
                self.pulse.faults["look"] += 1
                log.error("look_failed", route=name, error=str(wrong))  # noqa: TRY400
            except Exception as wrong:  # a fault of ours in one route may not hide all others
                self.pulse.faults["look"] += 1
                log.error("look_fault", route=name, error=repr(wrong))  # noqa: TRY400
        await self.publish()
        await self._retention.work(self.setup.settings.store.records_kept_days, now_s)
        self.pulse.looked(now_s, self.now())

    async def publish(self) -> None:
        """Hand traffic a new snapshot where anything in it changed."""
        await self._publisher.offer(self.memory.known_entries, self._coverage_k, self.now())

    async def check_bases(self) -> None:
        """Ask every base that is due."""
        entries = self.memory.known_entries().values()
        await self.bases.check_due(self.setup, entries, self._clients, self.now())

    async def renew_standings(self) -> None:
        """What metrics show of the last hour, where it is due."""
        await self.standings.work(self.setup, self.memory.known_entries().values(), self.now())

    async def build_baselines(self) -> None:
        """Ask bases for baselines, one batch further; look after those in force."""
        await self.base_baselines.work(self.setup, self.memory.known_entries().values(), self._clients, self.now())
        entries = self.memory.known_entries()
        facts = {name: self.facts(entry) for name, entry in entries.items()}
        await self.baselines.work(self.setup, entries.values(), facts, self.now())
        await self.handovers.work(self.setup, entries.values(), facts, self.now())

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

    async def inputs(self, name: str, last_s: float) -> Inputs | None:
        """What the engine is shown of a route's closed panes of the last seconds; None where there is no such route."""
        entry = (await self.memory.entry(name).load())[1]
        if entry is None:
            return None
        first = max(0, pane_of(self.now() - last_s, self.setup.pane_s))
        return await self.looks.closed_since(self.setup, entry, first, self.now())

    async def route_view(self, name: str, *, in_full: bool = False) -> dict[str, Any] | None:
        """One route for people and programs: `views.Views.route`."""
        return await self._views.route(name, in_full=in_full)

    async def status(self) -> dict[str, Any]:
        """The plane in short: `views.Views.status`."""
        return await self._views.status()

    async def _merge(self, found: Mapping[str, Found], listed: frozenset[str]) -> None:
        await self._routes.merge(self.setup, found, listed, self.now())

    async def _forgotten(self, name: str) -> None:
        """Nothing of a route that is no more stays in memory."""
        for part in (self.looks, self.pulse, self._steering, self.baselines, self.handovers):
            part.forget(name)
        await self.shadows.forget(name)
        self.bases.forget_route(name)

    async def _tick_wait(self) -> None:
        await asyncio.sleep(TICK_S)

    async def _discover_wait(self) -> None:
        interval_s = self.setup.settings.discovery.interval_s
        await asyncio.sleep(min(UNKNOWN_GAP_S, interval_s))
        await wait_for(self._discover_now, max(0.0, interval_s - UNKNOWN_GAP_S))

    async def _check_wait(self) -> None:
        await wait_for(self._check_now, TICK_S)
