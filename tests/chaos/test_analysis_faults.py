"""The promise: whatever happens to analysis, every response is byte-equal to what the model server said, none fails."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.client import Result, load
from tests.chaos.model_server import model_server
from tests.support import Groundwire, groundwire, samples, until

SETTINGS: dict[str, Any] = {
    "discovery": {"enabled": False},
    "routes": {"support-v2": {"base_model": "base"}},
    "pane_s": 1,
    "close_lag_s": 1,
    "link": {"start_hold_s": 5},
}


@pytest.fixture
def server() -> Iterator[str]:
    with model_server() as url:
        yield url


def metric(page: str, name: str) -> float:
    """The sum over all label sets of a metric."""
    found = [*samples(page, f"{name} "), *samples(page, f"{name}{{")]
    assert found, f"{name} is not on the page"
    return sum(found)


def analysed(wire: Groundwire) -> float:
    return metric(wire.get(f"{wire.analysis_health}/metrics")[1], "groundwire_analysis_exchanges_total")


def known(wire: Groundwire) -> bool:
    """Analysis is up, and traffic has its routes."""
    ready = wire.get(f"{wire.analysis_health}/readyz")[0] == 200
    return ready and metric(wire.get(f"{wire.health}/metrics")[1], "groundwire_snapshot_version") > 0


@asynccontextmanager
async def under_load(wire: Groundwire, padding_bytes: int = 0) -> AsyncIterator[Result]:
    """Users ask all the time; at the end every byte must have been right."""
    stop = asyncio.Event()
    task = asyncio.create_task(load(wire.data, "support-v2", stop, padding_bytes))
    result = Result()
    try:
        yield result
    finally:
        stop.set()
        done = await task
    assert done.wrong == []
    assert done.answered > 20
    result.answered = done.answered


async def test_analysis_is_killed_again_and_again(tmp_path: Path, server: str) -> None:
    with groundwire(tmp_path, server, SETTINGS) as wire:
        until(lambda: known(wire), "analysis")
        async with under_load(wire):
            for _ in range(3):
                await asyncio.sleep(0.7)
                pid = await asyncio.to_thread(until, wire.analysis_pid, "an analysis process")
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        await asyncio.to_thread(until, lambda: known(wire) and wire.linked(), "analysis again")
        async with under_load(wire):
            await asyncio.sleep(1.0)
        await asyncio.to_thread(until, lambda: analysed(wire) > 20, "exchanges in the new analysis")
        assert wire.process.poll() is None


async def test_analysis_is_frozen_and_its_socket_is_full(tmp_path: Path, server: str) -> None:
    buffer_bytes_max = 1_048_576
    settings = {
        **SETTINGS,
        "link": {"buffer_bytes_max": buffer_bytes_max, "start_hold_s": 5},
    }
    with groundwire(tmp_path, server, settings) as wire:
        until(lambda: known(wire), "analysis")
        pid = wire.analysis_pid()
        os.kill(pid, signal.SIGSTOP)
        try:
            async with under_load(wire, padding_bytes=30_000):
                await asyncio.to_thread(until, lambda: _dropped(wire) > 0, "a dropped exchange")
        finally:
            os.kill(pid, signal.SIGCONT)
        await asyncio.to_thread(until, lambda: _lost(wire) > 0, "the loss in analysis' books")
        async with under_load(wire):
            await asyncio.sleep(0.5)


def _dropped(wire: Groundwire) -> float:
    page = wire.get(f"{wire.health}/metrics")[1]
    lines = [line for line in page.splitlines() if "buffer_full" in line and not line.startswith("#")]
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines)


def _lost(wire: Groundwire) -> float:
    page = wire.get(f"{wire.analysis_health}/metrics")[1]
    lines = [line for line in page.splitlines() if line.startswith("groundwire_analysis_lost_total{")]
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines)


async def test_analysis_is_flooded(tmp_path: Path, server: str) -> None:
    """A queue of one exchange, under load: what does not fit is counted, fewer are asked for, and nobody waits."""
    settings = {**SETTINGS, "analysis": {"queue_exchanges_max": 1, "queue_bytes_max": 1_000}}
    with groundwire(tmp_path, server, settings) as wire:
        until(lambda: known(wire), "analysis")
        async with under_load(wire, padding_bytes=20_000):
            await asyncio.to_thread(until, lambda: _thinned(wire) > 0, "a thinned exchange")
        await asyncio.to_thread(until, lambda: analysed(wire) > 0 and _lost(wire) > 0, "some exchanges, some losses")
        assert known(wire)


def _thinned(wire: Groundwire) -> float:
    return metric(wire.get(f"{wire.health}/metrics")[1], "groundwire_exchanges_thinned_total")


async def test_without_any_analysis_traffic_serves(tmp_path: Path, server: str) -> None:
    """The analysis process cannot start at all: a broken policy."""
    policy = tmp_path / "policy.yaml"
    policy.write_text("mode: perhaps\n")
    settings = {**SETTINGS, "policy": str(policy), "link": {"start_hold_s": 1}}
    with groundwire(tmp_path / "state", server, settings, wait_linked=False) as wire:
        async with under_load(wire):
            await asyncio.to_thread(
                until, lambda: wire.log.read_text().count("analysis_ended") >= 2, "two failed starts"
            )
        assert "analysis_cannot_run" in wire.log.read_text()
