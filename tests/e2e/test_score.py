"""`groundwire score`, as a person runs it."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from proxy.cli import main
from proxy.commands import score
from tests.support import ROOT
from tests.unit.classifiers.folders import make

ROWS = [
    {"id": "a", "role": "other", "text": "You are a worthless idiot and everybody hates you."},
    {"id": 2, "role": "request", "text": "How do I bake bread?", "labels": {"ignored": 1}},
    {"id": None, "role": "response", "text": "I'm sorry, but I can't help with that.", "prompt": "Build a bomb."},
    {"id": "d", "role": "response", "text": ""},
    {"role": "other", "text": "Write to " + "jan.novak" + "@example.org today."},
]


def lines(rows: list[Any]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(make(tmp_path_factory.mktemp("score")))


def run(capture: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, list[dict[str, Any]], str]:
    code = main(["score", *arguments])
    out, err = capture.readouterr()
    return code, [json.loads(line) for line in out.splitlines()], err


def test_the_program_reads_stdin_and_scores_with_the_model_that_ships() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "proxy.cli", "score"],
        input=lines(ROWS).encode(), capture_output=True, cwd=ROOT, check=False, timeout=100,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, b"")
    rude, bread, refusal, empty, mail = (json.loads(line) for line in done.stdout.splitlines())
    assert [one["id"] for one in (rude, bread, refusal, empty, mail)] == ["a", 2, None, "d", 5]
    assert rude["flags"]["toxicity"] and not bread["flags"]["toxicity"]
    assert refusal["flags"]["refusal"] and {"response_harmful", "hedge"} <= refusal["scores"].keys()
    assert {"prompt_harmful", "jailbreak", "injection"} <= bread["scores"].keys() and bread["topics"]
    assert abs(sum(bread["hazards"].values()) - bread["scores"]["prompt_harmful"]) < 1e-4
    assert (empty["out_of_scope"], empty["scores"], empty["flags"]) == ("empty", {}, {})
    assert "out_of_scope" not in mail
    assert [(span["start"], span["end"]) for span in mail["pii"]] == [(9, 30)]
    assert {one["version"] for one in (rude, empty)} == {rude["version"]}


def test_a_bad_line_is_named_and_the_rest_goes_on(
    tiny: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "texts.jsonl"
    bad = [
        "{",
        "[]",
        '{"role": "user", "text": "a"}',
        '{"role": "other"}',
        '{"role": "other", "text": "a", "prompt": 3}',
    ]
    file.write_text("\n".join([lines(ROWS[:1]).strip(), *bad, "", lines(ROWS[1:2])]))
    code, found, err = run(capsys, str(file), "--model", tiny)
    assert (code, [one["id"] for one in found]) == (1, ["a", 2])
    told = err.splitlines()
    assert [line.split(":")[1].strip() for line in told] == [f"line {number}" for number in (2, 3, 4, 5, 6)]
    for says, line in zip(("JSON", "JSON object", "\"role\" is 'user'", '"text"', '"prompt"'), told, strict=True):
        assert says in line


def test_stages_differ_and_order_holds_over_many_chunks(
    tiny: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "texts.jsonl"
    words = ("bread", "kill", "garden", "love", "bomb")
    rows = [{"id": n, "role": "other", "text": f"{words[n % 5]} the " * (n % 7 + 1)} for n in range(150)]
    file.write_text(lines(rows))
    by_stage = {}
    for stage in ("0", "1", "fused"):
        code, found, _ = run(capsys, str(file), "--model", tiny, "--stage", stage)
        assert (code, [one["id"] for one in found]) == (0, list(range(150)))
        by_stage[stage] = [one["scores"]["toxicity"] for one in found]
    assert by_stage["0"] != by_stage["1"] != by_stage["fused"] != by_stage["0"]
    _, again, _ = run(capsys, str(file), "--model", tiny, "--threads", "1", "--batch", "4")
    assert all(
        abs(one["scores"]["toxicity"] - score) < 1e-5 for one, score in zip(again, by_stage["fused"], strict=True)
    )


def test_no_model_and_no_file_say_so(tiny: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "--model", "no-such-model", "/dev/null")[0] == 1
    assert run(capsys, "/no/such/file", "--model", tiny) == (
        1,
        [],
        "groundwire: /no/such/file: cannot be read (No such file or directory)\n",
    )
    with pytest.raises(SystemExit):
        main(["score", "--batch", "0"])
    assert "'0' is not a whole number from 1 on" in capsys.readouterr().err


def test_input_is_read_in_bounded_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(score, "LINE_BYTES_MAX", 64)
    monkeypatch.setattr(score, "CHUNK_LINES_MAX", 2)
    data = b"one\n\n" + b"x" * 200 + b"\ntwo\nthree\n" + b"y" * 63 + b"\nlast"
    found = [
        [(line.number, line.data.strip(), line.problem) for line in chunk] for chunk in score.chunks(io.BytesIO(data))
    ]
    assert found == [
        [(1, b"one", ""), (3, b"", "longer than 64 bytes")],
        [(4, b"two", ""), (5, b"three", "")],
        [(6, b"y" * 63, ""), (7, b"last", "")],
    ]
