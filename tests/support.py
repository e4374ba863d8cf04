"""The whole program as a child process, for tests and benchmarks: real processes, real sockets, a folder of its own."""

from __future__ import annotations

import os
import random
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import yaml

from proxy.config.address import Address
from proxy.control.api.client import ControlClient
from proxy.core.errors import GroundwireError

ROOT = Path(__file__).resolve().parents[1]
PATIENCE_S = 60.0  # a limit for a busy machine, not a measurement
LINKED = "groundwire_link_connected"
PORTS_FIRST, PORTS_OF_A_WORKER = 20_000, 1_000  # below those that systems hand out for connections


def free_ports(count: int) -> list[int]:
    """Ports that were free a moment ago, of this test worker's own part of those that the system gives to nobody."""
    first = PORTS_FIRST + PORTS_OF_A_WORKER * int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    sockets: list[socket.socket] = []
    try:
        for port in random.sample(range(first, first + PORTS_OF_A_WORKER), PORTS_OF_A_WORKER):
            one = socket.socket()
            sockets.append(one)
            try:
                one.bind(("127.0.0.1", port))
            except OSError:
                sockets.pop().close()
            if len(sockets) == count:
                return [held.getsockname()[1] for held in sockets]
        raise RuntimeError(f"no {count} free ports from {first} on")
    finally:
        for one in sockets:
            one.close()


def until(probe: Any, what: str, patience_s: float = PATIENCE_S) -> Any:
    """Call `probe` until it gives something true. Raises AssertionError that names what did not come."""
    deadline = time.monotonic() + patience_s
    last: object = None
    while time.monotonic() < deadline:
        try:
            if found := probe():
                return found
        except (OSError, RuntimeError, GroundwireError) as wrong:
            last = wrong
        time.sleep(0.05)
    raise AssertionError(f"{what} did not come within {patience_s:.0f} s ({last!r})")


def samples(page: str, start: str) -> list[float]:
    """The values of all lines of a metrics page that begin so."""
    return [float(line.rpartition(" ")[2]) for line in page.splitlines() if line.startswith(start)]


@dataclass(slots=True)
class Groundwire:
    """A running `groundwire serve`."""

    process: subprocess.Popen[bytes]
    data: str
    health: str
    analysis_health: str
    folder: Path
    log: Path

    @property
    def control(self) -> ControlClient:
        """The control API of this one."""
        return ControlClient(Address(path=str(self.folder / "control.sock")))

    def get(self, url: str) -> tuple[int, str]:
        """GET a health or metrics page."""
        try:
            with urlopen(url, timeout=5) as answer:
                return answer.status, answer.read().decode()
        except OSError as wrong:
            code = getattr(wrong, "code", None)
            if code is None:
                raise
            return code, ""

    def linked(self) -> bool:
        """Whether exchanges go to an analysis process now; before, they are dropped and counted."""
        return samples(self.get(f"{self.health}/metrics")[1], f"{LINKED} ") == [1]

    def analysis_pid(self) -> int:
        """The process id of the analysis child."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        for pid in children:
            if b"analysis-child" in Path(f"/proc/{pid}/cmdline").read_bytes():
                return int(pid)
        raise RuntimeError("no analysis child")


@contextmanager
def groundwire(
    folder: Path,
    upstream: str = "",
    settings: Mapping[str, Any] | None = None,
    wait_ready: bool = True,
    wait_linked: bool = True,
) -> Iterator[Groundwire]:
    """Start Groundwire in front of `upstream` with these settings; stop it at the end. Its log is FOLDER/serve.log.

    Traffic does not wait for its link with the analysis process; tests of what that one saw do, with `wait_linked`.
    Patterns judge, unless the settings name a classifier: loading one takes longer than most tests.
    """
    folder.mkdir(parents=True, exist_ok=True)
    data, health, analysis = free_ports(3)
    listen = {
        "data": f"127.0.0.1:{data}",
        "health": f"127.0.0.1:{health}",
        "analysis_health": f"127.0.0.1:{analysis}",
    }
    values: dict[str, Any] = {"state_dir": str(folder), "classifiers": {"enabled": False}, **(settings or {})}
    values["listen"] = {**listen, **values.get("listen", {})}
    if upstream:
        values["upstream"] = upstream
    config = folder / "groundwire.yaml"
    config.write_text(yaml.safe_dump(values))
    log = folder / "serve.log"
    with log.open("ab") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "proxy.cli", "serve", "--config", str(config)],
            cwd=ROOT,
            stderr=out,
            stdout=out,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
    running = Groundwire(
        process, f"http://127.0.0.1:{data}", f"http://127.0.0.1:{health}", f"http://127.0.0.1:{analysis}", folder, log
    )
    try:
        if wait_ready:
            until(lambda: process.poll() is None and running.get(f"{running.health}/readyz")[0] == 200, "readiness")
        if wait_ready and wait_linked:
            until(running.linked, "the link")
        yield running
    finally:
        process.terminate()
        try:
            process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise
