"""What must stay true of the house itself."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HEAVY = {"numpy", "onnxruntime", "redis", "tokenizers", "aiohttp", "yaml", "pydantic", "rich", "sqlite3"}


def tracked() -> list[Path]:
    listing = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [ROOT / name for name in listing.splitlines() if (ROOT / name).is_file()]


def test_importing_the_traffic_process_loads_nothing_heavy() -> None:
    code = "import sys, proxy.traffic.app, proxy.commands.serve; print('\\n'.join(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert not HEAVY & {name.partition(".")[0] for name in loaded.split()}


def test_no_registry_host_and_no_machine_path_in_the_repository() -> None:
    forbidden = re.compile(
        rb"files\.pythonhosted|pypi\.org|registry\.npmjs|deb\.debian\.org|--index-url|/work/(main|shared)|/tmp/gw"
    )
    here = Path(__file__)
    found = [str(path) for path in tracked() if path != here and forbidden.search(path.read_bytes())]
    assert found == []


@pytest.mark.parametrize("name", ["core", "dev", "demo", "train", "export", "wire", "bench"])
def test_every_pin_has_its_hash(name: str) -> None:
    text = (ROOT / "requirements" / f"{name}.txt").read_text()
    pins = re.split(r"\n(?=[A-Za-z0-9])", text.strip())
    assert pins
    assert [pin.partition(" ")[0] for pin in pins if "==" in pin and "--hash=sha256:" not in pin] == []
