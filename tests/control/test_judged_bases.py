"""A base's answers are judged by whoever made the baseline that they are held to, also while classifiers change."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from proxy.config.sections.serving import Upstream
from proxy.config.sections.watching import RouteSettings
from proxy.control.bases.judging import by_patterns
from proxy.control.entry import Entry
from proxy.control.plane import ControlPlane
from proxy.control.policies.in_force import Loaded, Policies
from proxy.core.exchange import Exchange, Purpose
from proxy.core.observation import Observation
from proxy.core.routes import Target
from proxy.demo.synthetic import Synthetic, synthetic
from proxy.stores.contract import Store
from proxy.stores.embedded import open_embedded
from tests.control.house import ENFORCE, Clock, healthy_baseline, serving, settings_of

OLD, NEW = "guard-1", "guard-2"
BASE = Target("default", "base-model")


@dataclass
class Judges:
    """By version, whether it takes any answer for a refusal; of others no answer can be judged."""

    refuses: dict[str, bool]
    asked: Counter[str] = field(default_factory=Counter)

    async def __call__(self, exchange: Exchange, purpose: Purpose, version: str = "") -> tuple[Observation, ...]:
        self.asked[version] += 1
        [seen] = await by_patterns(exchange, purpose)
        return (replace(seen, refusal=int(self.refuses[version]) if version in self.refuses else None),)


@dataclass
class Scene:
    """A plane in the middle of a hand-over from OLD to NEW, in front of a real server."""

    plane: ControlPlane
    judges: Judges
    server: Synthetic
    clock: Clock

    async def armed(self, name: str) -> tuple[bool, str]:
        shown = await self.plane.route_view(name)
        assert shown is not None
        return shown["armed"]["armed"], shown["armed"]["reason"]

    async def made_by(self, name: str, judge: str) -> None:
        """The route has a baseline of this judge in force."""
        baseline = replace(healthy_baseline(), judge=judge)

        def put(entry: Entry | None) -> Entry | None:
            return None if entry is None else replace(entry, baseline=baseline, judge=judge)

        await self.plane.memory.entry(name).edit(put)


@asynccontextmanager
async def handover(made: Mapping[str, str], judges: Judges) -> AsyncIterator[Scene]:
    """`made`: by route, whose verdicts its baseline is of. NEW judges now, and OLD is at hand."""
    server, clock, store = synthetic(), Clock(), await open_embedded(None)
    async with serving(server) as upstream:
        plane = _plane(made, judges, clock, store, upstream)
        await plane.open()
        scene = Scene(plane, judges, server, clock)
        for name, judge in made.items():
            await scene.made_by(name, judge)
        plane.note_judge(NEW, (OLD,))
        try:
            yield scene
        finally:
            await plane.stop()
            await store.close()


def _plane(made: Mapping[str, str], judges: Judges, clock: Clock, store: Store, upstream: Upstream) -> ControlPlane:
    routes = {name: RouteSettings(candidate_model="support-lora", base_model="base-model") for name in made}
    settings = settings_of(routes, upstreams={"default": upstream})
    policies = Policies(Loaded(ENFORCE, "policy text", "file"))
    return ControlPlane(settings, policies, store, lambda _: None, clock, judge=judges)


async def test_during_a_hand_over_the_one_before_judges_the_base_too() -> None:
    """The lines are of its verdicts: what the new one says of the base compares with nothing that is in force."""
    for old, new in ((True, False), (False, True)):
        async with handover({"support": OLD}, Judges({OLD: old, NEW: new})) as scene:
            await scene.plane.check_bases()
            armed, reason = await scene.armed("support")
            assert armed is old, reason


async def test_routes_of_one_base_are_each_held_to_their_own_judge() -> None:
    async with handover({"early": OLD, "late": NEW}, Judges({OLD: True, NEW: False})) as scene:
        await scene.plane.check_bases()
        assert (await scene.armed("early"))[0]
        assert not (await scene.armed("late"))[0]
        asked = Counter(scene.judges.asked)
        assert asked[OLD] == asked[NEW] > 0, "the base answers for each of them"
        await scene.plane.check_bases()
        assert scene.judges.asked == asked, "not before an hour has passed"


async def test_with_the_hand_over_the_verdict_of_the_new_one_is_there_already() -> None:
    async with handover({"support": OLD}, Judges({OLD: False, NEW: True})) as scene:
        await scene.plane.check_bases()
        assert not (await scene.armed("support"))[0]
        await scene.made_by("support", NEW)
        assert (await scene.armed("support"))[0], "no route is unarmed because a classifier is new"


async def test_where_the_one_before_is_gone_its_route_is_not_armed_by_another() -> None:
    async with handover({"support": OLD}, Judges({NEW: True})) as scene:
        scene.plane.note_judge(NEW)
        await scene.plane.tick()
        await scene.plane.check_bases()
        armed, reason = await scene.armed("support")
        assert not armed
        assert reason == f"the baseline in force is of the verdicts of {OLD}, which is at hand nowhere"
        assert OLD not in scene.judges.asked


async def test_another_model_behind_the_base_takes_back_what_every_judge_said() -> None:
    async with handover({"early": OLD, "late": NEW}, Judges({OLD: True, NEW: True})) as scene:
        await scene.plane.check_bases()
        await scene.plane.bases.changed(BASE, "the base's root changed")
        for name in ("early", "late"):
            armed, reason = await scene.armed(name)
            assert not armed
            assert reason.startswith("the base's root changed"), name
        scene.clock.now_s += 61.0
        await scene.plane.check_bases()
        assert (await scene.armed("early"))[0]
        assert (await scene.armed("late"))[0]
