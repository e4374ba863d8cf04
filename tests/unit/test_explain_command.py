"""`groundwire explain`: told, as JSON, and computed again from a file alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from proxy.cli import main
from proxy.commands.explain import read_record, record_of
from proxy.core.decisions.explained import explained
from proxy.core.decisions.record import Record, seal, to_bytes
from proxy.core.errors import StateError
from tests.unit.core.test_replay import RECORDS

ROOT = Path(__file__).resolve().parents[2]
REVERT = next(record for record in RECORDS if record.body["decision"]["action"] == "revert")
ORDER = next(record for record in RECORDS if "order" in record.body["inputs"])


def saved(folder: Path, record: Record) -> Path:
    path = folder / "decision.json"
    path.write_bytes(to_bytes(record))
    return path


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.id)
def test_a_file_tells_and_computes_again_what_the_record_says(
    record: Record, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["explain", str(saved(tmp_path, record)), "--json"]) == 0
    printed = capsys.readouterr().out
    whole = json.loads(printed)
    assert whole["id"] == record.id
    again = tmp_path / "printed.json"
    again.write_text(printed)
    assert read_record(again) == record
    assert main(["explain", "--recompute", str(again)]) == 0
    assert "It is the same." in capsys.readouterr().out


def test_the_json_has_all_that_was_asked_for() -> None:
    told = explained(REVERT)
    crossed = next(one for one in told["findings"] if one["line"] == "critical" and one["status"] == "crossed")
    assert 0.0 < crossed["proved_bound"] < crossed["at"] < crossed["baseline"] < 1.0
    assert crossed["interval_95"][0] < crossed["estimate"] < crossed["interval_95"][1]
    assert crossed["odds_ln"] >= crossed["limit_ln"] > 0.0
    assert 0.0 < crossed["n_eff"] <= crossed["n"]
    assert crossed["change_s"] <= crossed["called_s"] <= told["at_s"]
    assert told["done"] == {"action": "revert", "would_action": "revert"}
    assert told["versions"] == {"judge": "patterns-1"}
    assert len(told["policy"]["sha256"]) == 64
    assert set(told["weights"]) <= {"1", "0.25"}
    assert sum(told["weights"].values()) > 0
    assert crossed["tests"] == 3


def test_an_order_says_who_and_why() -> None:
    assert explained(ORDER)["ordered"] == {"order": "restore", "who": "ada", "why": "adapter replaced"}


def test_a_decision_that_does_not_follow_from_its_record_is_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    body = json.loads(json.dumps(REVERT.body))
    body["decision"]["step"] = "steady"
    path = saved(tmp_path, seal(REVERT.route, REVERT.at_s, body))
    assert main(["explain", str(path), "--recompute"]) == 1
    assert "DIFFERS in: step" in capsys.readouterr().out
    assert main(["explain", str(path), "--recompute", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["differ"] == ["step"]


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("", "not JSON"),
        ("[]", "not an evidence record"),
        ('{"route": "r"}', "not an evidence record"),
        ('{"format": 9}', "this version reads"),
    ],
)
def test_what_is_no_record_is_named(text: str, wrong: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "x.json"
    path.write_text(text)
    assert main(["explain", str(path)]) == 1
    assert wrong in capsys.readouterr().err


def test_a_changed_record_no_longer_has_its_id() -> None:
    whole: dict[str, Any] = {"id": REVERT.id, "route": REVERT.route, "at_s": REVERT.at_s + 1.0, "record": REVERT.body}
    with pytest.raises(StateError, match="it was changed"):
        record_of(whole, "file")


def test_another_machine_needs_no_server_no_settings_and_no_state(tmp_path: Path) -> None:
    """A fresh process in an empty folder, without a home and with a settings path that would fail if it were read."""
    path = saved(tmp_path, REVERT)
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "GROUNDWIRE_POLICY": "/nowhere"}
    command = [sys.executable, "-X", "importtime", "-m", "proxy.cli", "explain", str(path), "--recompute"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "It is the same." in done.stdout
    loaded = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines()}
    assert not {"aiohttp", "pydantic", "sqlite3", "yaml"} & loaded
    assert list(tmp_path.iterdir()) == [path]
