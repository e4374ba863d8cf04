"""Processes that the demo starts: each in a session of its own, its output in a file, stopped in every case."""

from __future__ import annotations

import asyncio
import os
import re
import signal
from pathlib import Path
from typing import Final

from proxy.core.errors import GroundwireError

POLL_S: Final = 0.05
STOP_S: Final = 10.0  # from SIGTERM to SIGKILL
LOG_TAIL_CHARS: Final = 600


class ChildError(GroundwireError):
    """A process of the demo ended, or said nothing in time; the message ends with what it wrote last."""


class Child:
    """A running process. Made by `start`."""

    def __init__(self, name: str, process: asyncio.subprocess.Process, log: Path) -> None:
        self.name = name
        self._process = process
        self._log = log

    @classmethod
    async def start(cls, name: str, command: list[str], folder: Path) -> Child:
        """Start a command line; its output goes to FOLDER/NAME.log.

        A session of its own keeps Ctrl-C from it: the demo stops its children in order.
        """
        log = folder / f"{name}.log"
        environment = os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[2]), "PYTHONUNBUFFERED": "1"}
        with log.open("wb") as output:
            process = await asyncio.create_subprocess_exec(
                *command, stdin=asyncio.subprocess.DEVNULL, stdout=output, stderr=output, env=environment,
                start_new_session=True,
            )  # fmt: skip
        return cls(name, process, log)

    async def said(self, pattern: str, limit_s: float) -> re.Match[str]:
        """Wait until the output holds a match. Raises ChildError."""
        deadline = asyncio.get_running_loop().time() + limit_s
        while True:
            found = re.search(pattern, self._text(), re.MULTILINE)
            if found:
                return found
            self.check()
            if asyncio.get_running_loop().time() > deadline:
                raise ChildError(f"{self.name} was not ready after {limit_s:.0f} s; {self._last_words()}")
            await asyncio.sleep(POLL_S)

    def check(self) -> None:
        """Raises ChildError where the process has ended."""
        if self._process.returncode is not None:
            raise ChildError(f"{self.name} ended with {self._process.returncode}; {self._last_words()}")

    async def stop(self, limit_s: float = STOP_S) -> None:
        """End it and whatever it started: SIGTERM, then SIGKILL after `limit_s`."""
        if self._process.returncode is None:
            self._process.terminate()
            try:
                await asyncio.wait_for(self._process.wait(), limit_s)
            except TimeoutError:
                pass  # it hangs; the group is killed below
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass  # the ordinary end: nothing is left of the session
        await self._process.wait()

    def _text(self) -> str:
        return self._log.read_text(errors="replace")

    def _last_words(self) -> str:
        return f"its log {self._log} ends:\n{self._text()[-LOG_TAIL_CHARS:]}"
