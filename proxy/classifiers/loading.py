"""From a folder to a model that is ready: found, verified, opened, tried out. A folder that is not right is refused."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray
from tokenizers import Tokenizer

from proxy.classifiers.encoder import Encoder, Window, session
from proxy.classifiers.fields import ModelError
from proxy.classifiers.manifest import FILE, Manifest, read
from proxy.classifiers.ngrams import BUCKETS_LOG2
from proxy.classifiers.stage0 import Stage0
from proxy.classifiers.tokens import Ids, Tokens
from proxy.classifiers.word_cache import WordCache, suits

SHIPPED: Final = Path(__file__).resolve().parents[2] / "models"
DEFAULT: Final = "guard-small"
INPUTS: Final = frozenset({"input_ids", "attention_mask"})
INPUTS_KNOWN: Final = INPUTS | {"token_type_ids"}
RESTORE: Final = "restore the file (git checkout, or `groundwire models add` anew)"


@dataclass(frozen=True, slots=True)
class Model:
    """A model that is ready to score. `ids` cuts texts into tokens; `stage0` is None where the model has none."""

    manifest: Manifest
    tokens: Tokens
    ids: Callable[[Sequence[str]], list[Ids]]
    encoder: Encoder
    stage0: Stage0 | None


def find_model(where: str = "") -> Path:
    """The folder of a model. "" is the one that ships as default; else a folder, or the name of one that ships.

    Raises ModelError.
    """
    for folder in (Path(where), SHIPPED / where) if where else (SHIPPED / DEFAULT,):
        if (folder / FILE).is_file():
            return folder
    shipped = ", ".join(sorted(path.parent.name for path in SHIPPED.glob(f"*/{FILE}"))) or "none"
    raise ModelError(where or str(SHIPPED / DEFAULT), f"no model folder (it would hold {FILE})", f"shipped: {shipped}")


def load(folder: Path, threads: int = 1, rows_max: int = 1, passes_max: int = 1) -> Model:
    """Verify and open the model of a folder, and run it once. Raises ModelError; nothing is half loaded.

    threads:    of one pass of the encoder; the tokenizer never uses more than the caller's own
    rows_max:   windows in one pass; encoder.py says why 1
    passes_max: passes side by side, each on its own `threads`; scores do not depend on it
    """
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # its only switch; else it takes every core
    manifest = read(folder)
    held = {name: _verified(manifest, name) for name in manifest.files}
    tokens, vocabulary = _tokens(manifest, held[manifest.tokenizer])
    graph = _session(manifest, held[manifest.encoder], threads)
    stage0 = _stage0(manifest, held[manifest.stage0]) if manifest.stage0 else None
    passes = ThreadPoolExecutor(passes_max, "encoder") if passes_max > 1 else None
    ids = WordCache(tokens).ids if suits(held[manifest.tokenizer]) else tokens.ids
    model = Model(manifest, tokens, ids, Encoder(graph, tokens.pad, rows_max, passes), stage0)
    _try_out(model, vocabulary)
    return model


def _verified(manifest: Manifest, name: str) -> bytes:
    path = manifest.path.parent / name
    try:
        data = path.read_bytes()
    except OSError as wrong:
        raise ModelError(path, f"cannot be read ({wrong.strerror})", RESTORE) from None
    found = hashlib.sha256(data).hexdigest()
    if found != manifest.files[name]:
        what = f"SHA-256 is {found[:12]}..., not {manifest.files[name][:12]}... ({len(data)} bytes)"
        raise ModelError(path, f"{what}: truncated, changed or corrupt", RESTORE, key=f"files.{name}")
    return data


def _tokens(manifest: Manifest, data: bytes) -> tuple[Tokens, int]:
    """The tokenizer, and how many tokens it knows."""
    path = manifest.path.parent / manifest.tokenizer
    try:
        return manifest.tokens(), Tokenizer.from_str(data.decode()).get_vocab_size()
    except Exception as wrong:  # tokenizers raises bare Exception for a file that it cannot read
        mend = "it must be a tokenizer.json with [CLS], [SEP] and [PAD]"
        raise ModelError(path, f"is no tokenizer: {_short(wrong)}", mend) from None


def _session(manifest: Manifest, data: bytes, threads: int) -> ort.InferenceSession:
    path = manifest.path.parent / manifest.encoder
    try:
        graph = session(data, threads)
    except Exception as wrong:  # onnxruntime has a class for each of its states, with Exception as their only base
        raise ModelError(path, f"is no graph that can run: {_short(wrong)}", RESTORE) from None
    inputs = {one.name: one for one in graph.get_inputs()}
    if not INPUTS <= inputs.keys() <= INPUTS_KNOWN:
        wanted = "input_ids, attention_mask and, where it has them, token_type_ids"
        raise ModelError(path, f"its inputs are {', '.join(inputs)}", f"they must be {wanted}")
    for one in inputs.values():
        _require(path, one, "tensor(int64)", None)
    outputs = {one.name: one for one in graph.get_outputs()}
    for name, columns in (("embedding", manifest.embedding_dim), ("logits", manifest.columns)):
        if name not in outputs:
            raise ModelError(path, f"has no output {name!r}", "export it with outputs embedding and logits")
        _require(path, outputs[name], "tensor(float)", columns)
    return graph


def _require(path: Path, one: Any, kind: str, columns: int | None) -> None:
    """An input or output has this type, rank 2 and, where its width is fixed, enough columns."""
    if one.type != kind or len(one.shape) != 2:
        raise ModelError(path, f"{one.name} is {one.type} {one.shape}", f"it must be {kind} with two dimensions")
    width = one.shape[1]
    if columns is not None and isinstance(width, int):
        _require_width(path, one.name, width, columns)


def _require_width(path: Path, name: str, width: int, columns: int) -> None:
    if width < columns or (name == "embedding" and width != columns):
        what = f"{name} has {width} columns where {FILE} needs {columns}"
        raise ModelError(path, what, "graph and file must match")


def _stage0(manifest: Manifest, data: bytes) -> Stage0:
    path = manifest.path.parent / manifest.stage0
    try:
        arrays = np.load(io.BytesIO(data), allow_pickle=False)
        table, bias = arrays["table"], arrays["bias"]
    except Exception as wrong:  # zip, zlib, numpy and a missing key each raise their own
        raise ModelError(path, f"is no .npz with table and bias: {_short(wrong)}", RESTORE) from None
    columns = manifest.columns0
    wanted = f"they must be float16 [{2**BUCKETS_LOG2}, {columns} or more] and float32 of as many columns"
    fits = table.ndim == 2 and bias.ndim == 1 and table.shape == (2**BUCKETS_LOG2, len(bias)) and len(bias) >= columns
    if not fits or table.dtype != np.float16 or bias.dtype != np.float32:
        what = f"table is {table.dtype} {table.shape}, bias {bias.dtype} {bias.shape}"
        raise ModelError(path, what, wanted)
    if not (np.isfinite(table).all() and np.isfinite(bias).all()):
        raise ModelError(path, "holds numbers that are not finite", "train it anew")
    return Stage0(cast("NDArray[np.float16]", table), cast("NDArray[np.float32]", bias))


def _try_out(model: Model, vocabulary: int) -> None:
    """A short and a longest pass, with the last token of the vocabulary: what fails, fails now; all else is warm."""
    path = model.manifest.path.parent / model.manifest.encoder
    last = np.full(model.manifest.shape.window - 2, vocabulary - 1, dtype=np.int32)
    ends = np.array([model.tokens.cls], dtype=np.int32), np.array([model.tokens.sep], dtype=np.int32)
    windows: list[Window] = [(np.concatenate(ends), 0), (np.concatenate([ends[0], last, ends[1]]), 2)]
    try:
        for window in windows:
            embedding, logits = model.encoder.run([window])
    except Exception as wrong:  # as in _session
        mend = "tokenizer, window and graph must belong together"
        raise ModelError(path, f"fails on {len(window[0])} tokens: {_short(wrong)}", mend) from None
    _require_width(path, "embedding", embedding.shape[1], model.manifest.embedding_dim)
    _require_width(path, "logits", logits.shape[1], model.manifest.columns)
    if not (np.isfinite(embedding).all() and np.isfinite(logits).all()):
        raise ModelError(path, "its outputs are not finite", "export it anew")
    if model.manifest.embedding_dim and abs(float(np.linalg.norm(embedding)) - 1) > 0.01:
        raise ModelError(path, "its embeddings have not length 1", "export it with a normalised embedding")


def _short(wrong: Exception) -> str:
    return " ".join(str(wrong).split())[:200] or type(wrong).__name__
