"""Writes a model folder: the files, and the `model.toml` that says what they are."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.recipes.guard.batches import SHAPE
from models.recipes.guard.calibrate import Fit
from models.recipes.guard.heads import HEADS, Head, offsets
from models.recipes.guard.ngrams_fit import columns

ENCODER: Final = "sentence-transformers/all-MiniLM-L6-v2 (Apache-2.0)"
REFUSAL: Final = "refusal"


def files(folder: Path, onnx: Path, tokenizer: Path, table: NDArray[np.float16], bias: NDArray[np.float32]) -> None:
    """Everything but model.toml."""
    folder.mkdir(parents=True, exist_ok=True)
    if onnx.resolve() != (folder / "model.onnx").resolve():
        shutil.copyfile(onnx, folder / "model.onnx")
    shutil.copyfile(tokenizer, folder / "tokenizer.json")
    np.savez_compressed(folder / "stage0.npz", table=table, bias=bias)


def manifest(folder: Path, name: str, version: str, created: str, fits: Mapping[str, Fit]) -> None:
    """`model.toml`, with the checksums of the files that lie there."""
    parts = [
        "# Written by models/recipes/guard. What each key means: docs/classifiers.md.",
        "schema = 1",
        *_pairs(name=name, version=version, licence="Apache-2.0", base=ENCODER, created=created),
        'languages = ["en"]',
        "\n[files]",
        *(f'"{one}" = "{_sha256(folder / one)}"' for one in ("model.onnx", "tokenizer.json", "stage0.npz")),
        "\n[encoder]",
        *_pairs(file="model.onnx", tokenizer="tokenizer.json"),
        "emoji_names = true",
        f"embedding_dim = 384\nwindow = {SHAPE.window}\noverlap = {SHAPE.overlap}\nprompt = {SHAPE.prompt}",
        f"windows_max = {SHAPE.windows_max}",
        '\n[stage0]\nfile = "stage0.npz"',
        *(line for head in HEADS for line in _head(head, fits[head.name])),
        *_refusal(next(head for head in HEADS if head.name == "refusal_kind"), fits[REFUSAL]),
    ]
    (folder / "model.toml").write_text("\n".join(parts) + "\n", encoding="utf-8")


def _head(head: Head, fit: Fit) -> list[str]:
    at0 = columns()[0].get(head.name)
    lines = ["\n[[head]]", *_pairs(name=head.name, kind="softmax" if head.labels else "binary")]
    if head.labels:
        lines.append(f"labels = {_texts(head.labels)}")
    lines += [f"roles = {_texts(head.roles)}", f"prompt = {str(head.prompt).lower()}"]
    lines += [f"column = {offsets()[head.name]}", *([f"column0 = {at0}"] if at0 is not None else [])]
    lines += [f'pool = "{head.pool}"', *_weights(fit)]
    return lines if head.labels else [*lines, *_decision(fit)]


def _refusal(kind: Head, fit: Fit) -> list[str]:
    return [
        "\n[[head]]",
        *_pairs(name=REFUSAL, kind="sum", of=kind.name),
        'labels = ["partly", "refuses"]',
        f"roles = {_texts(kind.roles)}",
        "prompt = true",
        f'pool = "{kind.pool}"',
        *_weights(fit),
        *_decision(fit),
    ]


def _weights(fit: Fit) -> list[str]:
    named = {"stage0": fit.stage0, "stage1": fit.stage1, "fused": fit.fused}
    return [f"{name} = [{', '.join(f'{value:.5f}' for value in values)}]" for name, values in named.items()]


def _decision(fit: Fit) -> list[str]:
    alone = ", ".join(f"{one:.4f}" for one in fit.alone)
    return [
        f"threshold = {fit.threshold:.4f}",
        f"thresholds = [{alone}]",
        f"false_positive_rate = {fit.false_positive_rate}",
    ]


def _pairs(**values: str) -> list[str]:
    return [f'{key} = "{value}"' for key, value in values.items()]


def _texts(values: Sequence[str]) -> str:
    return "[" + ", ".join(f'"{value}"' for value in values) + "]"


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
