"""The systemd unit of docs/install/gateway.md: read by systemd's verifier, and its words carried out."""

from __future__ import annotations

import configparser
import os
import shutil
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from proxy.config.settings import Settings
from tests.e2e.conftest import upstream
from tests.install.blocks import block
from tests.install.shell import VENV, shell
from tests.support import PATIENCE_S, until

__all__ = ["upstream"]
PROGRAM, CONFIG = "/opt/groundwire/.venv/bin/groundwire", "/etc/groundwire/groundwire.yaml"
UNITS = Path("/lib/systemd/system")
ENDS_ANALYSIS_S = 10  # docs/operations.md: whoever sends SIGKILL waits longer than the drain and this


def unit() -> Mapping[str, Mapping[str, str]]:
    """Section, key, value."""
    parsed = configparser.ConfigParser(interpolation=None)
    parsed.optionxform = str  # type: ignore[assignment,method-assign] # keys of units keep their case
    parsed.read_string(block("install/gateway.md", "unit").text)
    return parsed


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_understands_it(tmp_path: Path) -> None:
    """In a root of its own, in which the programs that it names lie where it says."""
    shutil.copytree(UNITS, tmp_path / "lib/systemd/system", symlinks=True)
    for program in (PROGRAM, "/bin/kill"):
        there = tmp_path / program.lstrip("/")
        there.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy("/bin/true", there)
    file = tmp_path / "etc/systemd/system/groundwire.service"
    file.parent.mkdir(parents=True)

    def verify(text: str) -> str:
        file.write_text(text)
        command = ["systemd-analyze", "--man=no", f"--root={tmp_path}", "verify", "groundwire.service"]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE_S).stderr

    assert "groundwire" not in verify(block("install/gateway.md", "unit").text)
    assert "kill mode" in verify(block("install/gateway.md", "unit").with_words({"=mixed": "=mixd"}).text)
    assert "not executable" in verify(block("install/gateway.md", "unit").with_words({".venv/": "venv/"}).text)


def test_it_waits_for_the_last_answer() -> None:
    assert int(unit()["Service"]["TimeoutStopSec"]) >= Settings().drain.grace_s + ENDS_ANALYSIS_S


def test_its_words_start_reload_and_end_it(upstream: str, tmp_path: Path) -> None:
    """As systemd does: ExecStart, ExecReload with $MAINPID, SIGTERM to the main process alone (KillMode=mixed)."""
    state, config = tmp_path / "var", tmp_path / "groundwire.yaml"
    settings = block("install/gateway.md", "settings")
    settings = settings.with_words({"http://models.internal:8000": upstream, "/var/lib/groundwire": str(state)})
    config.write_text(settings.text)
    places = {PROGRAM: str(VENV / "groundwire"), CONFIG: str(config)}

    def here(line: str) -> str:
        for old, new in places.items():
            line = line.replace(old, new)
        return line

    with shell(tmp_path) as one:
        main = one.start(here(unit()["Service"]["ExecStart"]))
        one.serving(main)
        routes = next(line for line in block("install/gateway.md", "service").commands() if "route list" in line)
        one.route("support-lora", state)
        assert "support-lora" in one.run(here(routes))
        with config.open("a") as more:
            more.write("pane_s: 30\n")
        one.more["MAINPID"] = str(main.pid)
        one.run(unit()["Service"]["ExecReload"])
        until(lambda: '"reloaded"' in one.log.read_text(), "the reload")
        os.kill(main.pid, signal.SIGTERM)
        assert main.wait(PATIENCE_S) == 0
        with pytest.raises(ProcessLookupError):
            os.killpg(main.pid, 0)
    assert (state / "groundwire.db").is_file()
