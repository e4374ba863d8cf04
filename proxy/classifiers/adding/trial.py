"""A loaded model tried on the probes: every score must be a probability."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from proxy.classifiers.adding.probes import PROBES
from proxy.classifiers.contract import Item, Role, Scored
from proxy.classifiers.fields import ModelError
from proxy.classifiers.guard import Guard
from proxy.classifiers.language import ANY
from proxy.classifiers.loading import load


def opened(folder: Path) -> Guard:
    """The model of a folder, asked in every language: a trial is about numbers. Raises ModelError."""
    model = load(folder)
    return Guard(replace(model, manifest=replace(model.manifest, languages=(ANY,))))


def tried(folder: Path) -> Guard:
    """The model of a folder, when all that it says of the probes are probabilities. Raises ModelError."""
    guard = opened(folder)
    scored = guard.score([Item(text, role, prompt) for text, role, prompt in _items()])
    for one in scored:
        for signal, value in (*one.scores.items(), *one.hazards.items(), *one.topics.items()):
            if not 0.0 <= value <= 1.0:
                raise ModelError(folder, f"its {signal} of a trial text is {value}", "train or export it anew")
    if not any(map(_has_scores, scored)):
        raise ModelError(folder, "scored none of the trial texts", "look at the heads' `roles`")
    return guard


def _items() -> list[tuple[str, Role, str]]:
    """Each probe in each role; every other one answers another."""
    return [(text, role, PROBES[at - 1] if at % 2 else "") for at, text in enumerate(PROBES) for role in Role]


def _has_scores(one: Scored) -> bool:
    return bool(one.scores or one.topics)
