"""`groundwire replay` as a program: alarms while the stream goes on, exit codes, stored panes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest

from proxy.cli import main
from proxy.core.decisions.explained import explained
from proxy.core.decisions.record import Record, to_bytes
from proxy.core.policies.policy import BaselineRules, Policy
from tests.unit.core.looks import ILL, WELL, Route, pane
from tests.unit.replay.streams import answers, header, numbered

FALL = numbered(answers(0.95, 300), answers(0.3, 400, seed=2, t0=6_060.0))


def lines(first: dict[str, Any], records: list[Any]) -> bytes:
    return b"\n".join(orjson.dumps(one) for one in (first, *records)) + b"\n"


def test_an_alarm_is_printed_at_once_while_the_stream_stays_open() -> None:
    command = [sys.executable, "-m", "proxy.cli", "replay", "--stdin"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(lines(header(), FALL[:500]))
        process.stdin.flush()
        found = json.loads(process.stdout.readline())
        assert (found["signal"], found["severity"]) == ("refusal", "changed")
        assert found["i"] < 500
        rest, _ = process.communicate(b"".join(orjson.dumps(one) + b"\n" for one in FALL[500:]))
        assert {json.loads(line)["severity"] for line in rest.splitlines()} >= {"warning", "critical*"}
        assert process.returncode == 0


def test_a_file_with_bad_lines_is_replayed_and_exits_1(tmp_path: Path, capfdbinary: Any) -> None:
    stream = tmp_path / "stream.jsonl"
    stream.write_bytes(lines(header(), FALL[:-1]) + b"nonsense\n")
    assert main(["replay", str(stream), "--stats"]) == 1
    printed, said = capfdbinary.readouterr()
    assert b'"severity":"critical*"' in printed
    assert b"line 701: not JSON" in said
    assert b"700 records" in said


@pytest.mark.parametrize(("arguments", "code"), [(["replay"], 2), (["replay", "--stdin", "x"], 2)])
def test_one_source_is_needed(arguments: list[str], code: int) -> None:
    with pytest.raises(SystemExit) as left:
        main(arguments)
    assert left.value.code == code


def test_what_is_no_stream_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", str(tmp_path / "nowhere")]) == 1
    assert "nowhere: No such file" in capsys.readouterr().err
    (tmp_path / "empty").write_bytes(b"")
    assert main(["replay", str(tmp_path / "empty")]) == 1
    assert "line 1" in capsys.readouterr().err


def decisions() -> list[Record]:
    """Of a route that falls, recovers, and learns before that."""
    route = Route(policy=Policy(mode="enforce", baseline=BaselineRules(closes_at=100, provisional_reverts=True)))
    for counts in [WELL] * 5 + [ILL] * 40 + [pane({"fraud": 20, "weapons": 20}, {})] * 60:
        route.look(counts, opened=counts)
    return [outcome.record for outcome in route.outcomes if outcome.record]


@pytest.mark.parametrize("printed", ["one a line", "explain --json", "a list"])
def test_stored_panes_give_the_same_decisions(tmp_path: Path, capfdbinary: Any, printed: str) -> None:
    records, file = decisions(), tmp_path / "records.json"
    if printed == "one a line":
        file.write_bytes(b"\n".join(map(to_bytes, records)))
    elif printed == "a list":
        file.write_bytes(b"[" + b",".join(map(to_bytes, records)) + b"]")
    else:
        shown = [{"id": one.id, **explained(one), "record": one.body} for one in records]
        file.write_text("\n".join(json.dumps(one, indent=2) for one in shown))
    assert main(["replay", "--panes", str(file)]) == 0
    alarms, said = capfdbinary.readouterr()
    assert f"{len(records)} decisions computed again, {len(records)} come out the same".encode() in said
    found = [json.loads(line) for line in alarms.splitlines()]
    assert {one["signal"] for one in found} == {"refusal", "refusal_catfraud", "refusal_catweapons"}
    assert {one["i"] for one in found} <= {one.id for one in records}


def test_a_decision_that_comes_out_otherwise_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole = json.loads(to_bytes(decisions()[0]))
    whole["body"]["decision"]["severity"] = "low"
    file = tmp_path / "record.json"
    file.write_text(json.dumps(whole))
    assert main(["replay", "--panes", str(file)]) == 1
    assert "comes out otherwise in: severity" in capsys.readouterr().err


def test_other_files_are_no_records(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "settings.json"
    file.write_text('{"routes": []}')
    assert main(["replay", "--panes", str(file)]) == 1
    assert "not an evidence record" in capsys.readouterr().err
