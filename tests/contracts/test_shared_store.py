"""What only a shared store promises: many replicas, nothing twice, and what happens while it is away. Real servers."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from proxy.core.errors import StateError
from proxy.core.evidence.signals import is_impaired
from proxy.core.windows import SCALE, Cell, merge
from proxy.stores import pending
from proxy.stores.contract import First, Store
from proxy.stores.mirror import Mirror
from proxy.stores.pending import Pending
from proxy.stores.redis_keys import KEYS, page
from proxy.stores.redis_store import RedisStore
from proxy.stores.sealed import read_sealed
from tests.contracts.conftest import Place
from tests.contracts.flaky import replica
from tests.contracts.redis_servers import Server

ROOT = Path(__file__).resolve().parents[2]
REFUSED = Cell("refusal", "weapons", 0, 1)
DUPLICATE = Cell("duplicate", "weapons", 0, 1)
NOW_S = 1_800_000_000.0


@pytest.fixture
async def pair(shared: Place) -> AsyncIterator[tuple[Store, Store]]:
    """Two replicas on one store."""
    stores = [await shared.open(), await shared.open()]
    yield stores[0], stores[1]
    for store in stores:
        await store.close()


def first(*marks: str, at_s: float = NOW_S) -> First:
    return First(marks, at_s, 600.0, {REFUSED: SCALE}, {DUPLICATE: SCALE})


async def flushed(*stores: Store) -> None:
    for store in stores:
        await store.flush()


async def counts(store: Store, pane: int = 1, route: str = "r") -> dict[Cell, int]:
    return dict(merge(found for _, found in await store.panes(route, "m", pane, pane)))


class TestReplicas:
    async def test_their_counts_add(self, pair: tuple[Store, Store]) -> None:
        for store in pair:
            await store.add("r", "m", 1, {REFUSED: 3 * SCALE + 7})
        await flushed(*pair)
        assert [await counts(store) for store in pair] == [{REFUSED: 6 * SCALE + 14}] * 2

    async def test_a_prompt_counts_once_over_all(self, pair: tuple[Store, Store]) -> None:
        for store in pair:
            assert not await store.seen("r", "h", NOW_S, 600.0)
            await store.add_first("r", "m", 1, first("h"))
            await store.add_first("r", "m", 1, first(f"only here {id(store)}"))
        await flushed(*pair)
        assert await counts(pair[0]) == {REFUSED: 3 * SCALE, DUPLICATE: SCALE}
        assert sum(store.figures.repeated_elsewhere for store in pair) == 1

    async def test_a_prompt_counts_again_after_its_memory_and_on_other_routes(self, pair: tuple[Store, Store]) -> None:
        await pair[0].add_first("r", "m", 1, first("h"))
        await flushed(*pair)
        await pair[1].add_first("r", "m", 1, first("h", at_s=NOW_S + 1_300.0))
        await pair[1].add_first("s", "m", 1, first("h"))
        await flushed(*pair)
        assert await counts(pair[0]) == {REFUSED: 2 * SCALE}
        assert await counts(pair[0], route="s") == {REFUSED: SCALE}

    async def test_a_prompt_is_known_under_the_key_before(self, pair: tuple[Store, Store]) -> None:
        """A rotation of the key of hashes: one replica knows the old key alone, the other both."""
        await pair[0].add_first("r", "m", 1, first("old"))
        await flushed(*pair)
        await pair[1].add_first("r", "m", 1, first("new", "old"))
        await flushed(*pair)
        assert await counts(pair[0]) == {REFUSED: SCALE, DUPLICATE: SCALE}

    async def test_a_route_that_one_forgot_is_gone_for_all(self, pair: tuple[Store, Store]) -> None:
        one, other = pair
        for store in pair:
            await store.add("r", "m", 1, {REFUSED: SCALE})
            await store.add_first("r", "m", 1, first("h"))
        await flushed(one, other)
        await one.forget("r")
        assert await counts(other) == {}
        await other.add_first("r", "m", 2, first("h"))
        await flushed(other)
        assert await counts(one, 2) == {REFUSED: SCALE}
        assert await counts(one, 1) == {}

    async def test_state_that_one_wrote_is_read_by_all(self, pair: tuple[Store, Store]) -> None:
        assert await pair[0].swap("route/a/b", 0, b"steady")
        assert await pair[1].load("route/a/b") == (1, b"steady")
        assert await pair[1].swap("route/a/b", 1, b"reverted")
        assert not await pair[0].swap("route/a/b", 1, b"late")

    async def test_records_expire(self, pair: tuple[Store, Store]) -> None:
        for i in range(5):
            await pair[0].append("decision", f"d{i}", float(i), b"why")
        await pair[1].expire_records("decision", 3.0)
        assert [one for one, _, _ in await pair[0].records("decision", 9)] == ["d4", "d3"]
        assert await pair[0].record("decision", "d2") is None


class TestKeys:
    async def test_every_key_is_declared_and_expires(self, redis_server: Server, tmp_path: Path) -> None:
        """docs/redis-keys.md is true: after all that a store does, no key of another kind, and none for ever."""
        place = Place("redis", tmp_path, redis_server.url, (redis_server,))
        place.wipe()
        store = await place.open()
        await store.add("org/model:v1 {x}", "m", -3, {REFUSED: 5})
        for pane in (1, int(time.time() // 60)):  # one that is packed at once, and one that is open
            await store.add("r", "m", pane, {Cell("s", str(i), 0, 1): SCALE + i for i in range(300)})
        await store.add_first("r", "m", 1, first("h"))
        await store.swap("route/r", 0, b"1")
        await store.swap("guard", 0, b"1")
        await store.append("decision", "d", 1.0, b"why")
        await store.close()
        kinds = set()
        for key in _keys(redis_server):
            [declared] = [one for one in KEYS if one.matches(key.decode())]
            assert declared.type.split()[0] in (redis_server.ask("TYPE", key).decode(), "sorted")
            assert redis_server.sync.ttl(key) > 0, key
            kinds.add(declared)
            if b":p:" in key:
                assert redis_server.sync.hlen(key) <= 120
                assert redis_server.sync.object("ENCODING", key) == b"listpack"
                assert all(value.isdigit() for value in redis_server.sync.hvals(key))
        assert kinds == set(KEYS)

    def test_the_page_is_what_the_code_declares(self) -> None:
        assert (ROOT / "docs" / "redis-keys.md").read_text() == page()

    async def test_one_script_a_route_and_flush_whatever_the_traffic(
        self, redis_server: Server, tmp_path: Path
    ) -> None:
        place = Place("redis", tmp_path, redis_server.url, (redis_server,))
        place.wipe()
        store = await place.open()
        asked = []
        for exchanges in (1, 500):
            for i in range(exchanges):
                await store.add_first("r", "m", 1, first(f"{exchanges} {i}"))
                await store.add("r", "m", 1, {REFUSED: SCALE})
            await store.flush()
            redis_server.sync.config_resetstat()
            await store.add("r", "m", 1, {REFUSED: SCALE})
            for i in range(exchanges):
                await store.add_first("r", "m", 1, first(f"more {exchanges} {i}"))
            await store.flush()
            asked.append(redis_server.sync.info("commandstats")["cmdstat_evalsha"]["calls"])
        await store.close()
        assert asked == [1, 1]


faults = st.lists(st.sampled_from(["", "before", "after"]), max_size=6)
cells = st.builds(
    Cell, st.sampled_from(["refusal", "lost"]), st.sampled_from(["a", "b"]), st.integers(0, 7), st.just(1)
)
step = st.tuples(
    st.integers(0, 2),  # replica
    st.sampled_from(["r", "s"]),
    st.integers(0, 3),  # pane
    st.dictionaries(cells, st.integers(1, 2**36), max_size=3),
    st.booleans(),  # flush afterwards
)


packable = st.dictionaries(
    st.builds(Cell, st.just("s"), st.integers(0, 400).map(str), st.just(0), st.just(1)),
    st.one_of(st.integers(1, 300), st.integers(1, 200).map(lambda n: n * SCALE), st.integers(1, 2**45)),
    max_size=30,
)


class TestPacking:
    @settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
    @given(st.lists(st.tuples(st.integers(-70, 70), packable, st.booleans()), max_size=8))
    async def test_a_pane_reads_the_same_packed_or_open_or_packed_again(
        self, redis_server: Server, added: Sequence[tuple[int, dict[Cell, int], bool]]
    ) -> None:
        redis_server.sync.flushall()
        store, _ = replica(redis_server.url, seal_interval_s=1e9)
        packer, _ = replica(redis_server.url)
        for pane, some, pack in added:
            await store.add("r", "m", pane, some)
            await store.flush()
            if pack:
                await packer.add("r", "m", pane, {REFUSED: 1})
                await packer.flush()
                await store.add("r", "m", pane, {REFUSED: SCALE - 1})  # late: beside what is packed
                await store.flush()
        expected: dict[int, list[dict[Cell, int]]] = {}
        for pane, some, pack in added:
            expected.setdefault(pane, []).append(merge([some, {REFUSED: SCALE}] if pack else [some]))
        sums = [(pane, counts) for pane in sorted(expected) if (counts := merge(expected[pane]))]
        for one in (store, packer):
            assert [(pane, dict(found)) for pane, found in await one.panes("r", "m", -70, 70)] == sums
        await store.close()
        await packer.close()

    def test_a_packed_pane_that_ends_early_is_an_error(self) -> None:
        for blob in (b"", b"\x02\xff", b"\x01\x02\x80"):
            with pytest.raises(StateError, match="ends early"):
                list(read_sealed(blob))


class TestNothingTwice:
    @settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
    @given(st.lists(step, max_size=15), st.lists(faults, min_size=3, max_size=3), st.randoms(use_true_random=False))
    async def test_lost_requests_and_lost_answers_change_no_count(
        self,
        redis_server: Server,
        steps: Sequence[tuple[int, str, int, dict[Cell, int], bool]],
        lost: Sequence[Sequence[str]],
        toss: random.Random,
    ) -> None:
        redis_server.sync.flushall()
        replicas = [replica(redis_server.url, faults=one) for one in lost]
        for who, route, pane, added, flush in steps:
            await replicas[who][0].add(route, "m", pane, added)
            if flush:
                await _try(replicas[who][0])
        toss.shuffle(replicas)
        for store, link in replicas:
            while not await _try(store):
                assert link.faults or store.evidence_local
        for route in ("r", "s"):
            for pane in range(4):
                expected = merge(added for _, r, p, added, _ in steps if (r, p) == (route, pane))
                assert await counts(replicas[0][0], pane, route) == expected
        for store, _ in replicas:
            assert store.figures.cells_waiting == 0
            await store.close()

    async def test_a_prompt_settled_in_a_flush_whose_answer_was_lost_still_counts_once(
        self, redis_server: Server
    ) -> None:
        redis_server.sync.flushall()
        store, _ = replica(redis_server.url, faults=["after", "before"])
        await store.add_first("r", "m", 1, first("h"))
        for _ in range(2):
            with pytest.raises(StateError, match="lost on the way"):
                await store.flush()
        await store.flush()
        assert await counts(store) == {REFUSED: SCALE}
        await store.close()


async def _try(store: RedisStore) -> bool:
    try:
        await store.flush()
    except StateError:
        return False
    return True


class TestAway:
    """The store is away: counting and deciding go on here, marked, within a bound."""

    async def test_counting_reading_and_state_go_on_and_arrive_later(self, redis_server: Server) -> None:
        redis_server.sync.flushall()
        (here, link), (other, _) = replica(redis_server.url), replica(redis_server.url)
        await here.add("r", "m", 1, {REFUSED: SCALE})
        await other.add("r", "m", 1, {REFUSED: SCALE})
        await here.swap("route/r", 0, b"steady")
        await flushed(here, other)
        assert await counts(here) == {REFUSED: 2 * SCALE}
        link.cut = True
        await here.add("r", "m", 1, {REFUSED: 5})
        assert not await _try(here)
        assert "lost on the way" in here.evidence_local
        assert await counts(here) == {REFUSED: 2 * SCALE + 5}, "what was known, and what was counted here since"
        assert await here.load("route/r") == (1, b"steady")
        assert not await here.swap("route/r", 0, b"late")
        assert await here.swap("route/r", 1, b"reverted")
        await here.append("decision", "d", 1.0, b"why")
        with pytest.raises(StateError, match="kept already"):
            await here.append("decision", "d", 1.0, b"why")
        assert [one for one, _, _ in await here.records("decision", 5)] == ["d"]
        assert await other.load("route/r") == (1, b"steady")
        link.cut = False
        await here.flush()
        assert here.evidence_local == ""
        assert await other.load("route/r") == (2, b"reverted")
        assert await other.record("decision", "d") == b"why"
        assert await counts(other) == {REFUSED: 2 * SCALE + 5}
        await here.close()
        await other.close()

    async def test_where_another_replica_was_faster_its_value_stands_unless_it_is_resolved(
        self, redis_server: Server
    ) -> None:
        redis_server.sync.flushall()
        (here, link), (other, _) = replica(redis_server.url), replica(redis_server.url)
        for key in ("a", "b"):
            await here.swap(key, 0, b"steady")
        await here.load("a")
        link.cut = True
        for key in ("a", "b"):
            assert await here.swap(key, 1, b"reverted")
            assert await other.swap(key, 1, b"watch")
        here.resolve_by(lambda key, fleet, ours: ours if key == "a" else fleet)
        link.cut = False
        await here.flush()
        assert await other.load("a") == (3, b"reverted")
        assert await here.load("b") == (2, b"watch")
        await here.close()
        await other.close()

    async def test_a_restart_without_the_store_knows_what_was_latched(
        self, redis_server: Server, tmp_path: Path
    ) -> None:
        redis_server.sync.flushall()
        before, _ = replica(redis_server.url, mirror=Mirror(tmp_path))
        await before.swap("route/r", 0, b"reverted")
        await before.close()
        after, link = replica(redis_server.url, mirror=Mirror(tmp_path))
        link.cut = True
        await after.open()
        assert await after.load("route/r") == (1, b"reverted")
        link.cut = False
        await after.close()

    def test_what_waits_has_a_bound_and_what_is_given_up_shows(self) -> None:
        waiting = Pending(1_000)
        for pane in range(100):
            lots = {Cell("embedding", str(i), 0, 1): SCALE for i in range(50)}
            waiting.add("r", ("m", pane), {**lots, Cell("traffic", "all", 0, 1): 7 * SCALE})
            assert waiting.cells <= 1_000
        assert waiting.dropped > 0
        kept = waiting.local("r", "m")
        assert kept[0] == {Cell("lost", "store", 0, 1): 7 * SCALE}
        assert is_impaired(kept[0], 0.01)
        assert len(kept[99]) == 51, "the newest is whole"
        assert sorted(kept) == list(range(100))

    def test_prompts_that_wait_have_a_bound(self) -> None:
        waiting = Pending(10**9)
        for i in range(3 * pending.FIRSTS_WAITING_MAX):
            waiting.add_first("r", ("m", 1), first(str(i)))
        assert waiting.cells < 3 * pending.FIRSTS_WAITING_MAX
        assert waiting.local("r", "m") == {1: {REFUSED: 3 * pending.FIRSTS_WAITING_MAX * SCALE}}


async def test_panes_are_numbered_by_the_stores_clock(redis_server: Server) -> None:
    store, _ = replica(redis_server.url, now=lambda: time.time() - 3_600.0)
    await store.open()
    assert abs(store.clock_offset_s - 3_600.0) < 5.0
    await store.close()


async def test_state_that_many_replicas_swap_at_once_is_won_by_one(shared: Place) -> None:
    stores = [await shared.open() for _ in range(8)]
    won = await asyncio.gather(*(store.swap("k", 0, str(i).encode()) for i, store in enumerate(stores)))
    assert sum(won) == 1
    assert await stores[0].load("k") == (1, str(won.index(True)).encode())
    for store in stores:
        await store.close()


def _keys(server: Server) -> list[bytes]:
    found: list[bytes] = server.ask("KEYS", "*")
    return found
