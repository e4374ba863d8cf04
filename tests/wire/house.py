"""The traffic process by itself, in front of a scripted upstream, for the raw-socket tests."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from tests.support import PATIENCE_S, ROOT, Groundwire, free_ports, until


@dataclass(slots=True)
class Traffic:
    """A running traffic process."""

    process: subprocess.Popen[bytes]
    port: int
    health: str
    log: Path

    @classmethod
    def of(cls, whole: Groundwire) -> Traffic:
        """The traffic side of a whole Groundwire."""
        return cls(whole.process, urlsplit(whole.data).port or 0, whole.health, whole.log)


@contextmanager
def traffic(
    folder: Path, upstreams: Mapping[str, str], settings: Mapping[str, Any] | None = None, port: int = 0
) -> Iterator[Traffic]:
    """Start `groundwire serve --only traffic`; stop it at the end, and fail where it crashed. `port`: 0 is any."""
    data, health, analysis = free_ports(3)
    data = port or data
    folder.mkdir(parents=True, exist_ok=True)
    values = {
        "state_dir": str(folder),
        "upstreams": {name: {"url": url} for name, url in upstreams.items()},
        "discovery": {"enabled": False},
        "listen": {
            "data": f"127.0.0.1:{data}",
            "health": f"127.0.0.1:{health}",
            "analysis_health": f"127.0.0.1:{analysis}",
        },
        "link": {"start_hold_s": 0.1},
        **(settings or {}),
    }
    config = folder / "groundwire.yaml"
    config.write_text(yaml.safe_dump(values))
    log = folder / "serve.log"
    command = [sys.executable, "-m", "proxy.cli", "serve", "--only", "traffic", "--config", str(config)]
    with log.open("ab") as out:
        process = subprocess.Popen(
            command, cwd=ROOT, stdout=out, stderr=out, env={**os.environ, "PYTHONUNBUFFERED": "1"}
        )
    running = Traffic(process, data, f"http://127.0.0.1:{health}", log)
    try:
        until(lambda: listening(running), "the data port")
        yield running
        assert process.poll() is None, log.read_text()
        assert "Traceback" not in log.read_text()
    finally:
        process.terminate()
        try:
            process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def listening(running: Traffic) -> bool:
    """Whether the data port answers. Raises AssertionError where the process ended."""
    import socket

    assert running.process.poll() is None, running.log.read_text()
    with socket.create_connection(("127.0.0.1", running.port), timeout=1):
        return True
