"""The image target `traffic` copies a part of the package: that part is enough, and the analysis side is not in it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest

from tests.support import ROOT, free_ports, until


def copied() -> Iterator[tuple[list[str], str]]:
    """Sources and target of every COPY into the application, of the Dockerfile's stage build-traffic."""
    stage = (ROOT / "Dockerfile").read_text().partition("AS build-traffic")[2].partition("\nFROM ")[0]
    for line in stage.splitlines():
        word, *paths = line.split() or [""]
        if word == "COPY" and paths[-1].startswith("app/"):
            yield paths[:-1], paths[-1].removeprefix("app/")


@pytest.fixture
def application(tmp_path: Path) -> Path:
    """What the image has at /opt/groundwire/app."""
    for sources, target in copied():
        for source in sources:
            if (ROOT / source).is_dir():
                shutil.copytree(ROOT / source, tmp_path / target, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                (tmp_path / target).mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / source, tmp_path / target)
    assert not {"analysis", "control", "stores", "classifiers"} & {path.name for path in (tmp_path / "proxy").iterdir()}
    return tmp_path


def test_it_serves_and_drains(application: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    data, health = free_ports(2)
    state = tmp_path_factory.mktemp("state")
    command = [sys.executable, "-m", "proxy.cli"]
    env = {
        **os.environ,
        "PYTHONPATH": str(application),
        "GROUNDWIRE_STATE_DIR": str(state),
        "GROUNDWIRE_LISTEN__DATA": f"127.0.0.1:{data}",
        "GROUNDWIRE_LISTEN__HEALTH": f"127.0.0.1:{health}",
        "GROUNDWIRE_LINK__START_HOLD_S": "0",
    }
    with (state / "log").open("wb") as log:
        serve = subprocess.Popen([*command, "serve", "--only", "traffic"], cwd=application, env=env, stderr=log)
    try:
        until(lambda: serve.poll() is not None or alive(health), "life")
        assert serve.poll() is None, (state / "log").read_text()
        done = subprocess.run(
            [*command, "drain"], cwd=application, env=env, capture_output=True, check=False, timeout=60
        )
        assert (done.returncode, b"drained" in done.stdout) == (0, True), done.stderr
    finally:
        serve.terminate()
        assert serve.wait(60) == 0


def alive(port: int) -> bool:
    with urlopen(f"http://127.0.0.1:{port}/livez", timeout=5) as answer:
        return bool(answer.status == 200)
