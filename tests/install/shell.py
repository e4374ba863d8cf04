"""A shell in a folder of its own, in which a page's lines are run as they stand."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from proxy.config.address import Address
from proxy.control.api.client import ControlClient
from tests.support import PATIENCE_S, ROOT, free_ports, until

VENV = ROOT / ".venv" / "bin"


@dataclass(slots=True)
class Shell:
    """Its commands see `folder` as home, and Groundwire's ports moved to free ones: `data`, `health`, `analysis`.

    A settings file or a flag that names a port would win over these variables; where a page does, the test swaps it.
    """

    folder: Path
    data: int
    health: int
    analysis: int
    running: list[subprocess.Popen[bytes]] = field(default_factory=list)
    more: dict[str, str] = field(default_factory=dict)

    def environment(self) -> dict[str, str]:
        """Variables of every command; no Groundwire setting of whoever runs the tests."""
        clean = {name: value for name, value in os.environ.items() if not name.startswith("GROUNDWIRE_")}
        return {
            **clean,
            "PATH": f"{self.folder / 'bin'}:{VENV}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "HOME": str(self.folder),
            "XDG_STATE_HOME": str(self.folder / "state"),
            "GROUNDWIRE_LISTEN__DATA": f"127.0.0.1:{self.data}",
            "GROUNDWIRE_LISTEN__HEALTH": f"127.0.0.1:{self.health}",
            "GROUNDWIRE_LISTEN__ANALYSIS_HEALTH": f"127.0.0.1:{self.analysis}",
            "GROUNDWIRE_DISCOVERY__INTERVAL_S": "1",
            "GROUNDWIRE_CLASSIFIERS__ENABLED": "false",  # loading one takes longer than the rest of a page
            **self.more,
        }

    def stand_in(self, name: str, module: str) -> None:
        """Put a program on the path that runs `tests.install.standins.MODULE` in the place of one that is not here."""
        program = self.folder / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(f'#!/bin/sh\nexec {sys.executable} -m tests.install.standins.{module} "$@"\n')
        program.chmod(0o755)

    def run(self, line: str, cwd: Path | None = None) -> str:
        """What a command prints. Raises AssertionError with its stderr where its exit code is not 0."""
        done = subprocess.run(
            ["bash", "-o", "pipefail", "-c", line],
            cwd=cwd or self.folder,
            env=self.environment(),
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_S * 2,
        )
        assert done.returncode == 0, f"{line}: exit code {done.returncode}\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
        return done.stdout

    def start(self, line: str, cwd: Path | None = None) -> subprocess.Popen[bytes]:
        """A command that stays, in a process group of its own; its output goes to `started.log`."""
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                ["bash", "-c", f"exec {line}"],
                cwd=cwd or self.folder,
                env=self.environment(),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.running.append(process)
        return process

    @property
    def log(self) -> Path:
        """Where commands that stay write."""
        return self.folder / "started.log"

    def serving(self, process: subprocess.Popen[bytes]) -> None:
        """Wait until both of Groundwire's processes are ready. Raises AssertionError with the log where it ended."""

        def ready() -> bool:
            assert process.poll() is None, self.log.read_text()[-3000:]
            return all(_answers(port) for port in (self.health, self.analysis))

        until(ready, "readiness of both processes")

    def route(self, name: str, state: Path | None = None) -> Mapping[str, Any]:
        """Wait until a route is known, without a command: a program takes a second to start. What is known of it."""
        socket = (state or self.folder / "state" / "groundwire") / "control.sock"

        def found() -> Mapping[str, Any] | None:
            known = ControlClient(Address(path=str(socket))).get("/v1/routes")["routes"]
            return next((one for one in known if one["name"] == name), None)

        route: Mapping[str, Any] = until(found, f"the route {name}")
        return route

    def end(self) -> None:
        """SIGTERM to each command that stays, the last first; SIGKILL to the group of one that does not go."""
        for process in reversed(self.running):
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(PATIENCE_S)
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(PATIENCE_S)
        self.running.clear()


def _answers(port: int) -> bool:
    with urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer:
        return bool(answer.status == 200)


@contextmanager
def shell(folder: Path, more: Mapping[str, str] | None = None) -> Iterator[Shell]:
    """A shell with free ports; what it started is ended."""
    data, health, analysis = free_ports(3)
    one = Shell(folder, data, health, analysis, more=dict(more or {}))
    try:
        yield one
    finally:
        one.end()
