"""Which routes there are: opens, updates, closes and forgets them, as settings and listings say."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace

from proxy.config.settings import Settings
from proxy.control.baselines.keeper import Baselines
from proxy.control.bases.armed import Bases
from proxy.control.entry import Entry, base_changed, opened, updated
from proxy.control.memory import Memory
from proxy.control.routes.forgetting import beyond, crowded_out, may_forget, overdue
from proxy.control.routes.resolve import Found
from proxy.control.setup import Setup
from proxy.core.windows import pane_of
from proxy.telemetry.logs import get_logger

log = get_logger(__name__)


class KnownRoutes:
    """One for a control plane. `forgotten` is called with each route that is no more, `check_soon` for another base."""

    def __init__(
        self,
        memory: Memory,
        baselines: Baselines,
        bases: Bases,
        forgotten: Callable[[str], Awaitable[None]],
        check_soon: Callable[[], None],
    ) -> None:
        self._memory = memory
        self._baselines = baselines
        self._bases = bases
        self._forgotten = forgotten
        self._check_soon = check_soon
        self._crowded = False

    async def merge(self, setup: Setup, found: Mapping[str, Found], listed: frozenset[str], now_s: float) -> None:
        """Open, update and close routes. `listed`: upstreams that said just now what they serve. Raises StateError."""
        settings, memory, pane = setup.settings, self._memory, pane_of(now_s, setup.pane_s)
        known = await self._forget(settings, await memory.entries(), found, now_s)
        found = self._with_room(settings, known, found)
        await memory.add_names([name for name in found if name not in known])
        for name, one in found.items():
            after = await memory.entry(name).edit(_taking(one, pane))
            if after is not None:
                await self._say(known.get(name), after, now_s)
        for name, entry in known.items():
            if name not in found and not entry.closed and _is_gone(settings, entry, listed):
                await memory.entry(name).edit(_closing(now_s))
                log.warning("route_closed", route=name, why="its candidate is no longer served", held=entry.holds)
        await memory.refresh()

    async def _forget(
        self, settings: Settings, known: Mapping[str, Entry], found: Mapping[str, Found], now_s: float
    ) -> dict[str, Entry]:
        """The routes that are left once those closed long ago, and those that must make room, are forgotten."""
        crowded = crowded_out(known, found, settings)
        gone = {name for name, one in known.items() if name not in found and overdue(one, settings, now_s)}
        left = dict(known)
        for name in gone.union(crowded):
            if await self._memory.forget(name, lambda entry: may_forget(entry, settings)):
                await self._forgotten(name)
                del left[name]
                why = f"closed for {settings.discovery.forget_s:.0f} s" if name in gone else "makes room for new routes"
                log.info("route_forgotten", route=name, why=why)
        return left

    def _with_room(
        self, settings: Settings, known: Mapping[str, Entry], found: Mapping[str, Found]
    ) -> Mapping[str, Found]:
        """Without the discovered routes that are too many; said once, until there is room again."""
        ignored = beyond(known, found, settings)
        if ignored and not self._crowded:
            log.error(
                "routes_max_reached",
                routes_max=settings.discovery.routes_max,
                ignored=len(ignored),
                first=next(iter(ignored)),
                then="not watched",
            )
        self._crowded = bool(ignored)
        return {name: one for name, one in found.items() if name not in ignored}

    async def _say(self, before: Entry | None, after: Entry, now_s: float) -> None:
        """What is new of a route; another model behind the name of its base is checked again at once."""
        name, base = after.route.name, after.route.base
        _say_found(before, after)
        if before is None:
            return
        if after.outdated and not before.outdated:
            await self._baselines.say_stale(name, after.outdated, now_s)
        if (what := base_changed(before, after)) and base is not None:
            log.warning("base_changed", route=name, base=base.model, why=what)
            await self._bases.changed(base, what)
            self._check_soon()


def _is_gone(settings: Settings, entry: Entry, listed: frozenset[str]) -> bool:
    upstream = entry.route.candidate.upstream
    unset = entry.by_hand and entry.route.name not in settings.routes
    return unset or upstream in listed or upstream not in settings.upstreams


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
