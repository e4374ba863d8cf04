"""The supervisor with real children: it starts them again, passes signals on, and never gives up."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from pathlib import Path

from proxy.analysis.process.memory_bound import LEAST_BYTES, RESERVE_BYTES, child_memory_bytes, container_memory_bytes
from proxy.analysis.process.supervisor import Supervisor

STAYS = """
import signal, time
signal.signal(signal.SIGHUP, lambda *_: print("hup", flush=True))
print("up", flush=True)
while True:
    time.sleep(0.05)
"""
SUPERVISE = """
import sys
from proxy.analysis.process.supervisor import supervise
sys.exit(supervise([sys.executable, "-c", sys.argv[1]]))
"""


async def lines(path: Path, count: int) -> list[str]:
    async with asyncio.timeout(20):
        while not path.exists() or len(path.read_text().splitlines()) < count:
            await asyncio.sleep(0.02)
    return path.read_text().splitlines()


async def test_a_child_that_ends_is_started_again(tmp_path: Path) -> None:
    log = tmp_path / "log"
    supervisor = Supervisor(["sh", "-c", f"echo life >> {log}; exit 3"])
    task = asyncio.create_task(supervisor.run())
    await lines(log, 3)
    assert supervisor.starts >= 3
    supervisor.stop()
    await asyncio.wait_for(task, 20)


async def test_a_command_that_is_not_there_is_tried_again(tmp_path: Path) -> None:
    program = tmp_path / "late"
    supervisor = Supervisor([str(program)])
    task = asyncio.create_task(supervisor.run())
    await asyncio.sleep(0.1)
    program.write_text(f"#!/bin/sh\necho life >> {tmp_path}/log\nsleep 60\n")
    program.chmod(0o755)
    await lines(tmp_path / "log", 1)
    supervisor.stop()
    await asyncio.wait_for(task, 20)


async def test_signals_are_passed_on_and_sigterm_ends_both(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with out.open("wb") as file:
        process = subprocess.Popen([sys.executable, "-c", SUPERVISE, STAYS], stdout=file, stderr=subprocess.DEVNULL)
    try:
        await lines(out, 1)
        process.send_signal(signal.SIGHUP)
        assert await lines(out, 2) == ["up", "hup"]
        process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(process.wait, 20) == 0
    finally:
        process.kill()
        process.wait()


HUNGRY = """
import pathlib, sys
held = []
try:
    for _ in range(64):
        held.append(bytearray(16 * 1024 * 1024))
except MemoryError:
    with pathlib.Path(sys.argv[1]).open("a") as log:
        log.write(f"refused after {16 * len(held)} MiB\\n")
    raise
"""


async def test_a_child_that_wants_all_memory_is_refused_it_and_started_again(tmp_path: Path) -> None:
    """The supervisor lives; in a container that is what keeps the pod ready."""
    log = tmp_path / "log"
    supervisor = Supervisor([sys.executable, "-c", HUNGRY, str(log)], memory_bytes_max=300 * 1024 * 1024)
    task = asyncio.create_task(supervisor.run())
    told = await lines(log, 2)
    assert all(0 < int(line.split()[2]) < 300 for line in told)
    assert not task.done()
    supervisor.stop()
    await asyncio.wait_for(task, 20)


def test_the_bound_is_that_of_the_container(tmp_path: Path) -> None:
    limit = tmp_path / "memory.max"
    for text, bytes_ in (("805306368\n", 805306368), ("max\n", 0), ("9223372036854771712\n", 0)):
        limit.write_text(text)
        assert container_memory_bytes((str(tmp_path / "none"), str(limit))) == bytes_
    assert container_memory_bytes((str(tmp_path / "none"),)) == 0
    assert child_memory_bytes(0) == 0
    assert child_memory_bytes(LEAST_BYTES) == 0, "a bound too small to start in is none"
    assert child_memory_bytes(805306368) == 805306368 - RESERVE_BYTES
