"""`groundwire models` on real small models: what is printed, what is refused, what stays."""

from __future__ import annotations

import json
import random
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from proxy.classifiers.contract import Item, Role
from proxy.classifiers.guard import Guard
from proxy.classifiers.installed import SHIPPED, Library
from proxy.cli import main
from proxy.commands.models import bench
from tests.unit.classifiers import folders

NEUTRAL = ("the", "a", "you", "i", "to", "of", "is", "not", "can", "help", "with", "that", "how", "love", "sorry")

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """A folder with one whole model, "tiny"."""
    folders.make(tmp_path / "models" / "tiny")
    (tmp_path / "models" / "tiny" / "card.md").write_text("# tiny\n\nKnows nothing.\n")
    return tmp_path / "models"


@pytest.fixture
def run(models: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs `groundwire models ...`: (exit status, stdout, stderr)."""

    def ran(*words: str) -> tuple[int, str, str]:
        status = main(["models", *words, "--models-dir", str(models)])
        out, err = capsys.readouterr()
        return status, out, err

    return ran


def lines(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_the_list_names_what_is_installed_and_what_cannot_be_read(run: Run, models: Path) -> None:
    folders.make(models / "broken")
    (models / "broken" / "model.toml").write_text("schema = 9\n")
    status, out, _ = run("list")
    assert status == 0
    assert re.search(r"^tiny +- +3 +\d+\.\d +8 +16 +en +CC0-1\.0", out, re.MULTILINE)
    assert re.search(r"^broken: .*\(schema\): is not 1", out, re.MULTILINE)
    found = {one["name"]: one for one in json.loads(run("list", "--json")[1])}
    assert found["tiny"]["signals"][:2] == ["hazard", "prompt_harmful"]
    assert "schema" in found["broken"]["error"]


def test_the_list_says_which_models_the_settings_use(run: Run, models: Path, tmp_path: Path) -> None:
    folders.make(models / "second")
    folders.make(models / "third")
    config = tmp_path / "groundwire.yaml"
    config.write_text(f"classifiers: {{model: {models / 'tiny'}, also: [{models / 'second'}]}}\n")
    found = {one["name"]: one.get("use") for one in json.loads(run("list", "--json", "--config", str(config))[1])}
    assert [found[name] for name in ("tiny", "second", "third")] == ["judges", "added", ""]


def test_a_model_is_shown_with_its_thresholds_its_card_and_how_to_use_it(run: Run, models: Path) -> None:
    status, out, _ = run("show", "tiny")
    assert status == 0
    assert f"classifiers.model: {models / 'tiny'}" in out
    assert re.search(r"toxicity +probability +other, request, response +no +0\.600 +0\.01", out)
    assert out.endswith("# tiny\n\nKnows nothing.\n")
    assert json.loads(run("show", "tiny", "--json")[1])["version"] == "tiny@3"


def test_a_name_that_is_not_installed_is_refused_with_those_that_are(run: Run) -> None:
    status, _, err = run("show", "none")
    assert status == 1
    assert "no model 'none' in" in err
    assert "tiny" in err


def test_a_whole_model_is_verified(run: Run) -> None:
    status, out, _ = run("verify", "tiny")
    assert status == 0
    assert "tiny@3: whole; 3 files, trial texts scored" in out


def test_what_ships_is_whole(run: Run) -> None:
    status, out, err = run("verify")
    assert (status, err) == (0, "")
    for folder in Library(SHIPPED).folders():
        assert re.search(rf": whole; .*{re.escape(str(folder))}\)", out)


@pytest.mark.parametrize(
    ("file", "change", "what"),
    [
        ("model.onnx", lambda data: data[:-9], r"model\.onnx \(files\.model\.onnx\): .*truncated, changed or corrupt"),
        ("stage0.npz", lambda data: data[:9] + b"!" + data[10:], r"stage0\.npz .*truncated, changed or corrupt"),
        ("tokenizer.json", None, r"tokenizer\.json: cannot be read \(No such file"),
        (
            "model.toml",
            lambda data: data.replace(b'"toxicity"', b'"rudeness"'),
            "no binary signal is called 'rudeness'",
        ),
        ("model.toml", lambda data: data.replace(b'"partly"', b'"perhaps"'), "unknown label 'perhaps'"),
        ("model.toml", lambda data: data.replace(b'_dim" = 16', b'_dim" = 12'), "embedding has 16 columns where .* 12"),
        ("model.toml", lambda data: data[: len(data) // 2], "model.toml"),
    ],
)
def test_a_model_that_is_not_whole_is_refused_with_what_and_where(
    run: Run, models: Path, file: str, change: Callable[[bytes], bytes] | None, what: str
) -> None:
    path = models / "tiny" / file
    if change is None:
        path.unlink()
    else:
        path.write_bytes(change(path.read_bytes()))
    status, _, err = run("verify", "tiny")
    assert status == 1
    assert re.search(what, err)


def test_a_copy_of_our_own_format_is_added_and_a_broken_one_leaves_nothing(run: Run, models: Path) -> None:
    status, out, _ = run("add", "other", "--from", str(models / "tiny"))
    assert status == 0
    assert f"added tiny@3: {models / 'other'}" in out
    assert run("verify", "other")[0] == 0
    (models / "other" / "model.onnx").write_bytes(b"nothing")
    status, _, err = run("add", "third", "--from", str(models / "other"))
    assert status == 1
    assert "truncated, changed or corrupt" in err
    assert sorted(path.name for path in models.iterdir()) == ["other", "tiny"]


def test_a_failed_replacement_leaves_the_old_model(run: Run, models: Path, tmp_path: Path) -> None:
    bad = folders.make(tmp_path / "bad")
    (bad / "tokenizer.json").write_text("{}")
    before = {path.name: path.read_bytes() for path in (models / "tiny").iterdir()}
    assert run("add", "tiny", "--from", str(bad))[2].endswith("say --replace to put the new model in its place\n")
    assert run("add", "tiny", "--from", str(bad), "--replace")[0] == 1
    assert {path.name: path.read_bytes() for path in (models / "tiny").iterdir()} == before


def test_without_torch_add_says_what_to_install(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)  # as where it is not installed
    status, _, err = run("add", "mine", "--from", str(tmp_path))
    assert status == 1
    assert "there is no onnx here: pip install 'groundwire[train]'" in err
    assert not (tmp_path / "models" / "mine").exists()


def test_the_bench_times_each_length(models: Path) -> None:
    guard = Guard.load(models / "tiny")
    found = bench.timed(guard, models / "tiny", lengths=(16, 32), length_s_max=0.05)
    assert [one.tokens for one in found] == [16, 32]
    assert all(0 < one.median_ms <= one.p95_ms and one.stage0_ms > 0 for one in found)
    assert bench.rendered(found).count("\n") == 2
    assert bench.peak_mib() > 10


def test_the_bench_prints_times_and_memory(run: Run) -> None:
    status, out, _ = run("bench", "tiny", "--tokens", "8", "40")
    assert status == 0
    assert re.search(r"^tiny@3, one thread.*\nTOKENS .*\n8 .*\n40 .*\npeak memory of this process \d+ MiB", out)
    found = json.loads(run("bench", "tiny", "--tokens", "8", "--json")[1])
    assert found["lengths"][0]["tokens"] == 8
    assert found["lengths"][0]["responses_per_s"] == pytest.approx(1_000 / found["lengths"][0]["median_ms"])


def test_held_out_rows_are_those_that_the_shipped_models_never_saw(run: Run, tmp_path: Path) -> None:
    def rows(source: str) -> list[dict[str, Any]]:
        texts = [f"{word} bread" for word in ("one", "two", "three", "four", "five", "six")]
        return [{"text": text, "source": source, "labels": {"toxicity": 0}} for text in texts]

    data = lines(tmp_path / "rows.jsonl", [*rows("microsoft/TOXIGEN"), *rows("elsewhere")])
    kept = json.loads(run("evaluate", "tiny", "--data", str(data), "--held-out", "--stage", "0", "--json")[1])
    assert kept["stage"] == "0"
    groups = {one["group"]: one["rows"] for one in kept["signals"] if one["signal"] == "toxicity"}
    assert groups["source microsoft/TOXIGEN"] == 6  # a source that is kept out whole
    assert groups.get("source elsewhere", 0) < 6


def test_an_evaluation_prints_a_line_for_each_signal_and_source(run: Run, models: Path, tmp_path: Path) -> None:
    guard = Guard.load(models / "tiny")
    texts = [f"{a} {b}" for a in ("you", "love", "stupid", "bread", "hate") for b in ("money", "garden", "weather")]
    scores = [one.scores["toxicity"] for one in guard.score([Item(text, Role.OTHER) for text in texts])]
    middle = sorted(scores)[len(scores) // 2]
    rows = [
        {"text": text, "role": "other", "source": f"s{at % 2}", "labels": {"toxicity": int(score > middle)}}
        for at, (text, score) in enumerate(zip(texts, scores, strict=True))
    ]
    data = lines(tmp_path / "rows.jsonl", [*rows, {"text": "Здравствуйте, друзья", "role": "other", "labels": {}}])
    status, out, _ = run("evaluate", "tiny", "--data", str(data))
    assert status == 0
    assert "tiny@3, stage fused: 16 rows, 1 without scores (language)" in out
    assert re.search(r"^toxicity +all +15 +7 +1\.000 +1\.000", out, re.MULTILINE)
    assert re.search(r"^ +source s1 +7 ", out, re.MULTILINE)
    found = json.loads(run("evaluate", "tiny", "--data", str(data), "--json", "--per-group", "3")[1])
    assert (found["model"], found["rows"]) == ("tiny@3", 7)


def test_an_evaluation_without_data_says_so(run: Run, tmp_path: Path) -> None:
    assert "no such file or folder" in run("evaluate", "tiny", "--data", str(tmp_path / "none"))[2]
    (tmp_path / "empty.jsonl").touch()
    assert "no row is left to measure" in run("evaluate", "tiny", "--data", str(tmp_path / "empty.jsonl"))[2]


def labelled(count: int, seed: int = 0) -> list[dict[str, Any]]:
    """Sentences that are about bread or not: something that even a small untrained encoder can tell."""
    toss = random.Random(seed)
    rows: dict[str, int] = {}
    while len(rows) < count:
        label = len(rows) % 2
        words = toss.choices(NEUTRAL, k=6)
        words[toss.randrange(6)] = "bread" if label else "garden"
        rows.setdefault(" ".join(words), label)
    return [{"text": text, "label": label} for text, label in rows.items()]


def test_a_head_is_trained_stored_and_scores_from_then_on(run: Run, models: Path, tmp_path: Path) -> None:
    data = lines(tmp_path / "bread.jsonl", labelled(400))
    status, out, err = run("train-head", "bread", "--data", str(data), "--model", "tiny")
    assert (status, err) == (0, "")
    assert "policy.bread, on response" in out
    assert "measured on        100 texts" in out
    guard = Guard.load(models / "tiny")
    assert re.fullmatch(r"tiny@3\+policy\.bread:[0-9a-f]{8}", guard.version)
    yes, no, request = guard.score(
        [Item("bread bread", Role.RESPONSE), Item("garden garden", Role.RESPONSE), Item("bread", Role.REQUEST)]
    )
    assert yes.scores["policy.bread"] > 0.9 > 0.1 > no.scores["policy.bread"]
    assert (yes.flags["policy.bread"], no.flags["policy.bread"]) == (True, False)
    assert "policy.bread" not in request.scores
    assert yes.version == guard.version
    assert re.search(r"policy\.bread +your own +response", run("show", "tiny")[1])
    card = (models / "tiny" / "heads" / "bread.md").read_text()
    assert "sha256" in card
    assert "cannot show a false positive rate of 1 %" not in card


def test_the_same_data_and_seed_give_the_same_head(run: Run, models: Path, tmp_path: Path) -> None:
    data = lines(tmp_path / "bread.jsonl", labelled(120))
    versions = []
    for _ in range(2):
        assert run("train-head", "bread", "--data", str(data), "--model", "tiny")[0] == 0
        versions.append(Guard.load(models / "tiny").version)
    assert versions[0] == versions[1]


@pytest.mark.parametrize(
    ("words", "rows", "what"),
    [
        (["bread"], labelled(60), "30 different texts with label 0 .* at least 40 of each"),
        (["bread"], [{**row, "label": 1} for row in labelled(100)], "0 different texts with label 0"),
        (["bread"], [], "holds no row"),
        (["Bread!"], labelled(100), "a head cannot be called 'Bread!'"),
        (["bread", "--false-positive-rate", "1"], labelled(100), "it is above 0 and below 1"),
    ],
)
def test_a_head_that_cannot_be_trained_is_refused(
    run: Run, models: Path, tmp_path: Path, words: list[str], rows: list[dict[str, Any]], what: str
) -> None:
    data = lines(tmp_path / "rows.jsonl", rows)
    status, _, err = run("train-head", *words, "--data", str(data), "--model", "tiny")
    assert status == 1
    assert re.search(what, err)
    assert not (models / "tiny" / "heads").exists()
