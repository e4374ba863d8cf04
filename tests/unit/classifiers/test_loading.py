"""A folder that is not right is refused, with what and where; nothing is half loaded."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from proxy.classifiers import loading
from proxy.classifiers.fields import ModelError
from proxy.classifiers.guard import Guard
from proxy.classifiers.loading import find_model, load
from proxy.classifiers.manifest import read
from proxy.classifiers.ngrams import BUCKETS_LOG2
from tests.unit.classifiers.folders import COLUMNS, WORDS, encoder, manifest, seal, tokenizer
from tests.unit.classifiers.onnx_graph import FLOAT, Encoder, graph

Break = Callable[[Path], object]


@pytest.fixture
def folder(tiny_folder: Path, tmp_path: Path) -> Path:
    """A copy to break."""
    return Path(shutil.copytree(tiny_folder, tmp_path / "model"))


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def replace_by_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


DAMAGES: dict[str, tuple[Break, str]] = {
    "missing": (Path.unlink, "cannot be read"),
    "truncated": (truncate, "truncated, changed or corrupt"),
    "one bit": (flip, "truncated, changed or corrupt"),
    "empty": (lambda path: path.write_bytes(b""), "truncated, changed or corrupt"),
    "a folder": (replace_by_folder, "cannot be read"),
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("file", ["model.onnx", "tokenizer.json", "stage0.npz"])
def test_a_damaged_file_is_named(folder: Path, file: str, damage: str) -> None:
    breaks, says = DAMAGES[damage]
    breaks(folder / file)
    with pytest.raises(ModelError, match=says) as refused:
        load(folder)
    assert refused.value.file == str(folder / file)


# Here the checksums fit: whoever wrote the folder wrote something wrong.
GRAPHS: dict[str, tuple[Encoder | bytes, str]] = {
    "no graph": (b"this is no protobuf at all", "no graph that can run"),
    "half a graph": (graph(encoder())[:700], "no graph that can run"),
    "no embedding": (replace(encoder(), embedding="pooler"), "no output 'embedding'"),
    "another input": (replace(encoder(), segments="segments"), "its inputs are input_ids, attention_mask, segments"),
    "wrong type": (replace(encoder(), ids=FLOAT), r"input_ids is tensor\(float\)"),
    "wrong rank": (replace(encoder(), squeezed=True), "must be tensor.float. with two dimensions"),
    "too few columns": (encoder(columns=COLUMNS - 1), f"logits has 24 columns where model.toml needs {COLUMNS}"),
    "length": (replace(encoder(), normalised=False), "embeddings have not length 1"),
    "a small vocabulary": (replace(encoder(), vectors=encoder().vectors[:-3]), "fails on 24 tokens"),
    "not finite": (replace(encoder(), heads=encoder().heads * np.float32(np.nan)), "not finite"),
    "another dimension": (
        replace(encoder(), vectors=encoder().vectors[:, :9], heads=encoder().heads[:9]),
        "embedding has 9 columns where model.toml needs 16",
    ),
}


@pytest.mark.parametrize("what", GRAPHS)
def test_a_graph_that_does_not_fit_is_refused(folder: Path, what: str) -> None:
    made, says = GRAPHS[what]
    (folder / "model.onnx").write_bytes(made if isinstance(made, bytes) else graph(made))
    seal(folder, manifest())
    with pytest.raises(ModelError, match=says) as refused:
        load(folder)
    assert refused.value.file == str(folder / "model.onnx")


def table(**arrays: Any) -> dict[str, Any]:
    whole = {
        "table": np.zeros((2**BUCKETS_LOG2, COLUMNS), dtype=np.float16),
        "bias": np.zeros(COLUMNS, dtype=np.float32),
    }
    return {name: values for name, values in {**whole, **arrays}.items() if values is not None}


TABLES: dict[str, tuple[dict[str, Any], str]] = {
    "no bias": (table(bias=None), "no .npz with table and bias"),
    "float32": (table(table=np.zeros((2**BUCKETS_LOG2, COLUMNS), dtype=np.float32)), "table is float32"),
    "rows": (table(table=np.zeros((2**BUCKETS_LOG2 - 1, COLUMNS), dtype=np.float16)), "they must be float16"),
    "bias": (table(bias=np.zeros(COLUMNS - 1, dtype=np.float32)), "bias float32 .24,"),
    "not finite": (table(bias=np.full(COLUMNS, np.inf, dtype=np.float32)), "not finite"),
    "pickled": (table(bias=np.array([{}], dtype=object)), "no .npz with table and bias"),
}


@pytest.mark.parametrize("what", TABLES)
def test_a_stage_0_that_does_not_fit_is_refused(folder: Path, what: str) -> None:
    arrays, says = TABLES[what]
    np.savez_compressed(folder / "stage0.npz", **arrays)
    seal(folder, manifest())
    with pytest.raises(ModelError, match=says) as refused:
        load(folder)
    assert refused.value.file == str(folder / "stage0.npz")


@pytest.mark.parametrize("text", ["{}", "not json", None])
def test_what_is_no_tokenizer_is_refused(folder: Path, text: str | None) -> None:
    if text is None:
        tokenizer([word for word in WORDS if word != "[SEP]"]).save(str(folder / "tokenizer.json"))
    else:
        (folder / "tokenizer.json").write_text(text)
    seal(folder, manifest())
    with pytest.raises(ModelError, match="is no tokenizer") as refused:
        load(folder)
    assert refused.value.file == str(folder / "tokenizer.json")


def test_a_model_is_found_by_folder_and_by_name(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_model(str(folder)) == folder
    monkeypatch.setattr(loading, "SHIPPED", folder.parent)
    assert find_model("model") == folder.parent / "model"
    with pytest.raises(ModelError, match="shipped: model"):
        find_model("modle")
    with pytest.raises(ModelError, match="guard-small: no model folder"):
        find_model()


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The shipped folder, copied."""
    yield Path(shutil.copytree(find_model(), tmp_path_factory.mktemp("shipped") / "copy"))


def test_the_shipped_model_loads_and_says_what_it_is(shipped: Guard) -> None:
    found = read(find_model())
    assert shipped.version == found.identity
    assert found.name == find_model().name
    assert {"toxicity", "unsafe", "prompt_harmful", "response_harmful", "refusal", "jailbreak", "injection"} <= {
        head.name for head in found.heads
    }


@pytest.mark.parametrize("damage", ["truncated", "one bit", "missing"])
@pytest.mark.parametrize("file", ["model.onnx", "tokenizer.json", "stage0.npz"])
def test_the_shipped_files_are_verified(copied: Path, file: str, damage: str) -> None:
    whole = (copied / file).read_bytes()
    DAMAGES[damage][0](copied / file)
    with pytest.raises(ModelError, match=file):
        load(copied)
    (copied / file).write_bytes(whole)
