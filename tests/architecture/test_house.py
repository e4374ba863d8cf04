"""What must stay true of the house itself."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from tests.support import free_ports, until

ROOT = Path(__file__).resolve().parents[2]
HEAVY = {"numpy", "onnxruntime", "redis", "tokenizers", "aiohttp", "yaml", "pydantic", "rich", "sqlite3"}


def tracked() -> list[Path]:
    listing = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [ROOT / name for name in listing.splitlines() if (ROOT / name).is_file()]


def test_the_traffic_process_has_loaded_nothing_heavy(tmp_path: Path) -> None:
    """The real process, after a request: Python itself writes down every import."""
    data, health = free_ports(2)
    addresses = [f"listen.data=127.0.0.1:{data}", f"listen.health=127.0.0.1:{health}", "link.start_hold_s=0"]
    sets = [word for value in (*addresses, f"state_dir={tmp_path}") for word in ("--set", value)]
    command = [sys.executable, "-m", "proxy.cli", "serve", "--only", "traffic", *sets]
    imports = tmp_path / "imports"
    with imports.open("wb") as out:
        environment = {**os.environ, "PYTHONPROFILEIMPORTTIME": "1"}
        process = subprocess.Popen(command, cwd=ROOT, stderr=out, env=environment)
    try:
        until(lambda: urlopen(f"http://127.0.0.1:{health}/livez", timeout=5).status == 200, "life")
        with pytest.raises(HTTPError):  # no upstream: 502, through the whole data plane
            urlopen(f"http://127.0.0.1:{data}/v1/chat/completions", b'{"model": "m"}', timeout=30)
    finally:
        process.terminate()
        process.wait(60)
    loaded = {line.rpartition("|")[2].strip() for line in imports.read_text().splitlines() if "|" in line}
    assert "proxy.traffic.app" in loaded
    assert not HEAVY & {name.partition(".")[0] for name in loaded}


def test_no_registry_host_and_no_machine_path_in_the_repository() -> None:
    forbidden = re.compile(
        rb"files\.pythonhosted|pypi\.org|registry\.npmjs|deb\.debian\.org|--index-url|/work/(main|shared)|/tmp/gw"
    )
    here = Path(__file__)
    found = [str(path) for path in tracked() if path != here and forbidden.search(path.read_bytes())]
    assert found == []


@pytest.mark.parametrize("name", sorted(path.stem for path in (ROOT / "requirements").glob("*.txt")))
def test_every_pin_has_its_hash(name: str) -> None:
    text = (ROOT / "requirements" / f"{name}.txt").read_text()
    pins = re.split(r"\n(?=[A-Za-z0-9])", text.strip())
    assert pins
    assert [pin.partition(" ")[0] for pin in pins if "==" in pin and "--hash=sha256:" not in pin] == []


def test_the_image_of_traffic_has_the_pins_of_all() -> None:
    """`requirements/traffic.txt` is a part of `core.txt`, version by version."""

    def pins(name: str) -> set[str]:
        text = (ROOT / "requirements" / f"{name}.txt").read_text()
        return {line.split()[0] for line in text.splitlines() if re.match(r"[a-z0-9-]+==", line)}

    assert pins("traffic")
    assert pins("traffic") - pins("core") == set()
