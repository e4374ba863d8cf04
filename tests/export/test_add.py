"""`groundwire models add` with torch, on tiny models of three families; what it makes is then loaded without torch."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from proxy.classifiers.contract import Item, Role
from proxy.classifiers.fields import ModelError
from proxy.classifiers.guard import Guard

pytestmark = [pytest.mark.export, pytest.mark.timeout(900)]

ROOT = Path(__file__).resolve().parents[2]
PYTHON = os.environ.get("TRAIN_PY", ".venv/train/bin/python")


def ran(*words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "0"}
    return subprocess.run([PYTHON, *words], cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the tiny models."""
    root = tmp_path_factory.mktemp("tiny")
    made = ran("-m", "tests.export.tiny_models", str(root))
    assert made.returncode == 0, made.stderr
    return root


def add(tmp_path: Path, source: Path | str, labels: str = "", *more: str) -> subprocess.CompletedProcess[str]:
    words = ["-m", "proxy.cli", "models", "add", "mine", "--from", str(source), "--models-dir", str(tmp_path / "own")]
    if labels:
        (tmp_path / "labels.toml").write_text(labels)
        words += ["--labels", str(tmp_path / "labels.toml")]
    return ran(*words, *more)


def scores(folder: Path, text: str, role: Role = Role.RESPONSE, prompt: str = "") -> dict[str, Any]:
    (scored,) = Guard.load(folder).score([Item(text, role, prompt)])
    assert scored.embedding is None
    return dict(scored.scores)


def test_a_bert_of_one_label_at_a_time(tiny: Path, tmp_path: Path) -> None:
    done = add(tmp_path, tiny / "bert", '[labels]\nToxic = "toxicity"\nthreat = "violence"\n')
    assert done.returncode == 0, done.stderr
    agreed = re.search(r"on (\d+) probe texts: largest difference ([\d.]+), mean ([\d.]+)", done.stderr)
    assert agreed
    assert int(agreed[1]) > 30
    assert float(agreed[3]) < 0.02
    found = scores(tmp_path / "own" / "mine", "you stupid people")
    assert 0 < found["toxicity"] + found["violence"] < 1
    card = (tmp_path / "own" / "mine" / "card.md").read_text()
    assert "| licence | mit |" in card
    assert "| labels that feed no signal | neutral |" in card


def test_a_roberta_of_several_labels_with_other_special_tokens_and_prompts(tiny: Path, tmp_path: Path) -> None:
    labels = '[labels]\nhate = "hate"\ninsult = "toxicity"\nthreat = "toxicity"\n[prompts]\nhate = true\n'
    done = add(tmp_path, tiny / "roberta", labels)
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "own" / "mine"
    alone, answering = scores(folder, "it is good"), scores(folder, "it is good", prompt="how do i kill people")
    assert alone.keys() == answering.keys() >= {"hate", "toxicity"}
    assert alone["hate"] != answering["hate"]


def test_a_distilbert_whose_labels_are_called_like_signals_unquantized(tiny: Path, tmp_path: Path) -> None:
    done = add(tmp_path, tiny / "distilbert", "", "--quantize", "none")
    assert done.returncode == 0, done.stderr
    assert "largest difference 0.0000, mean 0.0000, 100.0 % of the decisions alike" in done.stderr
    long = "you stupid people " * 200  # several windows
    assert 0 < scores(tmp_path / "own" / "mine", long, Role.OTHER)["unsafe"] < 1


def test_static_quantization_by_texts_of_ones_own(tiny: Path, tmp_path: Path) -> None:
    (tmp_path / "texts").write_text("thank you\nyou stupid people\nhow do i kill it\nthat is not good\n" * 5)
    more = ("--quantize", "static", "--calibration-texts", str(tmp_path / "texts"))
    done = add(tmp_path, tiny / "bert", '[labels]\nToxic = "toxicity"\n', *more)
    assert done.returncode == 0, done.stderr
    assert (
        "static quantization, one scale for each tensor, calibrated on 20 texts"
        in (tmp_path / "own" / "mine" / "card.md").read_text()
    )
    assert set(scores(tmp_path / "own" / "mine", "thank you")) >= {"toxicity"}


@pytest.mark.parametrize(
    ("source", "labels", "what"),
    [
        ("bert", '[labels]\nrude = "toxicity"\n', "the model has no such label; it has neutral, Toxic, threat"),
        ("bert", "", "its labels (neutral, Toxic, threat) are no signals by name; give --labels FILE"),
        ("no-classifier", '[labels]\nToxic = "toxicity"\n', "only sequence-classification models can be added"),
        ("acme/nothing-of-this-name", "", "could not be downloaded from the Hugging Face hub"),
    ],
)
def test_what_cannot_be_added_is_refused_and_leaves_nothing(
    tiny: Path, tmp_path: Path, source: str, labels: str, what: str
) -> None:
    done = add(tmp_path, source if "/" in source else tiny / source, labels)
    assert done.returncode == 1
    assert what in done.stderr
    assert "Traceback" not in done.stderr
    assert list((tmp_path / "own").iterdir()) == []


def test_a_model_that_differs_too_much_is_refused_and_the_old_one_stays(tiny: Path, tmp_path: Path) -> None:
    labels = '[labels]\nToxic = "toxicity"\n'
    assert add(tmp_path, tiny / "bert", labels).returncode == 0
    before = Guard.load(tmp_path / "own" / "mine").version
    done = add(tmp_path, tiny / "bert", labels, "--replace", "--agreement-min", "1.01")
    assert done.returncode == 1
    assert "differs from the original" in done.stderr
    assert Guard.load(tmp_path / "own" / "mine").version == before


def test_cut_weights_are_refused(tiny: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut"
    cut.mkdir()
    for path in (tiny / "bert").iterdir():
        (cut / path.name).write_bytes(path.read_bytes()[: None if path.suffix != ".safetensors" else -400])
    done = add(tmp_path, cut, '[labels]\nToxic = "toxicity"\n')
    assert done.returncode == 1
    assert "is no model that transformers can load" in done.stderr
    with pytest.raises(ModelError):
        Guard.load(tmp_path / "own" / "mine")
