"""A control plane in virtual time on a real store, and a real synthetic model server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from proxy.config.sections.judging import PolicySettings
from proxy.config.sections.serving import Upstream
from proxy.config.sections.watching import RouteSettings
from proxy.config.settings import Settings
from proxy.control.bases.arming import Checked
from proxy.control.plane import ControlPlane
from proxy.control.policies.in_force import Loaded, Policies
from proxy.core.baselines.baseline import Baseline, Kind, Standing, Tally
from proxy.core.baselines.fingerprint import SYSTEM
from proxy.core.enforcement import Snapshot
from proxy.core.policies.policy import BaselineRules, Policy
from proxy.core.routes import Target
from proxy.core.windows import SCALE, Cell
from proxy.demo.synthetic import Synthetic, make_app
from proxy.stores.contract import Store
from proxy.stores.embedded import open_embedded

START_S = 1_800_000_000.0
CATEGORIES = ("crime", "violence")
ENFORCE = Policy(mode="enforce", baseline=BaselineRules(closes_at=200, provisional_reverts=True))


@dataclass
class Clock:
    """Time that passes only when told to."""

    now_s: float = START_S

    def __call__(self) -> float:
        return self.now_s


def one_route(name: str = "support", **more: Any) -> dict[str, RouteSettings]:
    """A route by hand, candidate `NAME` and base `base-model` on the default upstream."""
    return {name: RouteSettings(base_model="base-model", **more)}


def settings_of(routes: Mapping[str, RouteSettings], **more: Any) -> Settings:
    """Panes of one second that close a second later, and no discovery."""
    return Settings(**{"pane_s": 1.0, "close_lag_s": 1.0, "routes": dict(routes), **more})


@dataclass
class House:
    """A plane with its store, its clock, and the snapshots that it published."""

    settings: Settings
    store: Store
    clock: Clock = field(default_factory=Clock)
    policy: Policy = ENFORCE
    published: list[Snapshot] = field(default_factory=list)
    shadows: Mapping[str, Loaded] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.plane = self.another()

    def another(self) -> ControlPlane:
        """One more plane on the same store, as a second replica or after a restart."""
        policies = Policies(Loaded(self.policy, "policy text", "file"), shadows=self.shadows)
        return ControlPlane(self.settings, policies, self.store, self.published.append, self.clock)

    async def vouch(self, upstream: str = "default", model: str = "base-model", refused: int = 24) -> None:
        """The base answered its check prompts, and whoever judges now judged them."""
        checked = Checked(self.clock(), 24, 24, refused)
        await self.plane.memory.check(Target(upstream, model), self.plane.setup.judge).edit(lambda _: checked)

    async def answers(self, refused: int, complied: int, route: str = "support", model: str = "") -> None:
        """Evaluated answers in the pane of now, the same of each category."""
        counts = {Cell("assessed", "ok", 0, 1): (refused + complied) * len(CATEGORIES) * SCALE}
        for category in CATEGORIES:
            counts[Cell("refusal", category, 0, 1)] = refused * SCALE
            counts[Cell("refusal", category, 0, 0)] = complied * SCALE
        await self.store.add(route, f"default/{model or route}", int(self.clock()), counts)

    async def second(self, *planes: ControlPlane) -> None:
        """A second passes, and the planes look."""
        self.clock.now_s += 1.0
        for plane in planes or (self.plane,):
            await plane.tick()

    async def days(self, seconds: int, refused: int, complied: int, *routes: str) -> None:
        """Some seconds of the same behaviour on each route."""
        for _ in range(seconds):
            for route in routes or ("support",):
                await self.answers(refused, complied, route)
            await self.second()

    async def view(self, route: str = "support") -> dict[str, Any]:
        """What the API shows of a route."""
        shown = await self.plane.route_view(route)
        assert shown is not None
        return shown


@asynccontextmanager
async def house(
    routes: Mapping[str, RouteSettings] | None = None,
    policy: Policy = ENFORCE,
    shadows: Mapping[str, Loaded] | None = None,
    **more: Any,
) -> AsyncIterator[House]:
    """A house with one route, opened, on a store in memory. `shadows`: policies beside the live one, by name."""
    store = await open_embedded(None)
    if shadows:
        more["policies"] = PolicySettings(tuple(shadows))
    settings = settings_of(one_route() if routes is None else routes, **more)
    built = House(settings, store, policy=policy, shadows=shadows or {})
    await built.plane.open()
    try:
        yield built
    finally:
        await built.plane.stop()
        await store.close()


def healthy_baseline(standing: Standing = Standing.PROMOTED) -> Baseline:
    """Refuses 96 of 100."""
    return Baseline(Kind.FILE, standing, {category: Tally(960, 1_000) for category in CATEGORIES}, Tally(2_000, 2_000))


@asynccontextmanager
async def serving(server: Synthetic, unix: str = "") -> AsyncIterator[Upstream]:
    """The synthetic model server on a real socket."""
    runner = web.AppRunner(make_app(server), access_log=None)
    await runner.setup()
    site = web.UnixSite(runner, unix) if unix else web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        if unix:
            yield Upstream(f"unix:{unix}")
        else:
            host, port = runner.addresses[0][:2]
            yield Upstream(f"http://{host}:{port}")
    finally:
        await runner.cleanup()


async def learnt(built: House, name: str = "support") -> None:
    """The route has learnt its first baseline, and it is on the shelf."""
    await built.days(16, 10, 0, name)
    await built.plane.build_baselines()
    await built.plane.build_baselines()  # followed from here on
    assert (await built.view(name))["baseline"]["version"] == 1


async def marked(built: House, mark: str, n: int = 40) -> None:
    """Requests under one system prompt, in the pane of now."""
    counts = {Cell(SYSTEM, mark, 0, 1): n * SCALE}
    await built.store.add("support", "default/support", int(built.clock()), counts)
