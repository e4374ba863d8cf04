"""A latched revert outlives what may die: traffic alone, the database, both processes."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.chaos.client import ask, expected
from tests.chaos.model_server import model_server
from tests.support import ROOT, Groundwire, groundwire, until

SETTINGS: dict[str, Any] = {
    "discovery": {"enabled": False},
    "routes": {"support": {"candidate_model": "support-v2", "base_model": "base"}},
    "pane_s": 1,
    "close_lag_s": 1,
    "link": {"start_hold_s": 5},
}
QUESTION = "How do levers work?"


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with model_server() as url:
        yield url


@pytest.fixture(scope="module")
def reverted(server: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The state folder of a Groundwire that reverted its route and was killed."""
    folder = tmp_path_factory.mktemp("reverted")
    revert(folder, server)
    return folder


@pytest.fixture
def folder(reverted: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(reverted, tmp_path / "state", ignore=shutil.ignore_patterns("*.sock")))


async def body_of(url: str) -> bytes:
    at = urlsplit(url)
    reader, writer = await asyncio.open_connection(at.hostname, at.port)
    status, body = await ask(reader, writer, "support", QUESTION, stream=False)
    writer.close()
    assert status == b"HTTP/1.1 200 OK"
    return body


def step(wire: Groundwire) -> str:
    routes = wire.control.get("/v1/routes")["routes"]
    return next((str(one["step"]) for one in routes if one["name"] == "support"), "")


def revert(folder: Path, server: str) -> None:
    """Run Groundwire, revert the route by hand, and kill both processes at once."""
    with groundwire(folder, server, SETTINGS) as wire:
        until(lambda: step(wire), "the route")
        words = ["route", "revert", "support", "--reason", "a drill", "--force", "--state-dir", str(folder)]
        done = subprocess.run(
            [sys.executable, "-m", "proxy.cli", *words],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        until(lambda: asyncio.run(body_of(wire.data)) == expected("base", QUESTION, False), "the base's answer")
        analysis = wire.analysis_pid()
        wire.process.kill()
        wire.process.wait()
        until(lambda: not Path(f"/proc/{analysis}").exists(), "the end of analysis, whose parent is gone")


def test_traffic_alone_still_reverts(folder: Path, server: str) -> None:
    """No analysis ever comes: the enforcement file is enough, from the first request on."""
    missing = folder / "no-policy-here.yaml"
    with groundwire(folder, server, {**SETTINGS, "policy": str(missing)}, wait_linked=False) as wire:
        for _ in range(5):
            assert asyncio.run(body_of(wire.data)) == expected("base", QUESTION, False)


@pytest.mark.parametrize("damage", ["broken", "gone"])
def test_the_revert_is_kept_when_the_database_is(folder: Path, server: str, damage: str) -> None:
    database = folder / "groundwire.db"
    for suffix in ("-wal", "-shm"):
        database.with_name(database.name + suffix).unlink(missing_ok=True)
    if damage == "broken":
        database.write_bytes(b"\x00 no database " * 1_000)
    else:
        database.unlink()
    with groundwire(folder, server, SETTINGS) as wire:
        until(lambda: step(wire), "the route")
        assert step(wire) == "reverted"
        assert asyncio.run(body_of(wire.data)) == expected("base", QUESTION, False)
        assert "state_salvaged" in wire.log.read_text()
    assert bool(list(folder.glob("groundwire.db.corrupt-*"))) is (damage == "broken")


def test_traffic_without_its_file_learns_the_revert_before_it_serves(folder: Path, server: str) -> None:
    (folder / "enforcement.json").unlink()
    with groundwire(folder, server, {**SETTINGS, "link": {"start_hold_s": 30}}) as wire:
        assert asyncio.run(body_of(wire.data)) == expected("base", QUESTION, False)
