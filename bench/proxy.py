"""`make bench-proxy`: Groundwire beside nginx, Envoy, a plain aiohttp proxy and no proxy at all.

The proxy has one core to itself; load, upstream and Groundwire's analysis process (nice 10) share another. So the
figure of merit is work per CPU-second of the proxy: what the shared core can drive does not enter. In every round the
contenders take turns; what is printed are medians over the rounds. Nothing is asserted.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import uvloop

from bench.contenders import CONTENDERS, Running, started
from bench.load import latencies, request, streams, wrk
from tests.support import ROOT, free_ports

PROXY_CORE, LOAD_CORE = 0, 1


@dataclass(frozen=True, slots=True)
class Size:
    """How much of everything."""

    rounds: int
    wrk_s: float
    rate_rps: float
    rate_s: float
    streams: int
    events: int
    gap_ms: int
    settle_s: float


FULL = Size(rounds=5, wrk_s=5, rate_rps=200, rate_s=5, streams=100, events=500, gap_ms=10, settle_s=2)
QUICK = Size(rounds=1, wrk_s=1, rate_rps=200, rate_s=1, streams=20, events=50, gap_ms=10, settle_s=0.5)

Figures = dict[str, float]


def main() -> int:
    """Run and print."""
    parser = argparse.ArgumentParser(prog="bench-proxy", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one short round: does it run")
    parser.add_argument("--only", default="", help="names of contenders, with commas")
    arguments = parser.parse_args()
    size = QUICK if arguments.quick else FULL
    chosen = [c for c in CONTENDERS if not arguments.only or c.name in arguments.only.split(",")]
    os.sched_setaffinity(0, {LOAD_CORE})
    found: dict[str, list[Figures]] = {}
    with tempfile.TemporaryDirectory() as folder, upstream() as port:
        for number in range(size.rounds):
            direct = measure(Running("direct", port, 0, 0.0), size)
            found.setdefault("direct", []).append(direct)
            for contender in chosen:
                where = Path(folder) / f"{contender.name}-{number}"
                with started(contender, where, port, PROXY_CORE, LOAD_CORE) as running:
                    figures = measure(running, size)
                found.setdefault(contender.name, []).append(against(direct, figures))
                print(f"round {number + 1}/{size.rounds}: {contender.name}", file=sys.stderr, flush=True)
    report({name: medians(rounds) for name, rounds in found.items()}, size)
    return 0


@contextmanager
def upstream() -> Iterator[int]:
    """bench/upstream.py on the core of the load."""
    (port,) = free_ports(1)
    process = subprocess.Popen([sys.executable, "-m", "bench.upstream", str(port)], cwd=ROOT)
    time.sleep(0.5)
    try:
        yield port
    finally:
        process.terminate()
        process.wait()


def measure(running: Running, size: Size) -> Figures:
    """All figures of one started proxy."""
    time.sleep(size.settle_s)
    figures = {
        "start-up to the first proxied 200 (s)": running.start_s,
        "memory idle (MiB)": running.resident_mib(),
        "memory idle, analysis (MiB)": running.analysis_mib(),
    }
    before, before_analysis, since_s = running.cpu_s(), running.analysis_cpu_s(), time.monotonic()
    rate = wrk(running.port, size.wrk_s, LOAD_CORE)
    took_s, cpu = time.monotonic() - since_s, running.cpu_s() - before
    figures["requests/s, one pinned core"] = rate
    figures["requests per CPU-second"] = rate * size.wrk_s / cpu if cpu else 0.0
    figures["cores used"] = cpu / took_s
    figures["cores used, analysis"] = (running.analysis_cpu_s() - before_analysis) / took_s
    times = uvloop.run(latencies(running.port, size.rate_rps, size.rate_s))
    figures["latency p50 (us)"], figures["latency p99 (us)"] = micro(times, 50), micro(times, 99)
    before, before_analysis = running.cpu_s(), running.analysis_cpu_s()
    paced = uvloop.run(streams(running.port, size.streams, size.events, size.gap_ms))
    cpu, events = running.cpu_s() - before, size.streams * size.events
    figures["events per CPU-second"] = events / cpu if cpu else 0.0
    figures["CPU s per 1M events"] = cpu / events * 1e6
    figures["CPU s per 1M events, analysis"] = (running.analysis_cpu_s() - before_analysis) / events * 1e6
    figures["first event p50 (us)"], figures["first event p99 (us)"] = (
        micro(paced.first_s, 50),
        micro(paced.first_s, 99),
    )
    figures["event delay p50 (us)"], figures["event delay p99 (us)"] = (
        micro(paced.delay_s, 50),
        micro(paced.delay_s, 99),
    )
    figures["events lost"] = paced.broken
    figures["memory after load (MiB)"] = running.resident_mib()
    figures["memory after load, analysis (MiB)"] = running.analysis_mib()
    return figures


def micro(times_s: Sequence[float], percent: int) -> float:
    """A percentile in microseconds."""
    return statistics.quantiles(times_s, n=100)[percent - 1] * 1e6


ADDED = ("latency p50 (us)", "latency p99 (us)", "first event p50 (us)", "first event p99 (us)",
         "event delay p50 (us)", "event delay p99 (us)")  # fmt: skip


def against(direct: Figures, figures: Figures) -> Figures:
    """Times as what was added to a direct connection in the same round."""
    return {**figures, **{f"added {name}": figures[name] - direct[name] for name in ADDED}}


def medians(rounds: list[Figures]) -> Figures:
    """The median of each figure."""
    return {name: statistics.median(one[name] for one in rounds) for name in rounds[0]}


def report(found: dict[str, Figures], size: Size) -> None:
    """The tables."""
    names = list(found)
    ours = found.get("groundwire", {})
    ratios = [name for name in ("patterns", "nginx", "envoy") if name in found and ours]
    print(f"\nmedians of {size.rounds}; request {len(request())} bytes; {size.streams} streams of {size.events} events,"
          f" one each {size.gap_ms} ms; latency at {size.rate_rps:g} requests/s")  # fmt: skip
    print(f"\n{'':38}" + "".join(f"{name:>12}" for name in names) + "".join(f"{f'/{name}':>10}" for name in ratios))
    for figure in rows(found):
        line = "".join(f"{shown(found[name].get(figure)):>12}" for name in names)
        line += "".join(f"{ratio(ours.get(figure), found[name].get(figure)):>10}" for name in ratios)
        print(f"{figure:38}{line}")
    print("\n/nginx, /envoy: Groundwire's figure divided by theirs; /patterns: by its own without the classifier")


def rows(found: dict[str, Figures]) -> list[str]:
    """All figures in order, first named first."""
    return list(dict.fromkeys(figure for figures in found.values() for figure in figures))


def shown(value: float | None) -> str:
    """A figure, short."""
    if value is None or value == 0:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def ratio(ours: float | None, theirs: float | None) -> str:
    """Ours by theirs."""
    return f"{ours / theirs:.2f}" if ours and theirs and ours > 0 and theirs > 0 else "-"


if __name__ == "__main__":
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    sys.exit(main())
