"""The analysis process as a real process: starts, reloads, stops, and says why it cannot run."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import orjson
import yaml

from tests.support import ROOT, free_ports, until


@dataclass(slots=True)
class Running:
    """A process, its folder and its health port."""

    process: subprocess.Popen[bytes]
    folder: Path
    port: int

    def log(self) -> str:
        return (self.folder / "log").read_text()

    def events(self) -> list[str]:
        lines = self.log().splitlines()
        return [str(orjson.loads(line)["event"]) for line in lines if line.startswith("{")]

    def get(self, path: str) -> str:
        with urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
            return str(answer.read().decode())


def command(config: Path) -> list[str]:
    return [sys.executable, "-m", "proxy.cli", "serve", "--only", "analysis-child", "--config", str(config)]


@contextmanager
def analysis(folder: Path, **settings: Any) -> Iterator[Running]:
    """Start it with these settings."""
    (port,) = free_ports(1)
    config = folder / "groundwire.yaml"
    listen = {"analysis_health": f"127.0.0.1:{port}"}
    values = {
        "state_dir": str(folder),
        "listen": listen,
        "discovery": {"enabled": False},
        "upstream": "http://127.0.0.1:1",
        "classifiers": {"enabled": False},
    }
    config.write_text(yaml.safe_dump({**values, **settings}))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command(config), cwd=ROOT, stdout=log, stderr=log)
    try:
        yield Running(process, folder, port)
    finally:
        process.kill()
        process.wait()


def test_it_starts_reloads_and_stops(tmp_path: Path) -> None:
    with analysis(tmp_path) as running:
        until(lambda: running.get("/readyz") == "ok\n", "readiness")
        assert running.get("/livez") == "ok\n"
        assert "groundwire_analysis_coverage_ratio 1\n" in running.get("/metrics")
        config = tmp_path / "groundwire.yaml"
        good = yaml.safe_load(config.read_text())

        config.write_text("link: {sockt: x}\n")
        running.process.send_signal(signal.SIGHUP)
        until(lambda: "reload_refused" in running.events(), "the refusal")
        assert "did you mean `socket`?" in running.log()

        config.write_text(yaml.safe_dump({**good, "policy": str(tmp_path / "none.yaml")}))
        running.process.send_signal(signal.SIGHUP)
        until(lambda: running.events().count("reload_refused") == 2, "the second refusal")

        config.write_text(yaml.safe_dump({**good, "pane_s": 7, "routes": {"support": {"base_model": "base"}}}))
        running.process.send_signal(signal.SIGHUP)
        until(lambda: "reloaded" in running.events(), "the reload")
        assert "route_found" in running.events()
        assert '"keys":["pane_s"]' in running.log()

        running.process.send_signal(signal.SIGTERM)
        assert running.process.wait(20) == 0
        assert running.events()[-1] == "analysis_stopped"


def test_a_port_in_use_is_said_with_its_setting(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with analysis(tmp_path, listen={"analysis_health": address}) as running:
            assert running.process.wait(30) == 1
            assert address in running.log()
            assert "listen.analysis_health" in running.log()


def test_a_bad_policy_is_said_with_file_line_and_key(tmp_path: Path) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text("lines:\n  refusal_overall:\n    waning: 0.9\n")
    with analysis(tmp_path, policy=str(policy)) as running:
        assert running.process.wait(30) == 1
        assert f"{policy}:3 (lines.refusal_overall.waning)" in running.log()


def test_over_its_memory_limit_it_ends_by_itself(tmp_path: Path) -> None:
    with analysis(tmp_path, analysis={"memory_bytes_max": 1_000_000}) as running:
        assert running.process.wait(30) == 0
        assert "analysis_recycled" in running.events()
        assert running.events()[-1] == "analysis_stopped"


def test_without_its_parent_it_ends(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    config = tmp_path / "groundwire.yaml"
    values = {
        "state_dir": str(tmp_path),
        "listen": {"analysis_health": f"127.0.0.1:{port}"},
        "discovery": {"enabled": False},
        "classifiers": {"enabled": False},
    }
    config.write_text(yaml.safe_dump(values))
    log = tmp_path / "log"
    script = "import subprocess, sys, time; print(subprocess.Popen(sys.argv[1:]).pid, flush=True); time.sleep(60)"
    with log.open("wb") as out:
        parent = subprocess.Popen(
            [sys.executable, "-c", script, *command(config)], cwd=ROOT, stdout=subprocess.PIPE, stderr=out, text=True
        )
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    until(lambda: "analysis_ready" in log.read_text(), "the start")
    parent.kill()
    parent.wait()
    parent.stdout.close()
    until(lambda: "analysis_stopped" in log.read_text(), "the end")
    until(lambda: _ended(child), "the end of the process")


def _ended(process_id: int) -> bool:
    """Gone, or a zombie that nobody has waited for."""
    try:
        return Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True
