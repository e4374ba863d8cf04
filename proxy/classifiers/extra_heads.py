"""A team's own categories: linear heads on the embedding of a model, kept beside it in `heads/`.

    heads/medical_advice.toml              what the head is, for which encoder, its threshold
    heads/medical_advice-1f0c9a2b.npz      weight float32 [dim], bias float32 []; calibration is already in them

The weights' name holds their checksum: replacing the .toml is all it takes to replace a head.

probability = sigmoid(weight . embedding + bias), of the embedding that the model gives the item. A head belongs to one
encoder, by the checksum of its file: on another the numbers would mean nothing, so that head is refused by name.
"""

from __future__ import annotations

import hashlib
import io
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from proxy.classifiers.contract import Embedding, Role
from proxy.classifiers.fields import ModelError, Table
from proxy.classifiers.fusion import sigmoid
from proxy.classifiers.manifest import OWN_PREFIX, Manifest

FOLDER: Final = "heads"
SCHEMA: Final = 1
BYTES_MAX: Final = 1_048_576

_STEM: Final = re.compile(r"[a-z0-9](?:[a-z0-9_-]{0,46}[a-z0-9])?")
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_AGAIN: Final = "train it anew with `groundwire models train-head`"


@dataclass(frozen=True, slots=True)
class ExtraHead:
    """One head. `checksum`: SHA-256 in hex of its weights, part of its version."""

    signal: str
    model: str
    encoder: str
    roles: frozenset[Role]
    weight: NDArray[np.float32]
    bias: float
    threshold: float
    false_positive_rate: float
    checksum: str

    @property
    def identity(self) -> str:
        """What is added to the version of the scores: "policy.medical_advice:1f0c9a2b"."""
        return f"{self.signal}:{self.checksum[:8]}"


def is_stem(name: str) -> bool:
    """Whether a head may be called so; its signal is then `policy.` and the name."""
    return _STEM.fullmatch(name) is not None


def weights_file(stem: str, checksum: str) -> str:
    """The name of the file that holds the weights of a head."""
    return f"{stem}-{checksum[:8]}.npz"


def applied(
    heads: Sequence[ExtraHead], role: Role, embedding: Embedding
) -> tuple[Mapping[str, float], Mapping[str, bool]]:
    """(signal -> probability, signal -> decision) of the heads that read this role. embedding: float32 [dim]."""
    scores = {head.signal: _score(head, embedding) for head in heads if role in head.roles}
    flags = {head.signal: scores[head.signal] >= head.threshold for head in heads if role in head.roles}
    return scores, flags


def _score(head: ExtraHead, embedding: Embedding) -> float:
    return sigmoid(float(head.weight @ embedding) + head.bias)


def version(model: str, heads: Sequence[ExtraHead]) -> str:
    """The version of scores that these heads are part of: "guard-small@1+policy.medical_advice:1f0c9a2b"."""
    return "+".join([model, *(head.identity for head in heads)])


def read(manifest: Manifest) -> tuple[ExtraHead, ...]:
    """The heads beside a model, by name; none where there is no folder. Raises ModelError for one that is not right."""
    folder = manifest.path.parent / FOLDER
    return tuple(_head(path, manifest) for path in sorted(folder.glob("*.toml")))


def _head(path: Path, manifest: Manifest) -> ExtraHead:
    table = _table(path)
    head = _parsed(table, path)
    table.spent()
    if head.encoder != manifest.files[manifest.encoder]:
        what = f"was trained on another encoder ({head.model}; this is {manifest.identity})"
        raise table.wrong("encoder", what, f"{_AGAIN}, or remove it")
    if head.weight.shape != (manifest.embedding_dim,):
        what = f"has weights {head.weight.shape} where the embedding is [{manifest.embedding_dim}]"
        raise ModelError(path, what, _AGAIN)
    return head


def _table(path: Path) -> Table:
    try:
        return Table(path, "", tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as wrong:
        raise ModelError(path, f"cannot be read ({wrong.strerror})", "restore it or remove it") from None
    except ValueError as wrong:
        raise ModelError(path, f"is not TOML: {wrong}", _AGAIN) from None


def _parsed(table: Table, path: Path) -> ExtraHead:
    if table.number("schema") != SCHEMA:
        raise table.wrong("schema", f"is not {SCHEMA}", "the head was made for another version of Groundwire")
    if not is_stem(path.stem) or table.text("name") != OWN_PREFIX + path.stem:
        raise table.wrong("name", f"is not {OWN_PREFIX}{path.stem}", "the file's name and the signal's must agree")
    checksum = table.match("sha256", _SHA256, "a SHA-256 in 64 hex digits")
    weight, bias = _weights(path.with_name(weights_file(path.stem, checksum)), checksum)
    table.text("created", "")
    return ExtraHead(
        signal=table.text("name"),
        model=table.text("model"),
        encoder=table.match("encoder", _SHA256, "a SHA-256 in 64 hex digits"),
        roles=frozenset(Role(role) for role in table.texts("roles", of=[role.value for role in Role])),
        weight=weight,
        bias=bias,
        threshold=table.share("threshold"),
        false_positive_rate=table.share("false_positive_rate"),
        checksum=checksum,
    )


def _weights(path: Path, checksum: str) -> tuple[NDArray[np.float32], float]:
    try:
        with path.open("rb") as stream:
            data = stream.read(BYTES_MAX)
    except OSError as wrong:
        raise ModelError(path, f"cannot be read ({wrong.strerror})", _AGAIN) from None
    if hashlib.sha256(data).hexdigest() != checksum:
        raise ModelError(path, "its SHA-256 is not that of the .toml: truncated, changed or corrupt", _AGAIN)
    try:
        arrays = np.load(io.BytesIO(data), allow_pickle=False)
        weight, bias = arrays["weight"], arrays["bias"]
    except Exception as wrong:  # zip, zlib, numpy and a missing key each raise their own
        raise ModelError(path, f"is no .npz with weight and bias: {wrong}", _AGAIN) from None
    if weight.dtype != np.float32 or weight.ndim != 1 or bias.shape != () or not np.isfinite([*weight, bias]).all():
        raise ModelError(path, "weight and bias are not finite numbers float32 [dim] and []", _AGAIN)
    return weight, float(bias)
