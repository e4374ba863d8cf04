"""Keeps one analysis process running, and never exits by itself: a pod is ready only while all its containers run.

A child that ends is started again, after a pause that grows while it keeps ending early. SIGTERM and SIGINT are passed
on and end the supervisor too; SIGHUP is passed on, and sent where a watched file has changed. A child that passes its
memory limit ends by itself (`app`): traffic does not notice, and nothing that was stored is lost.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from proxy.analysis.process.memory_bound import bound_memory, child_memory_bytes, container_memory_bytes
from proxy.config.watch import watch
from proxy.telemetry.logs import Usual, catch_all, get_logger, set_up

log = get_logger(__name__)

PAUSE_MIN_S: Final = 0.2
PAUSE_MAX_S: Final = 10.0
STEADY_S: Final = 30.0  # a child that ran this long is forgiven its earlier falls
END_WAIT_S: Final = 10.0


class Supervisor:
    """One child at a time."""

    def __init__(self, command: Sequence[str], memory_bytes_max: int = 0) -> None:
        self._command = command
        self._memory_bytes_max = memory_bytes_max
        self._child: asyncio.subprocess.Process | None = None
        self._stopping = asyncio.Event()
        self.starts = 0

    def stop(self) -> None:
        """End the child and then return from `run`."""
        self._stopping.set()
        self.send(signal.SIGTERM)

    def send(self, number: int) -> None:
        """Pass a signal on."""
        if self._child is not None and self._child.returncode is None:
            self._child.send_signal(number)

    async def run(self) -> None:
        """Until `stop`."""
        loop = asyncio.get_running_loop()
        pause_s = PAUSE_MIN_S
        while not self._stopping.is_set():
            began_s = loop.time()
            await self._one_life()
            pause_s = PAUSE_MIN_S if loop.time() - began_s > STEADY_S else min(PAUSE_MAX_S, 2 * pause_s)
            await _wait(self._stopping, pause_s)

    async def _one_life(self) -> None:
        try:
            self._child = await asyncio.create_subprocess_exec(*self._command)
        except OSError as wrong:
            log.error("analysis_not_started", error=str(wrong))  # noqa: TRY400
            return
        bound_memory(self._child.pid, self._memory_bytes_max)
        self.starts += 1
        log.info("analysis_started", child=self._child.pid, start=self.starts)
        ended = asyncio.create_task(self._child.wait())
        stopping = asyncio.create_task(self._stopping.wait())
        await asyncio.wait([ended, stopping], return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        self.send(signal.SIGTERM)  # for a child that was started while `stop` was called
        code = await self._end(ended)
        level = log.info if self._stopping.is_set() else log.error
        level("analysis_ended", child=self._child.pid, code=code)

    async def _end(self, ended: asyncio.Task[int]) -> int:
        await asyncio.wait([ended], timeout=END_WAIT_S)
        if not ended.done():
            self.send(signal.SIGKILL)
        return await ended


async def _wait(event: asyncio.Event, timeout_s: float) -> None:
    try:
        async with asyncio.timeout(timeout_s):
            await event.wait()
    except TimeoutError:
        pass


async def _run(command: Sequence[str], files: Callable[[], Sequence[Path]]) -> None:
    supervisor = Supervisor(command, child_memory_bytes(container_memory_bytes()))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, supervisor.stop)
    loop.add_signal_handler(signal.SIGHUP, supervisor.send, signal.SIGHUP)
    watching = asyncio.create_task(watch(files, lambda: supervisor.send(signal.SIGHUP)), name="watch")
    await supervisor.run()
    watching.cancel()


def supervise(command: Sequence[str], files: Callable[[], Sequence[Path]] = tuple) -> int:
    """Run `command` again and again until SIGTERM; `files` names those whose change is a SIGHUP. Returns 0.

    It reads no settings: those with a mistake may not end it, and its lines are few.
    """
    set_up(Usual(), "supervisor")
    catch_all()
    asyncio.run(_run(command, files))
    return 0
