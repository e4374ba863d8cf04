"""Fifty replicas on one real store count and decide as one process would (detection section 8, rule 1).

Their clocks are off by up to an hour, links are cut, requests and answers are lost, flushes come late and again, and
replicas are killed and started anew. What one process would have counted is what they counted, cell by cell; so the
engine, given the closed panes of either, takes the same decisions, bit for bit, whoever looks and how often.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import pytest

from proxy.config.sections.watching import StoreSettings
from proxy.control.bases.arming import Checked
from proxy.control.entry import Entry
from proxy.control.plane import ControlPlane
from proxy.control.policies.in_force import Loaded, Policies
from proxy.core.decisions.engine import Context, Outcome, RouteState, state_to_json, step
from proxy.core.decisions.record import to_bytes
from proxy.core.enforcement import Step
from proxy.core.routes import Target
from proxy.core.windows import SCALE, Cell, pane_of
from proxy.stores.contract import Store
from proxy.stores.embedded import open_embedded
from proxy.stores.redis_store import RedisStore
from tests.contracts import redis_servers
from tests.contracts.flaky import FlakyLink, replica
from tests.contracts.redis_servers import Server
from tests.control.house import CATEGORIES, ENFORCE, Clock, House, healthy_baseline, one_route, settings_of
from tests.simulation.fleet import PANE_S, Fleet, Replica, traffic

PANES = 40
BEGIN_S = 1_800_000_000.0 - 1_800_000_000.0 % PANE_S
Panes = Sequence[tuple[int, Mapping[Cell, int]]]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with redis_servers.serving(redis_servers.redis_binary(), tmp_path_factory.mktemp("redis")) as one:
        yield one


def decided(panes: Panes, toss: random.Random) -> list[Outcome]:
    """The engine over closed panes, in looks of any size; what changed something."""
    state, found, baseline = RouteState(), [], healthy_baseline()
    waiting = list(panes)
    while waiting:
        size = toss.randint(1, 5)
        taken, waiting = waiting[:size], waiting[size:]
        now_s = (taken[-1][0] + 3) * PANE_S
        context = Context("support", "support", now_s, PANE_S, armed=True)
        outcome = step(state, taken, None, baseline, ENFORCE, context)
        state = outcome.state
        if outcome.record is not None:
            found.append(outcome)
    return found


@pytest.mark.parametrize("seed", [1, 2])
async def test_fifty_replicas_count_what_one_process_counts_and_decide_alike(server: Server, seed: int) -> None:
    server.sync.flushall()
    toss = random.Random(seed)
    fifty = [Replica(server.url, toss.uniform(-3_600, 3_600), random.Random(toss.random())) for _ in range(50)]
    await asyncio.gather(*(one.store.open() for one in fifty))
    alone = await open_embedded(None)
    fleet = Fleet(fifty, alone, toss)
    await fleet.run(traffic(toss, PANES, 30, BEGIN_S), rounds=25)

    first = pane_of(BEGIN_S, PANE_S)
    theirs = await fleet.panes(toss.choice(fifty).store, first, first + PANES)
    own = await fleet.panes(alone, first, first + PANES)
    assert len(own) == PANES
    assert theirs == own
    for one in toss.sample(fifty, 3):
        assert await fleet.panes(one.store, first, first + PANES) == own

    looks = [decided(panes, random.Random(7)) for panes in (theirs, own)]
    assert looks[0][-1].step is Step.REVERTED, "the erosion is found; else this would prove nothing"
    assert [to_bytes(one.record) for one in looks[0] if one.record] == [
        to_bytes(one.record) for one in looks[1] if one.record
    ]
    assert [state_to_json(one.state) for one in looks[0]] == [state_to_json(one.state) for one in looks[1]]
    for one in fifty:
        await one.store.close()
    await alone.close()


async def houses(server: Server, clock: Clock, count: int) -> list[ControlPlane]:
    """Control planes of replicas, each with its own way to the store."""
    shared = StoreSettings(kind="redis", url=server.url)
    settings = settings_of(one_route(), replicas=count, store=shared)
    policies = Policies(Loaded(ENFORCE, "policy text", "file"))
    made = []
    for _ in range(count):
        store, _ = replica(server.url)
        plane = ControlPlane(settings, policies, store, lambda _: None, clock)
        await plane.open()
        made.append(plane)
    return made


async def test_many_planes_on_one_store_decide_once(server: Server) -> None:
    """Compare-and-set on the route: four look at the same panes at once, one wins, one record is kept."""
    server.sync.flushall()
    clock = Clock()
    planes = await houses(server, clock, 4)
    store = planes[0].memory.store
    one = House(settings_of(one_route()), await open_embedded(None), Clock())
    await one.plane.open()
    counted: Sequence[Store] = (store, one.store)
    for plane in (planes[0], one.plane):
        await plane.memory.entry("support").edit(_with_baseline)
        await _vouched(plane)
    for second in range(30):
        for target in counted:
            await target.add("support", "default/support", int(clock()), _answers(second))
            await target.flush()
        clock.now_s += 1.0
        one.clock.now_s += 1.0
        await asyncio.gather(*(plane.tick() for plane in planes))
        await one.plane.tick()
    entries = [(await plane.memory.entry("support").load())[1] for plane in (*planes, one.plane)]
    assert all(entry == entries[0] for entry in entries)
    assert entries[0] is not None
    assert entries[0].state.step is Step.REVERTED
    kept, alone = await store.records("decision", 99), await one.store.records("decision", 99)
    assert kept == alone, "each decision once, in the very bytes"
    for plane in (*planes, one.plane):
        await plane.stop()
        await plane.memory.store.close()


async def test_a_replica_that_is_cut_off_decides_on_its_own_and_says_so(server: Server) -> None:
    """Its revert holds, is marked, and stands for all once it is back: the others saw nothing of what it saw."""
    server.sync.flushall()
    clock = Clock()
    cut, other = await houses(server, clock, 2)
    await cut.memory.entry("support").edit(_with_baseline)
    for plane in (cut, other):
        await _vouched(plane)
        await plane.tick()
    store = cut.memory.store
    assert isinstance(store, RedisStore)
    link = store._link
    assert isinstance(link, FlakyLink)
    link.cut = True
    for _ in range(20):
        await store.add("support", "default/support", int(clock()), _answers(99))
        clock.now_s += 1.0
        for plane in (cut, other):
            await plane.tick()
    entry = (await cut.memory.entry("support").load())[1]
    fleet = (await other.memory.entry("support").load())[1]
    assert entry is not None
    assert fleet is not None
    assert (entry.state.step, fleet.state.step) == (Step.REVERTED, Step.STEADY)
    record = await cut.memory.decision(entry.state.record_id)
    assert record is not None
    assert record.body["inputs"]["context"]["versions"]["evidence"].startswith("local: ")
    link.cut = False
    await store.flush()
    await other.tick()
    assert other.snapshot.enforcements[0].step is Step.REVERTED
    assert await other.memory.decision(entry.state.record_id) == record
    assert (await store.panes("support", "default/support", int(clock()) - 20, int(clock())))[0][1] == _answers(99)
    for plane in (cut, other):
        await plane.stop()
        await plane.memory.store.close()


def _with_baseline(entry: Entry | None) -> Entry | None:
    return None if entry is None else replace(entry, baseline=healthy_baseline())


async def _vouched(plane: ControlPlane) -> None:
    base = Target("default", "base-model")
    await plane.memory.check(base, plane.setup.judge).edit(lambda _: Checked(plane.now(), 24, 24, 24))


def _answers(second: int) -> dict[Cell, int]:
    refused = 19 if second < 10 else 8
    counts = {Cell("assessed", "ok", 0, 1): 40 * SCALE}
    for category in CATEGORIES:
        counts[Cell("refusal", category, 0, 1)] = refused * SCALE
        counts[Cell("refusal", category, 0, 0)] = (20 - refused) * SCALE
    return counts
