"""Writes a trained head beside its model: weights and card first, then the one rename that makes it current."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from proxy.classifiers.extra_heads import FOLDER, SCHEMA, weights_file
from proxy.classifiers.head_training.training import Trained
from proxy.classifiers.manifest import OWN_PREFIX, Manifest
from proxy.classifiers.toml_text import toml_text
from proxy.core.errors import GroundwireError


class StoreError(GroundwireError):
    """A folder that cannot be written."""


@dataclass(frozen=True, slots=True)
class About:
    """What is written on a head besides its numbers. `created`: a date, as text."""

    stem: str
    roles: tuple[str, ...]
    created: str
    false_positive_rate: float


def store(manifest: Manifest, about: About, trained: Trained, card: str) -> Path:
    """The path of the new heads/NAME.toml; an older head of the name is replaced. Raises StoreError."""
    folder = manifest.path.parent / FOLDER
    weights = _npz(trained)
    checksum = hashlib.sha256(weights).hexdigest()
    current = folder / f"{about.stem}.toml"
    try:
        folder.mkdir(exist_ok=True)
        _replace(folder / weights_file(about.stem, checksum), weights)
        _replace(folder / f"{about.stem}.md", card.encode())
        _replace(current, toml(manifest, about, trained, checksum).encode())
        for old in folder.glob(weights_file(about.stem, "?" * 8)):
            if old.name != weights_file(about.stem, checksum):
                old.unlink()
    except OSError as wrong:
        mend = f"copy the model first: groundwire models add NAME --from {manifest.path.parent}"
        raise StoreError(f"{folder}: cannot be written ({wrong.strerror}); {mend}") from wrong
    return current


def toml(manifest: Manifest, about: About, trained: Trained, checksum: str) -> str:
    """The text of heads/NAME.toml."""
    return toml_text({
        "schema": SCHEMA,
        "name": OWN_PREFIX + about.stem,
        "model": manifest.identity,
        "encoder": manifest.files[manifest.encoder],
        "created": about.created,
        "roles": list(about.roles),
        "threshold": trained.threshold,
        "false_positive_rate": about.false_positive_rate,
        "sha256": checksum,
    })  # fmt: skip


def _npz(trained: Trained) -> bytes:
    held = io.BytesIO()
    np.savez(held, weight=trained.weight.astype(np.float32), bias=np.float32(trained.bias))
    return held.getvalue()


def _replace(path: Path, data: bytes) -> None:
    fresh = path.with_name(f".{path.name}.new")
    fresh.write_bytes(data)
    fresh.replace(path)
