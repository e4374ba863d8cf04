"""`model.toml`: what is right is read, what is wrong is named by file and key."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from proxy.classifiers.contract import Role
from proxy.classifiers.fields import ModelError
from proxy.classifiers.manifest import Kind, Manifest, read
from proxy.classifiers.pooling import Pool
from tests.unit.classifiers.folders import COLUMNS, DIM, manifest, toml

SUM = "0" * 64
Change = Callable[[dict[str, Any]], object]


def whole() -> dict[str, Any]:
    return {**manifest(), "files": dict.fromkeys(("model.onnx", "tokenizer.json", "stage0.npz"), SUM)}


def reading(folder: Path, change: Change = lambda _: None) -> Manifest:
    values = whole()
    change(values)
    (folder / "model.toml").write_text(toml(values))
    return read(folder)


def head(values: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(one for one in values["head"] if one["name"] == name)
    return found


def test_a_whole_manifest(tmp_path: Path) -> None:
    found = reading(tmp_path)
    assert found.identity == "tiny@3"
    assert (found.columns, found.columns0, found.embedding_dim, found.emoji_names) == (COLUMNS, COLUMNS, DIM, False)
    assert (found.shape.window, found.shape.overlap, found.shape.prompt, found.shape.windows_max) == (24, 4, 8, 4)
    by_name = {one.name: one for one in found.heads}
    assert by_name["toxicity"].stage0 == (0.0, 0.8, -0.2)
    assert by_name["toxicity"].stage1 == (1.3, 0.0, 0.1)
    assert by_name["toxicity"].fused == (1.1, 0.6, -0.1)
    assert by_name["hazard"].fused == (1.1, 0.6, 0.0)  # a softmax has no constant
    assert (by_name["refusal"].kind, by_name["refusal"].of) == (Kind.SUM, "refusal_kind")
    assert by_name["refusal"].fused == (1.1, 0.0, -0.1)  # a sum has one input
    assert by_name["response_harmful"].roles == frozenset({Role.RESPONSE}) and by_name["response_harmful"].prompt
    assert (by_name["hazard"].pool, by_name["refusal_kind"].pool) == (Pool.MEAN, Pool.ENDS)


def test_stage_0_may_be_missing(tmp_path: Path) -> None:
    def drop(values: dict[str, Any]) -> None:
        del values["stage0"]
        for one in values["head"]:
            for key in ("column0", "stage0"):
                one.pop(key, None)

    found = reading(tmp_path, drop)
    assert (found.stage0, found.columns0) == ("", 0)


def test_a_team_may_name_its_own_signals(tmp_path: Path) -> None:
    found = reading(tmp_path, lambda values: head(values, "toxicity").update(name="policy.medical_advice"))
    assert found.heads[0].name == "policy.medical_advice"


WRONG: dict[str, tuple[Change, str, str]] = {
    "schema": (lambda m: m.update(schema=2), "schema", "another version of Groundwire"),
    "name": (lambda m: m.update(name="a b"), "name", "letters, digits"),
    "licence": (lambda m: m.pop("licence"), "licence", "is missing"),
    "languages": (lambda m: m.update(languages=[]), "languages", "list of texts"),
    "unknown key": (lambda m: m.update(lisence="x"), "lisence", "unknown key"),
    "checksum": (lambda m: m["files"].update({"model.onnx": "12"}), "files.model.onnx", "SHA-256"),
    "path in a file name": (lambda m: m["files"].update({"../x": SUM}), "files.../x", "plain file name"),
    "file without checksum": (lambda m: m["files"].pop("model.onnx"), "encoder.file", "not in [files]"),
    "window too small": (lambda m: m["encoder"].update(window=16, prompt=8, overlap=6), "encoder.window", "no room"),
    "window no number": (lambda m: m["encoder"].update(window="long"), "encoder.window", "is not a number"),
    "half a token": (lambda m: m["encoder"].update(overlap=1.5), "encoder.overlap", "whole number"),
    "encoder key": (lambda m: m["encoder"].update(windw=3), "encoder.windw", "unknown key"),
    "no heads": (lambda m: m.update(head=[]), "head", "array of tables"),
    "signal": (lambda m: head(m, "toxicity").update(name="toxisity"), "head[0] toxisity.name", "signal is called"),
    "kind": (lambda m: head(m, "toxicity").update(kind="regression"), "head[0] toxicity.kind", "unknown 'regression'"),
    "role": (lambda m: head(m, "toxicity").update(roles=["user"]), "head[0] toxicity.roles", "unknown 'user'"),
    "pool": (lambda m: head(m, "toxicity").update(pool="sum"), "head[0] toxicity.pool", "one of max, mean, ends"),
    "threshold": (lambda m: head(m, "toxicity").update(threshold=1.5), "head[0] toxicity.threshold", "between 0 and 1"),
    "no threshold": (lambda m: head(m, "toxicity").pop("threshold"), "head[0] toxicity.threshold", "is missing"),
    "weights": (lambda m: head(m, "toxicity").update(fused=[1, 2]), "head[0] toxicity.fused", "list of 3"),
    "true as a weight": (lambda m: head(m, "toxicity").update(stage1=[True, 2]), "head[0] toxicity.stage1", "finite"),
    "prompt": (lambda m: head(m, "toxicity").update(prompt="yes"), "head[0] toxicity.prompt", "true or false"),
    "column": (lambda m: head(m, "toxicity").update(column=-1), "head[0] toxicity.column", "whole number"),
    "labels of a binary": (lambda m: head(m, "toxicity").update(labels=["a"]), "head[0] toxicity.labels", "has none"),
    "hazard label": (
        lambda m: head(m, "hazard").update(labels=["weapons", "arson"]),
        "head[6] hazard.labels",
        "unknown label 'arson'; known are cybercrime",
    ),
    "label twice": (lambda m: head(m, "topic").update(labels=["a", "a"]), "head[7] topic.labels", "one twice"),
    "sum of nothing": (lambda m: head(m, "refusal").update(of="hazards"), "head[5] refusal.of", "no softmax head"),
    "sum of others": (lambda m: head(m, "refusal").update(labels=["no"]), "head[5] refusal.labels", "other labels"),
    "head twice": (lambda m: m["head"].append(head(m, "toxicity")), "head[8] toxicity", "two heads of this name"),
    "stage 0 column without stage 0": (lambda m: m.pop("stage0"), "head[0] toxicity.column0", "no [stage0]"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_is_named_by_file_and_key(tmp_path: Path, what: str) -> None:
    change, key, says = WRONG[what]
    with pytest.raises(ModelError) as refused:
        reading(tmp_path, change)
    assert refused.value.key == key
    assert refused.value.file == str(tmp_path / "model.toml")
    assert says in str(refused.value)


@pytest.mark.parametrize(
    ("data", "says"),
    [(b"schema = ", "is not TOML"), (b"\xff\xfe", "is not TOML"), (b"#" * 2_000_000, "longer than"), (None, "No such")],
)
def test_what_is_no_toml_is_refused(tmp_path: Path, data: bytes | None, says: str) -> None:
    if data is not None:
        (tmp_path / "model.toml").write_bytes(data)
    with pytest.raises(ModelError, match=says):
        read(tmp_path)


def test_numbers_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    (tmp_path / "model.toml").write_text(toml(whole()).replace("stage1 = [1.3, 0.1]", "stage1 = [nan, 0.1]", 1))
    with pytest.raises(ModelError, match="finite"):
        read(tmp_path)
