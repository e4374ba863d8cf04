"""What the control plane does again and again, each in a loop of its own. A fault now may not stop the next time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from proxy.control.pulse import Pulse
from proxy.telemetry.logs import get_logger

log = get_logger(__name__)

Work: TypeAlias = Callable[[], Awaitable[None]]


class Loops:
    """`start` each with its work and what it waits for in between; `stop` ends all."""

    def __init__(self, pulse: Pulse) -> None:
        self._pulse = pulse
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, name: str, work: Work, wait: Work) -> None:
        """Work, wait, and work again, until `stop`."""
        self._tasks.append(asyncio.create_task(self._repeat(name, work, wait), name=name))

    async def stop(self) -> None:
        """End all of them."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []

    async def _repeat(self, name: str, work: Work, wait: Work) -> None:
        while True:
            try:
                await work()
            except Exception as wrong:
                self._pulse.faults[name] += 1
                log.error("control_fault", work=name, error=repr(wrong))  # noqa: TRY400
            await wait()


async def wait_for(event: asyncio.Event, seconds: float) -> None:
    """Until the event is set, which is cleared then, at most for so long."""
    try:
        await asyncio.wait_for(event.wait(), seconds)
    except TimeoutError:
        pass
    event.clear()
