"""What counters cost in Redis: bytes a route and day with every default signal, milliseconds a flush, at any traffic.

    python -m bench.store [--quick]

A real redis-server of its own, with its defaults. A day is 1,440 panes of a minute, filled with answers drawn at random
so that each signal takes the bins that it takes in life: embeddings normal, lengths and times log-normal, one prompt in
fifty harmful. Memory is what the server says of every key (MEMORY USAGE, all of it), and EXPIRY_BYTES more for its time
of expiry. A day's panes are packed, but for the last OPEN, which are in `fixed` with the names and the two bitmaps of
prompts. A flush carries one second of counts.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from proxy.analysis import counting
from proxy.analysis.judging.embedding import BIN_WIDTH, SHOWN
from proxy.analysis.judging.embedding import BINS as EMBEDDING_BINS
from proxy.classifiers.contract import HAZARDS
from proxy.config.sections.watching import StoreSettings
from proxy.core.closing import arrival
from proxy.core.exchange import Purpose
from proxy.core.observation import NO_HARM, Observation
from proxy.core.tenant_shard import SHARDS
from proxy.core.windows import SCALE, Cell
from proxy.features.bands import half_octave, octave, step
from proxy.stores.contract import First
from proxy.stores.redis_link import RedisLink
from proxy.stores.redis_store import Options, RedisStore
from tests.contracts.redis_servers import Server, redis_binary, serving

PANES_A_DAY: Final = 1_440
EXPIRY_BYTES: Final = 40  # an entry of the server's second table, and its bucket
OPEN: Final = 13  # panes that are not packed yet: two minutes until they close, and ten more
TEMPLATES: Final = 12  # different minutes of a day; each stands for 120 of them
RATES: Final = (0.1, 1.0, 10.0, 100.0)  # answers a second
FLUSHES: Final = 60
SHARDS_RATE: Final = 10.0
HARMFUL_SHARE: Final = 0.02
ROUTE, SERVED = "support-bot", "default/support-bot-v7"


def answer(toss: random.Random, number: int, shards: int = SHARDS) -> Observation:
    """One answer of a healthy route, with every signal known, to a tenant of one of so many shards."""
    category = toss.choice(HAZARDS) if toss.random() < HARMFUL_SHARE else NO_HARM
    refused = int(toss.random() < (0.02 if category == NO_HARM else 0.95))
    return Observation(
        f"{number}", ROUTE, SERVED, False, 0.0, Purpose.USER, f"{number:032x}", category,
        refusal=refused,
        hedging=int(toss.random() < 0.1),
        attacks={kind: int(toss.random() < 0.005) for kind in ("jailbreak", "injection")},
        toxicity=min(0.999, toss.lognormvariate(-6.0, 1.5)),
        toxic=int(toss.random() < 0.002),
        response_harmful=int(toss.random() < 0.002),
        harmful_output=int(toss.random() < 1e-5),
        hazards=(toss.choice(HAZARDS),) if toss.random() < 0.002 else (),
        projections=_projected(toss),
        prompt_projections=_projected(toss),
        anomalous=int(toss.random() < 0.0003),
        sensitive={"email": 1} if toss.random() < 0.005 else {},
        tenant_shard=toss.randrange(shards),
        contexts=(
            f"prompt:{toss.choice(('short', 'medium', 'long'))}",
            f"turns:{toss.choice(('1', '2-4', '5-16'))}",
            f"system:{toss.randrange(3):016x}",
        ),
        shapes=_shapes(toss),
    )  # fmt: skip


def _projected(toss: random.Random) -> tuple[int, ...]:
    places = (int(toss.gauss() / BIN_WIDTH // 1) + EMBEDDING_BINS // 2 for _ in range(SHOWN))
    return tuple(min(EMBEDDING_BINS - 1, max(0, place)) for place in places)


def _shapes(toss: random.Random) -> Mapping[str, str]:
    return {
        "length": octave(toss.lognormvariate(6.5, 1.0)),
        "prompt_length": octave(toss.lognormvariate(7.0, 1.3)),
        "diversity": step(toss.betavariate(8, 4)),
        "formatting": toss.choice(("plain", "plain", "list", "bold", "code", "headings", "table")),
        "script": "latin" if toss.random() < 0.98 else "cyrillic",
        "prompt_script": "latin" if toss.random() < 0.97 else "han",
        "tool_use": toss.choice(("none", "none", "offered", "called")),
        "finish": toss.choices(("stop", "length", "tool", "error", "cut"), (90, 5, 3, 1, 1))[0],
        "ttft": octave(toss.lognormvariate(5.5, 0.6)),
        "latency": octave(toss.lognormvariate(8.0, 0.8)),
        "tokens_per_s": half_octave(toss.lognormvariate(3.7, 0.5)),
        "regenerated": "yes" if toss.random() < 0.01 else "no",
        "topic": toss.choices([f"{i:02d}" for i in range(16)], [2.0**-i + 0.02 for i in range(16)])[0],
        "harm_share": "harmful" if toss.random() < HARMFUL_SHARE else "harmless",
        "attack": "none" if toss.random() < 0.99 else "jailbreak",
        "context_system": f"{toss.randrange(3):016x}",
        "context_tools": f"{toss.randrange(2):016x}",
        "context_sampling": f"{toss.randrange(2):016x}",
    }


def minute(toss: random.Random, rate: float, shards: int = SHARDS) -> dict[Cell, int]:
    """The counts of one pane."""
    counts: Counter[Cell] = Counter()
    for number in range(_poisson(toss, 60.0 * rate)):
        counts.update(dict(_cells(answer(toss, number, shards))))
        counts.update(dict([arrival(toss.lognormvariate(1.6, 0.8))]))  # median 5 s, p99.9 60 s
    return dict(counts)


def _cells(one: Observation) -> Iterator[tuple[Cell, int]]:
    yield counting.traffic(0)
    yield from counting.cells([one], 0, frozenset())


def _poisson(toss: random.Random, mean: float) -> int:
    return max(0, round(toss.gauss(mean, mean**0.5)))


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one rate of traffic. Bytes are of a day; `fixed` of them do not grow with the days: names and bitmaps."""

    rate: float
    cells: float
    bytes: int
    fixed: int
    flush_ms: Sequence[float]
    sent_bytes: float


async def measured(server: Server, rate: float, panes: int, shards: int = SHARDS) -> Cost:
    """Fill a day, then flush second by second."""
    server.sync.flushall()
    toss = random.Random(7)
    store = RedisStore(_link(server), Options(retention_s=3 * 86_400, seal_interval_s=1e9))
    packing = RedisStore(_link(server), Options(retention_s=3 * 86_400, seal_interval_s=0.0))
    await store.open()
    await store.flush()
    templates = [minute(toss, rate, shards) for _ in range(TEMPLATES)]
    now = int(time.time() // 60)
    await _filled(store, templates, range(now, now + OPEN))
    await _dense(store)
    begun = _used(server)
    await _filled(packing, templates, range(panes))
    day = (_used(server) - begun) * PANES_A_DAY // panes
    server.sync.config_resetstat()
    flush_ms = [await _flush(store, toss, rate, second) for second in range(FLUSHES)]
    sent = int(server.sync.info("stats")["total_net_input_bytes"]) / FLUSHES
    await store.close()
    await packing.close()
    return Cost(rate, statistics.fmean(map(len, templates)), day, begun, flush_ms, sent)


def _link(server: Server) -> RedisLink:
    return RedisLink(StoreSettings(kind="redis", url=server.url, timeout_s=30.0))


def _used(server: Server) -> int:
    keys = [*server.sync.scan_iter("*", count=1_000)]
    return sum(int(server.sync.memory_usage(key, samples=0) or 0) + EXPIRY_BYTES for key in keys)


async def _filled(store: RedisStore, templates: Sequence[Mapping[Cell, int]], panes: range) -> None:
    for pane in panes:
        await store.add(ROUTE, SERVED, pane, templates[pane % len(templates)])
        if pane % 20 == 19:
            await store.flush()
    await store.flush()


async def _dense(store: RedisStore) -> None:
    """Fill both bitmaps, as a busy route does: a string grows to the highest bit that was set."""
    for epoch_s in (0.0, 600.0):
        for i in range(200):
            first = First((f"{epoch_s} {i}",), time.time() - epoch_s, 600.0, {}, {})
            await store.add_first(ROUTE, SERVED, 0, first)
    await store.flush()


async def _flush(store: RedisStore, toss: random.Random, rate: float, second: int) -> float:
    for i in range(_poisson(toss, rate) if rate >= 1 else int(toss.random() < rate)):
        one = answer(toss, i)
        await store.add(ROUTE, SERVED, 0, dict([counting.traffic(0)]))
        fresh = dict(counting.cells([one], 0, frozenset()))
        instead = {Cell(counting.DUPLICATE, one.category, 0, 1): SCALE}
        await store.add_first(ROUTE, SERVED, 0, First((f"{second} {i}",), time.time(), 600.0, fresh, instead))
    begin_s = time.perf_counter()
    await store.flush()
    return 1_000.0 * (time.perf_counter() - begin_s)


def table(costs: Sequence[Cost]) -> str:
    """For people."""
    heads = ("answers/s", "cells a pane", "bytes a pane", "MB a route-day", "fixed KB", "flush ms", "p95", "KB a flush")
    rows = [heads, *map(_row, costs)]
    return "\n".join("  ".join(text.rjust(len(head)) for text, head in zip(row, heads, strict=True)) for row in rows)


def _row(one: Cost) -> tuple[str, ...]:
    ms = sorted(one.flush_ms)
    return (
        f"{one.rate:g}",
        f"{one.cells:.0f}",
        f"{one.bytes / PANES_A_DAY:.0f}",
        f"{one.bytes / 1e6:.2f}",
        f"{one.fixed / 1e3:.0f}",
        f"{statistics.median(ms):.2f}",
        f"{ms[int(0.95 * len(ms))]:.2f}",
        f"{one.sent_bytes / 1e3:.1f}",
    )


def by_signal(rate: float) -> str:
    """Cells of a pane by signal, the widest first."""
    found = Counter(cell.signal for cell in minute(random.Random(7), rate))
    return ", ".join(f"{signal} {n}" for signal, n in found.most_common(12))


async def run(rates: Sequence[float], panes: int, shards: int = SHARDS) -> list[Cost]:
    """Each rate on a server of its own, so that one's fragments are not another's."""
    costs = []
    for rate in rates:
        with tempfile.TemporaryDirectory() as folder, serving(redis_binary(), Path(folder)) as server:
            costs.append(await measured(server, rate, panes, shards))
    return costs


def of_shards(costs: Sequence[Cost], panes: int) -> str:
    """What it costs that one tenant may not revert a route for all: beside a route with tenants of one shard."""
    (alone,) = asyncio.run(run([SHARDS_RATE], panes, shards=1))
    more = next(one for one in costs if one.rate == SHARDS_RATE).bytes - alone.bytes
    return f"{more / PANES_A_DAY:.0f} bytes a pane, {more / 1e6:.2f} MB a route-day"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a sixth of a day, and no 100 answers a second")
    quick = parser.parse_args().quick
    rates, panes = (RATES[:-1], 240) if quick else (RATES, PANES_A_DAY)
    costs = asyncio.run(run(rates, panes))
    print(table(costs))
    print(f"\nof that, tenant shards at {SHARDS_RATE:g} answers a second: {of_shards(costs, panes)}")
    print(f"cells of a pane at 10 answers a second: {by_signal(10.0)}")


if __name__ == "__main__":
    main()
