"""Model folders of the shipped format, small and untrained, whole or broken in one way."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, Final

import numpy as np
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.normalizers import Lowercase
from tokenizers.pre_tokenizers import Whitespace

from proxy.classifiers.contract import HAZARDS
from proxy.classifiers.ngrams import BUCKETS_LOG2
from tests.unit.classifiers.onnx_graph import Encoder, graph

DIM: Final = 16
WORDS: Final = (  # noqa: SIM905
    "[PAD] [UNK] [CLS] [SEP] the a you i to of is not can help with that how bread bake stupid hate love make bomb "
    "sorry weather garden friend kill music write code money steal . , ? !"
).split()
TOPICS: Final = ("home", "computer science")
ALL: Final = ["request", "response", "other"]


def binary(name: str, column: int, roles: list[str], **more: Any) -> dict[str, Any]:
    """A yes-or-no head."""
    return {
        "name": name,
        "kind": "binary",
        "labels": [],
        "roles": roles,
        "prompt": False,
        "column": column,
        "column0": column,
        "pool": "max",
        "stage0": [0.8, -0.2],
        "stage1": [1.3, 0.1],
        "fused": [1.1, 0.6, -0.1],
        "threshold": 0.6,
        "false_positive_rate": 0.01,
        **more,
    }


def softmax(name: str, column: int, labels: list[str], roles: list[str], **more: Any) -> dict[str, Any]:
    """A head of several classes."""
    return {**binary(name, column, roles), "kind": "softmax", "labels": labels, "threshold": 1.0, **more}


def heads() -> list[dict[str, Any]]:
    """One of each kind."""
    total = {"labels": ["partly", "refuses"], "kind": "sum", "of": "refusal_kind", "prompt": True, "pool": "ends"}
    refusal = {**binary("refusal", 0, ["response"]), **total}
    del refusal["column"], refusal["column0"]
    kinds = ["complies", "partly", "refuses"]
    return [
        binary("toxicity", 0, ALL),
        binary("unsafe", 1, ["other"]),
        binary("response_harmful", 2, ["response"], prompt=True),
        binary("prompt_harmful", 3, ["request"]),
        softmax("refusal_kind", 4, kinds, ["response"], prompt=True, pool="ends"),
        refusal,
        softmax("hazard", 7, list(HAZARDS), ALL, pool="mean"),
        softmax("topic", 23, list(TOPICS), ["request"], pool="mean"),
    ]


def manifest() -> dict[str, Any]:
    """What `model.toml` holds, but for the checksums."""
    return {
        "schema": 1,
        "name": "tiny",
        "version": "3",
        "licence": "CC0-1.0",
        "base": "none",
        "created": "2026-01-01",
        "languages": ["en"],
        "files": {},
        "encoder": {
            "file": "model.onnx",
            "tokenizer": "tokenizer.json",
            "embedding_dim": DIM,
            "window": 24,
            "overlap": 4,
            "prompt": 8,
            "windows_max": 4,
        },
        "stage0": {"file": "stage0.npz"},
        "head": heads(),
    }


COLUMNS: Final = 25


def encoder(**more: Any) -> Encoder:
    """Its graph; seeded."""
    toss = np.random.default_rng(1)
    return Encoder(
        vectors=toss.normal(size=(len(WORDS), DIM)).astype(np.float32),
        heads=(2 * toss.normal(size=(DIM, more.pop("columns", COLUMNS)))).astype(np.float32),
        **more,
    )


def make(folder: Path, of: Encoder | None = None, **keys: Any) -> Path:
    """A whole folder; `keys` replace top-level entries of its manifest."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.onnx").write_bytes(graph(of or encoder()))
    tokenizer().save(str(folder / "tokenizer.json"))
    toss = np.random.default_rng(2)
    table = toss.normal(size=(2**BUCKETS_LOG2, COLUMNS)).astype(np.float16)
    np.savez(folder / "stage0.npz", table=table, bias=toss.normal(size=COLUMNS).astype(np.float32))
    seal(folder, {**manifest(), **keys})
    return folder


def tokenizer(words: list[str] = WORDS) -> Tokenizer:
    """A word is a token."""
    made = Tokenizer(WordLevel({word: number for number, word in enumerate(words)}, unk_token="[UNK]"))
    made.normalizer = Lowercase()
    made.pre_tokenizer = Whitespace()
    return made


def seal(folder: Path, values: dict[str, Any]) -> None:
    """Write `model.toml` with the checksums of what lies in the folder."""
    names = ("model.onnx", "tokenizer.json", "stage0.npz")
    sums = {
        name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in names if (folder / name).exists()
    }
    (folder / "model.toml").write_text(toml({**values, "files": sums}))


def toml(values: dict[str, Any]) -> str:
    """TOML of nested plain values: JSON's texts, numbers, lists and booleans are TOML's too."""
    plain = [f"{key} = {json.dumps(value)}" for key, value in values.items() if not _is_table(value)]
    for key, value in values.items():
        if isinstance(value, dict):
            plain += [f"[{key}]", *(f"{json.dumps(name)} = {json.dumps(one)}" for name, one in value.items())]
        elif _is_table(value):
            for one in value:
                plain += [f"[[{key}]]", *(f"{name} = {json.dumps(part)}" for name, part in one.items())]
    return "\n".join(plain) + "\n"


def _is_table(value: Any) -> bool:
    return isinstance(value, dict) or (isinstance(value, list) and bool(value) and isinstance(value[0], dict))
