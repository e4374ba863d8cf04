"""What every store promises, on the real thing. One class; a new store is one more `Place` in `conftest`."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from proxy.core.errors import StateError
from proxy.core.windows import Cell, merge
from proxy.stores.contract import Store
from proxy.stores.embedded import EmbeddedStore
from tests.contracts.conftest import Place

REFUSED = Cell("refusal", "weapons", 0, 1)
ANSWERED = Cell("refusal", "weapons", 0, 0)

cells = st.builds(
    Cell,
    st.sampled_from(["refusal", "lost"]),
    st.sampled_from(["none", "weapons"]),
    st.integers(0, 7),
    st.integers(0, 1),
)
additions = st.lists(
    st.tuples(
        st.sampled_from(["a", "b"]),
        st.sampled_from(["m", "n"]),
        st.integers(0, 5),
        st.dictionaries(cells, st.integers(1, 2**40), max_size=4),
    ),
    max_size=12,
)


@pytest.fixture
async def store(place: Place) -> AsyncIterator[Store]:
    made = await place.open()
    yield made
    await made.close()


async def read(store: Store, route: str, served: str, first: int, last: int) -> list[tuple[int, dict[Cell, int]]]:
    """What every reader finds after a flush."""
    await store.flush()
    return [(pane, dict(counts)) for pane, counts in await store.panes(route, served, first, last)]


class TestEveryStore:
    async def test_counts_add(self, store: Store) -> None:
        await store.add("r", "m", 7, {REFUSED: 2, ANSWERED: 1})
        await store.add("r", "m", 7, {REFUSED: 3})
        assert await read(store, "r", "m", 0, 100) == [(7, {REFUSED: 5, ANSWERED: 1})]

    async def test_counts_of_one_model_are_not_those_of_another(self, store: Store) -> None:
        await store.add("r", "candidate", 1, {REFUSED: 1})
        await store.add("r", "base", 1, {REFUSED: 10})
        await store.add("s", "candidate", 1, {REFUSED: 100})
        assert await read(store, "r", "candidate", 1, 1) == [(1, {REFUSED: 1})]

    async def test_a_range_of_panes_holds_both_its_ends_and_is_in_order(self, store: Store) -> None:
        for pane in (9, 3, 5, 4, 10):
            await store.add("r", "m", pane, {REFUSED: pane})
        assert [pane for pane, _ in await read(store, "r", "m", 4, 9)] == [4, 5, 9]
        assert await read(store, "r", "m", 6, 8) == []
        assert await read(store, "r", "m", 6, 5) == []

    async def test_a_range_of_all_time_is_read_in_no_time(self, store: Store) -> None:
        """Who asks for everything up to now asks for a billion panes of a second."""
        await store.add("r", "m", 1_800_000_000, {REFUSED: 1})
        assert [pane for pane, _ in await read(store, "r", "m", 0, 1_800_000_001)] == [1_800_000_000]

    async def test_expired_panes_are_gone(self, store: Store) -> None:
        for pane in range(6):
            await store.add("r", "m", pane, {REFUSED: 1})
        await store.expire(4)
        assert [pane for pane, _ in await read(store, "r", "m", 0, 9)] == [4, 5]

    async def test_what_was_read_does_not_change_later(self, store: Store) -> None:
        await store.add("r", "m", 1, {REFUSED: 1})
        await store.flush()
        before = await store.panes("r", "m", 1, 1)
        await store.add("r", "m", 1, {REFUSED: 1})
        await store.flush()
        assert list(before) == [(1, {REFUSED: 1})]

    async def test_a_prompt_is_seen_once_in_its_time(self, store: Store) -> None:
        assert not await store.seen("r", "h", 1000.0, 600.0)
        assert await store.seen("r", "h", 1001.0, 600.0)
        assert await store.seen("r", "h", 1599.0, 600.0)
        assert not await store.seen("r", "h", 2300.0, 600.0)

    async def test_a_prompt_that_is_repeated_for_ever_counts_again(self, store: Store) -> None:
        seen = [await store.seen("r", "h", float(now_s), 600.0) for now_s in range(0, 6000, 10)]
        assert 5 <= seen.count(False) <= 10

    async def test_a_clock_that_was_set_back_makes_no_prompt_seen_for_ever(self, store: Store) -> None:
        assert not await store.seen("r", "h", 90_000.0, 600.0)
        assert not await store.seen("r", "h", 1_000.0, 600.0)
        assert await store.seen("r", "h", 1_001.0, 600.0)

    async def test_a_prompt_seen_on_one_route_is_new_on_another(self, store: Store) -> None:
        assert not await store.seen("r", "h", 1.0, 600.0)
        assert not await store.seen("s", "h", 1.0, 600.0)
        assert not await store.seen("r", "i", 1.0, 600.0)

    async def test_state_is_swapped_by_version(self, store: Store) -> None:
        assert await store.load("ladder/r") is None
        assert await store.swap("ladder/r", 0, b"steady")
        assert await store.load("ladder/r") == (1, b"steady")
        assert not await store.swap("ladder/r", 0, b"late")
        assert await store.swap("ladder/r", 1, b"reverted")
        assert not await store.swap("ladder/r", 1, b"late")
        assert not await store.swap("ladder/other", 3, b"never was")
        assert await store.load("ladder/r") == (2, b"reverted")

    async def test_of_many_that_swap_at_once_one_wins(self, store: Store) -> None:
        await store.swap("k", 0, b"start")
        won = await asyncio.gather(*(store.swap("k", 1, str(i).encode()) for i in range(20)))
        assert sum(won) == 1
        assert await store.load("k") == (2, str(won.index(True)).encode())

    async def test_records_are_kept_once_and_read_newest_first(self, store: Store) -> None:
        for i, at_s in enumerate([10.0, 30.0, 20.0, 30.0]):
            await store.append("decision", f"d{i}", at_s, f"text {i}".encode())
        await store.append("log", "d0", 99.0, b"of another kind")
        assert await store.record("decision", "d0") == b"text 0"
        assert await store.record("decision", "no such") is None
        assert [i for i, _, _ in await store.records("decision", 3)] == ["d3", "d1", "d2"]
        assert list(await store.records("log", 10)) == [("d0", 99.0, b"of another kind")]

    async def test_no_record_is_overwritten(self, store: Store) -> None:
        await store.append("decision", "d", 1.0, b"first")
        with pytest.raises(StateError, match="kept already"):
            await store.append("decision", "d", 2.0, b"second")
        assert await store.record("decision", "d") == b"first"

    async def test_names_may_hold_anything(self, store: Store) -> None:
        name = "org/model:v1'; DROP TABLE state; -- \n\x00ü"
        await store.add(name, name, 1, {Cell(name, name, 0, 0): 1})
        await store.swap(name, 0, b"\x00\xff")
        await store.append(name, name, 1.0, b"")
        await store.flush()
        assert await read(store, name, name, 1, 1) == [(1, {Cell(name, name, 0, 0): 1})]
        assert await store.load(name) == (1, b"\x00\xff")
        assert await store.record(name, name) == b""

    @settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
    @given(additions, st.randoms(use_true_random=False))
    async def test_any_order_gives_the_same_sums(
        self,
        place: Place,
        added: list[tuple[str, str, int, dict[Cell, int]]],
        shuffler: random.Random,
    ) -> None:
        place.wipe()
        store = await place.open()
        shuffled = list(added)
        shuffler.shuffle(shuffled)
        for i, addition in enumerate(shuffled):
            await store.add(*addition)
            if i % 3 == 0:
                await store.flush()
        for route, served in {(a[0], a[1]) for a in added}:
            expected = {p: merge(c for r, m, q, c in added if (r, m, q) == (route, served, p)) for p in range(6)}
            for pane, counts in await read(store, route, served, 0, 5):
                assert counts == expected.pop(pane)
            assert not any(expected.values())
        await store.close()


BIG = b"x" * 200_000  # more than fits into pages that are free


def pages_max(store: Store, pages: int) -> None:
    """How many pages the file may have; SQLite takes no less than it has, so that 1 is a disk that is full now."""
    assert isinstance(store, EmbeddedStore)
    store._database.database._db.execute(f"PRAGMA max_page_count={pages}")


class TestAFullDisk:
    @pytest.fixture(params=["embedded", "memory"])
    def place(self, request: pytest.FixtureRequest, tmp_path: Path) -> Place:
        return Place(str(request.param), tmp_path)

    async def test_state_and_records_are_kept_all_the_same(
        self, store: Store, caplog: pytest.LogCaptureFixture
    ) -> None:
        await store.swap("route/a", 0, b"steady")
        await store.swap("route/gone", 0, b"old")
        await store.append("decision", "d0", 1.0, b"before")
        assert store.not_durable == ""
        pages_max(store, 1)
        assert await store.swap("route/a", 1, b"reverted" + BIG)
        assert "full" in store.not_durable
        assert await store.load("route/a") == (2, b"reverted" + BIG)
        assert not await store.swap("route/a", 1, b"late")
        assert await store.swap("route/b", 0, b"new")
        assert not await store.swap("route/b", 0, b"late")
        assert await store.drop("route/gone", 1)
        assert not await store.drop("route/gone", 1)
        assert await store.load("route/gone") is None
        await store.append("decision", "d1", 2.0, b"why")
        for taken in ("d0", "d1"):
            with pytest.raises(StateError, match="kept already"):
                await store.append("decision", taken, 3.0, b"again")
        assert await store.record("decision", "d1") == b"why"
        assert [i for i, _, _ in await store.records("decision", 9)] == ["d1", "d0"]
        with pytest.raises(StateError, match="full"):
            await store.flush()
        pages_max(store, 1_000_000)
        await store.flush()
        assert store.not_durable == ""
        assert await store.load("route/a") == (2, b"reverted" + BIG)
        assert await store.swap("route/a", 2, b"restored")
        assert await store.load("route/gone") is None
        assert [i for i, _, _ in await store.records("decision", 9)] == ["d1", "d0"]
        assert [caplog.text.count(f"{said}") for said in ("store_not_durable", "store_durable_again")] == [1, 1]

    async def test_counts_wait_too(self, store: Store) -> None:
        pages_max(store, 1)
        for pane in range(3_000):
            await store.add("r", "m", pane, {REFUSED: pane})
        with pytest.raises(StateError, match="full"):
            await store.flush()
        assert "full" in store.not_durable
        assert list(await store.panes("r", "m", 7, 7)) == [(7, {REFUSED: 7})]
        pages_max(store, 1_000_000)
        await store.flush()
        assert store.not_durable == ""


class TestForgetting:
    async def test_a_value_is_dropped_by_version(self, store: Store) -> None:
        assert not await store.drop("k", 0)
        await store.swap("k", 0, b"one")
        assert not await store.drop("k", 2)
        assert await store.drop("k", 1)
        assert await store.load("k") is None
        assert await store.swap("k", 0, b"anew")

    async def test_a_route_is_forgotten_with_its_panes_and_prompts(self, store: Store) -> None:
        for route in ("r", "s"):
            await store.add(route, "m", 1, {REFUSED: 1})
            await store.seen(route, "h", 1.0, 600.0)
        await store.flush()
        await store.add("r", "m", 2, {REFUSED: 1})
        await store.forget("r")
        await store.add("r", "m", 3, {REFUSED: 1})
        await store.flush()
        assert [pane for pane, _ in await read(store, "r", "m", 0, 9)] == [3]
        assert [pane for pane, _ in await read(store, "s", "m", 0, 9)] == [1]
        assert not await store.seen("r", "h", 2.0, 600.0)
        assert await store.seen("s", "h", 2.0, 600.0)
