"""What a store keeps, and how. Every store passes `tests/contracts/test_stores.py` against the real thing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from proxy.core.windows import Cell, Counts


@dataclass(frozen=True, slots=True)
class First:
    """A prompt that this process counts for the first time, at `at_s` (the store's clock).

    `marks` are the hashes under which it may be known. `fresh` is counted if no other replica counted it under any of
    them in the last `memory_s` seconds, else `instead`.
    """

    marks: tuple[str, ...]
    at_s: float
    memory_s: float
    fresh: Counts
    instead: Counts


@dataclass(slots=True)
class Figures:
    """What a store did since it was opened, for its metrics. Times in seconds, cells are counters of one pane."""

    flushes: int = 0
    flush_s: float = 0.0  # time spent in them
    cells_waiting: int = 0
    cells_dropped: int = 0  # beyond what may wait for a store that is away
    repeated_elsewhere: int = 0  # prompts that another replica had counted
    outages: int = 0


Resolve = Callable[[str, bytes, bytes], bytes]  # (key, the fleet's value, ours) -> the value that stands


class Store(Protocol):
    """Counters that add, state that is swapped by version, records that are only appended.

    `served` is the key of the target that was asked (`core.routes.Target.key`). Every method may raise
    StateError. None is ever awaited on the way of a request.
    """

    figures: Figures

    @property
    def shared(self) -> bool:
        """Whether other processes count in it too."""
        ...

    def resolve_by(self, resolve: Resolve) -> None:
        """What becomes of a value that was changed here while the store was away, and by another replica too; without
        this the other's stands.
        """

    @property
    def moved_aside(self) -> str:
        """Where broken state was put that was found at the start; "" where all was well."""
        ...

    @property
    def not_durable(self) -> str:
        """Why the last writes are in memory only; "" where all that was kept would outlive a crash."""
        ...

    @property
    def evidence_local(self) -> str:
        """Why `panes` and `load` tell only what this process knows; "" where they tell what all replicas know."""
        ...

    @property
    def clock_offset_s(self) -> float:
        """What to add to this machine's clock to have the store's: panes are numbered by that one."""
        ...

    async def add(self, route: str, served: str, pane: int, counts: Mapping[Cell, int]) -> None:
        """Add counts to a pane. Every reader finds them after the next flush; it never waits for a network."""

    async def add_first(self, route: str, served: str, pane: int, first: First) -> None:
        """Add the counts of a prompt that `seen` has just called new here. Who was first of all replicas is settled
        with the flush, once, however often that is tried again.
        """

    async def panes(self, route: str, served: str, first: int, last: int) -> Sequence[tuple[int, Counts]]:
        """The panes of this range that have data, both ends included, oldest first.

        `last` is not far beyond the pane of now: a store may look at no more panes before it than are kept.
        """

    async def seen(self, route: str, prompt_hash: str, now_s: float, memory_s: float) -> bool:
        """Test and set: whether this process counted this prompt on this route in the last `memory_s` seconds.

        It is remembered from when it counted, not from when it was last seen: one that is repeated for ever counts
        again and again, once in `memory_s` (a store may take up to twice as long).
        """

    async def load(self, key: str) -> tuple[int, bytes] | None:
        """A state value and its version (1, 2, ...); None where there is none."""

    async def swap(self, key: str, version: int, value: bytes) -> bool:
        """Replace the value if its version still is `version` (0: there is none yet). False: somebody was faster.

        Durable before it returns; where the medium cannot be written, kept in memory and `not_durable` from then on,
        until a flush has written it: a decision does not wait for a disk.
        """

    async def drop(self, key: str, version: int) -> bool:
        """Remove the value if its version still is `version`. False: somebody was faster. As durable as `swap`."""

    async def append(self, kind: str, record_id: str, at_s: float, record: bytes) -> None:
        """Keep a record under an id. As durable as `swap`; of what waits in memory the oldest may be lost.

        A second record of the same kind and id is an error: nothing is overwritten.
        """

    async def record(self, kind: str, record_id: str) -> bytes | None:
        """One record."""

    async def records(self, kind: str, limit: int) -> Sequence[tuple[str, float, bytes]]:
        """The newest records of a kind, newest first (of one time: the later kept first), as (id, time, record)."""

    async def expire(self, before_pane: int) -> None:
        """Forget panes older than this one."""

    async def expire_records(self, kind: str, before_s: float) -> int:
        """Remove the records of a kind whose time is before this one (Unix seconds); how many there were.

        A store that expires records by itself, after the time they were appended with, may answer 0.
        """
        ...

    async def forget(self, route: str) -> None:
        """Forget the panes and the prompts of a route."""

    async def flush(self) -> None:
        """Make all that was added so far survive a crash, and all that waits in memory.

        May be tried again after it failed, whatever became of it: nothing counts twice.
        """

    async def close(self) -> None:
        """Flush and let go."""
