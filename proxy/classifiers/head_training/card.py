"""The card of a head: what it was made from, how good it is, and what nobody has shown."""

from __future__ import annotations

import math
from dataclasses import dataclass

from proxy.classifiers.head_training.store import About
from proxy.classifiers.head_training.training import FOLDS, TEST_PARTS, Trained
from proxy.classifiers.manifest import OWN_PREFIX


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a head comes from. `data`: the file's name and checksum, not its path."""

    model: str
    licence: str
    data: str
    rows: int
    positives: int
    seed: int


def card(about: About, origin: Origin, trained: Trained) -> str:
    """Markdown."""
    measured = trained.measures
    table = [
        ("signal", f"`{OWN_PREFIX}{about.stem}`, read on {', '.join(about.roles)}"),
        ("model", f"{origin.model} ({origin.licence}); its encoder is as it was"),
        ("made by", f"`groundwire models train-head`, {about.created}, seed {origin.seed}"),
        ("data", f"{origin.data}: {origin.rows} different texts, {origin.positives} of them with label 1"),
        ("method", f"logistic regression on the embedding, ridge {trained.ridge:g}, Platt scaling"),
        ("threshold", f"{trained.threshold:.4f}, for {_percent(about.false_positive_rate)} false positives"),
    ]
    measures = [
        ("rows", f"{measured.rows} ({measured.positives} with label 1)"),
        ("AUROC", _number(measured.auroc)),
        ("F1 at the threshold", _number(measured.f1)),
        ("recall at the threshold", _number(measured.recall)),
        ("false positives at the threshold", _percent(measured.false_positive_rate)),
        ("calibration error, ten bins", _number(measured.calibration_error)),
    ]
    return "\n".join([
        f"# {OWN_PREFIX}{about.stem}",
        "",
        "| | |",
        "| --- | --- |",
        *_rows(table),
        "",
        "## Measured",
        f"On one part in {TEST_PARTS} of the texts, chosen by the seed, which was used for nothing else. Ridge, "
        f"calibration and threshold come from the other texts, by {FOLDS}-fold cross-validation.",
        "",
        "| | |",
        "| --- | --- |",
        *_rows(measures),
        "",
        "## What this does not show",
        *[f"- {one}" for one in limits(about, trained)],
        "",
    ])  # fmt: skip


def limits(about: About, trained: Trained) -> list[str]:
    """What a reader must not conclude."""
    found = [
        "Texts that differ little from each other may be on both sides of the split: new texts can fare worse.",
        "A score is a probability for texts like these, mixed as these were.",
    ]
    if trained.threshold_negatives * about.false_positive_rate < 1:
        found.insert(
            0,
            f"{trained.threshold_negatives} harmless texts cannot show a false positive rate of "
            f"{_percent(about.false_positive_rate)}: the threshold lies above all of them, its true rate is unknown.",
        )
    return found


def _rows(pairs: list[tuple[str, str]]) -> list[str]:
    return [f"| {name} | {text.replace('|', '/')} |" for name, text in pairs]


def _number(value: float) -> str:
    return "unknown" if math.isnan(value) else f"{value:.3f}"


def _percent(value: float) -> str:
    return "unknown" if math.isnan(value) else f"{100 * value:.3g} %"
