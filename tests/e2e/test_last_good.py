"""A bad policy file and a restart: the last good one stays in force, it is said, and a mended file is taken up."""

from __future__ import annotations

import asyncio
import hashlib
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson

from tests.chaos.client import ask, expected
from tests.chaos.model_server import model_server
from tests.support import ROOT, Groundwire, groundwire, until

GOOD, BAD, MENDED = "revert_on: high\n", "mode: shadow\nrevert_onn: high\n", "mode: shadow\n"
TRIGGERS, BAD_TRIGGERS = "triggers: {tag: {pattern: 'tag', description: a tag}}\n", "triggers: {tag: {pattern: '('}}\n"
QUESTION = "How do levers work?"
RELOADED = "groundwire_config_last_reload_successful"


def settings_of(folder: Path) -> dict[str, Any]:
    return {
        "discovery": {"enabled": False},
        "routes": {"support": {"candidate_model": "support-v2", "base_model": "base"}},
        "pane_s": 1,
        "close_lag_s": 1,
        "policy": str(folder / "policy.yaml"),
        "triggers_file": str(folder / "triggers.yaml"),
    }


def in_force(wire: Groundwire) -> str:
    """SHA-256 of the policy's text that the route's records carry."""
    return next((str(one["sha256"]) for one in wire.control.get("/v1/policies")["routes"]), "")


def named(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def value(wire: Groundwire, name: str) -> float:
    lines = wire.get(f"{wire.analysis_health}/metrics")[1].splitlines()
    [line] = [line for line in lines if line.startswith(f"{name} ")]
    return float(line.rsplit(" ", 1)[1])


def readiness(wire: Groundwire) -> str:
    """What analysis says of itself while it is ready, else "": it is not before its first flush."""
    status, text = wire.get(f"{wire.analysis_health}/readyz")
    return text if status == 200 else ""


async def served(url: str) -> None:
    at = urlsplit(url)
    reader, writer = await asyncio.open_connection(at.hostname, at.port)
    _, body = await ask(reader, writer, "support", QUESTION, stream=False)
    writer.close()
    assert body == expected("support-v2", QUESTION, False)


def refusals(wire: Groundwire) -> dict[str, dict[str, Any]]:
    lines = [orjson.loads(line) for line in wire.log.read_text().splitlines() if line.startswith("{")]
    return {one["file"]: one for one in lines if one["event"] == "file_refused"}


def test_routes_are_watched_by_the_last_good_policy_until_the_file_is_mended(tmp_path: Path) -> None:
    policy, triggers = tmp_path / "policy.yaml", tmp_path / "triggers.yaml"
    policy.write_text(GOOD)
    triggers.write_text(TRIGGERS)
    with model_server() as server:
        with groundwire(tmp_path, server, settings_of(tmp_path)) as wire:
            until(lambda: in_force(wire) == named(GOOD), "the route under its policy")

        policy.write_text(BAD)
        triggers.write_text(BAD_TRIGGERS)
        with groundwire(tmp_path, server, settings_of(tmp_path)) as wire:
            until(lambda: in_force(wire) == named(GOOD), "the last good policy")
            asyncio.run(served(wire.data))
            until(lambda: value(wire, "groundwire_analysis_exchanges_total") == 1, "the exchange")
            said = refusals(wire)
            assert said.keys() == {str(policy), str(triggers)}
            assert f"{policy}:2 (revert_onn): unknown key; did you mean `revert_on`?" in said[str(policy)]["error"]
            assert value(wire, RELOADED) == 0
            health = until(lambda: readiness(wire), "analysis that is ready, once it has flushed")
            assert str(policy) in health
            check = [sys.executable, "-m", "proxy.cli", "check", "--policy", str(policy)]
            refused = subprocess.run(check, cwd=ROOT, capture_output=True, timeout=60, check=False)
            assert refused.returncode == 2, "a person who asks is told"

            triggers.write_text(TRIGGERS)
            policy.write_text(MENDED)
            until(lambda: in_force(wire) == named(MENDED), "the mended file")
            until(lambda: value(wire, RELOADED) == 1, "the word that all is well")
            until(lambda: readiness(wire) == "ok\n", "nothing degraded")
