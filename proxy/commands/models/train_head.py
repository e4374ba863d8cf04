"""`groundwire models train-head`: a head for a team's own category, on the embedding of an installed model."""

from __future__ import annotations

import hashlib
import os
import sys
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from proxy.classifiers.contract import Item, Scored
from proxy.classifiers.extra_heads import is_stem
from proxy.classifiers.guard import Guard
from proxy.classifiers.head_training import rows
from proxy.classifiers.head_training.card import Origin, card, limits
from proxy.classifiers.head_training.logistic import Matrix, Truth
from proxy.classifiers.head_training.store import About, store
from proxy.classifiers.head_training.training import TooLittleData, Trained, train
from proxy.classifiers.manifest import OWN_PREFIX, Manifest
from proxy.classifiers.manifest import read as read_manifest
from proxy.commands.columns import columns
from proxy.commands.models.place import library, printed, printed_json
from proxy.commands.models.progress import progress
from proxy.core.errors import GroundwireError

BATCH = 16


class HeadError(GroundwireError):
    """A head that cannot be trained as asked."""


def train_head(arguments: Namespace) -> int:
    """Fit, calibrate, measure, store."""
    if not is_stem(arguments.name):
        raise HeadError(f"a head cannot be called {arguments.name!r}; use a-z, 0-9, _ and -, at most 48 characters")
    if not 0 < arguments.false_positive_rate < 1:
        raise HeadError(f"--false-positive-rate is {arguments.false_positive_rate:g}; it is above 0 and below 1")
    manifest = read_manifest(library(arguments).folder(arguments.model))
    data = Path(arguments.data)
    labelled = rows.read(data)
    inputs, truth = _embedded(manifest, labelled)
    trained = train(inputs, truth, arguments.false_positive_rate, arguments.seed)
    today = datetime.now(UTC).date().isoformat()
    about = About(arguments.name, tuple(rows.roles(labelled)), today, arguments.false_positive_rate)
    checksum = hashlib.sha256(data.read_bytes()).hexdigest()
    name = f"{data.name} (sha256 {checksum[:12]})"
    origin = Origin(manifest.identity, manifest.licence, name, len(truth), int(truth.sum()), arguments.seed)
    path = store(manifest, about, trained, card(about, origin, trained))
    if arguments.json:
        return printed_json({"head": str(path), "threshold": trained.threshold, **asdict(trained.measures)})
    return printed(_told(about, trained, path))


def _embedded(manifest: Manifest, labelled: Sequence[rows.Labelled]) -> tuple[Matrix, Truth]:
    """Embeddings float64 [n, dim] and truth bool [n] of the rows that the model can read. Raises HeadError."""
    if not manifest.embedding_dim:
        raise HeadError(f"{manifest.identity} gives no embedding, so it takes no heads; --model names one that does")
    guard = Guard.load(manifest.path.parent, passes_max=os.cpu_count() or 1)
    scored = _scored(guard, [item for item, _ in labelled])
    kept = [
        (one.embedding, label) for one, (_, label) in zip(scored, labelled, strict=True) if one.embedding is not None
    ]
    if len(kept) < len(labelled):
        sys.stderr.write(f"{len(labelled) - len(kept)} texts left out: not in a language that the model reads\n")
    if not kept:
        raise TooLittleData("no text is in a language that the model reads")
    return np.array([one for one, _ in kept], dtype=np.float64), np.array([label for _, label in kept], dtype=np.bool_)


def _scored(guard: Guard, items: Sequence[Item]) -> list[Scored]:
    found: list[Scored] = []
    with progress("reading", len(items)) as tell:
        for begin in range(0, len(items), BATCH):
            found.extend(guard.score(items[begin : begin + BATCH]))
            tell(len(found))
    return found


def _told(about: About, trained: Trained, path: Path) -> str:
    measured = trained.measures
    table = columns([
        ("measured on", f"{measured.rows} texts that were used for nothing else, {measured.positives} with label 1"),
        ("AUROC", f"{measured.auroc:.3f}"),
        ("F1", f"{measured.f1:.3f} at the threshold {trained.threshold:.3f}"),
        ("recall", f"{measured.recall:.3f}"),
        ("false positives", f"{measured.false_positive_rate:.3f}, asked for {about.false_positive_rate:g}"),
        ("calibration error", f"{measured.calibration_error:.3f}"),
    ])  # fmt: skip
    notes = "\n".join(f"note: {one}" for one in limits(about, trained))
    return f"{OWN_PREFIX}{about.stem}, on {', '.join(about.roles)}: {path}\n{table}\n{notes}"
