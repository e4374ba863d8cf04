"""The analysis process as a child: started at a lower CPU priority, started again when it ends, ended at the end."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Sequence
from typing import Final

from proxy.telemetry.logs import get_logger

log = get_logger(__name__)

NICE: Final = "10"
RESPAWN_MIN_S: Final = 0.5
RESPAWN_MAX_S: Final = 30.0
STEADY_S: Final = 30.0  # a child that lived this long starts again without delay
TERMINATE_S: Final = 5.0


class Child:
    """Runs `command` for as long as this process lives. Its death never touches traffic."""

    def __init__(self, command: Sequence[str]) -> None:
        self._command = command
        self._process: asyncio.subprocess.Process | None = None
        self._task: asyncio.Task[None] | None = None
        self.starts = 0

    def start(self) -> None:
        """Start it, in a task of the running loop."""
        self._task = asyncio.get_running_loop().create_task(self._keep_running(), name="analysis-child")

    def signal(self, number: signal.Signals) -> None:
        """Pass a signal on."""
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(number)

    async def close(self) -> None:
        """End it: SIGTERM, then SIGKILL."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        process = self._process
        if process is None or process.returncode is not None:
            return
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), TERMINATE_S)
        except TimeoutError:
            process.kill()
            await process.wait()

    async def _keep_running(self) -> None:
        loop = asyncio.get_running_loop()
        delay_s = RESPAWN_MIN_S
        while True:
            began_s = loop.time()
            code = await self._run_once()
            if loop.time() - began_s > STEADY_S:
                delay_s = RESPAWN_MIN_S
            log.error("analysis_ended", code=code, again_in_s=delay_s, traffic="goes on")
            await asyncio.sleep(delay_s)
            delay_s = min(RESPAWN_MAX_S, 2 * delay_s)

    async def _run_once(self) -> int | str:
        try:
            self._process = await asyncio.create_subprocess_exec(
                "nice",
                "-n",
                NICE,
                *self._command,
                start_new_session=True,  # Ctrl-C is for this process; it ends the child itself, when traffic is drained
            )
        except OSError as wrong:
            return str(wrong)
        self.starts += 1
        log.info("analysis_started", pid=self._process.pid)
        return await self._process.wait()
