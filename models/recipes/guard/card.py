"""The model card: what the files are, what they learnt, how good they are, where they fail. Figures are computed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from models.recipes.guard import reliability
from models.recipes.guard.calibrate import Fit
from models.recipes.guard.data import Row
from models.recipes.guard.heads import HEADS
from models.recipes.guard.measuring import Raw
from models.recipes.guard.report import Line, probabilities, table
from proxy.classifiers.contract import HAZARDS

UNTAUGHT: Final = (
    "Sexual content and minors: no text of that kind was seen; a rule on words stands in its place.",
    "Intellectual property, defamation, misinformation, elections, specialized advice: few public texts, mostly our "
    "own sentences and the AILuminate demo prompts.",
    "Conversations of several turns: the last user turn and the answer are all that is read.",
    "Languages other than English: marked out of scope.",
)
IDENTITY: Final = (
    "gay", "lesbian", "transgender", "trans", "muslim", "jewish", "black", "white", "women", "woman", "immigrant",
    "immigrants", "disabled", "christian", "asian", "latino", "deaf", "blind", "queer", "bisexual",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Made:
    """What was made, and when."""

    name: str
    version: str
    created: str


@dataclass(frozen=True, slots=True)
class Measured:
    """Rows that no stage was trained on, and what the files say of them."""

    raw: Raw
    rows: Sequence[Row]
    fits: Mapping[str, Fit]


def write(folder: Path, made: Made, lines: Sequence[Line], of: Measured, taught: Sequence[Row]) -> None:
    """card.md and reliability.svg."""
    rows, fits = of.rows, of.fits
    scored = probabilities(of.raw, fits)
    curves = {head: reliability.curve(*_known(head, scored[head], rows)) for head in scored}
    (folder / "reliability.svg").write_text(reliability.svg(curves), encoding="utf-8")
    text = "\n".join(
        [
            f"# {made.name}, version {made.version}",
            f"\nMade {made.created} by `make train`. Apache-2.0. One int8 ONNX file: embedding (384) and all heads in"
            " one pass; stage 0 is a table over hashed n-grams of the same tokens.",
            "\nEncoder: sentence-transformers/all-MiniLM-L6-v2 (Apache-2.0), "
            + ("its six layers." if made.name == "guard-large" else "three layers, distilled from guard-large."),
            "\n## What it was taught",
            _taught(taught),
            "\n## What it was not taught",
            *(f"- {line}" for line in UNTAUGHT),
            "\n## How good it is",
            "Fused score at the shipped threshold. `test`: held-out wordings of sources that were trained on. `unseen`:"
            " sources, and one generator, that were kept out whole. Thresholds were chosen on other held-out wordings.",
            "",
            table([line for line in lines if line.source.startswith("all")]),
            "\n### By source",
            table([line for line in lines if not line.source.startswith("all")]),
            "\n## Calibration",
            "Share of positives (up) by score (right), held-out and unseen rows together; the diagonal is perfect.",
            "\n![reliability](reliability.svg)",
            "\n## Known biases",
            _biases(scored, rows, fits),
            "\n## Thresholds",
            "| signal | threshold | chosen for a false-positive rate of | on rows |\n|---|---|---|---|",
            *(
                f"| {head} | {fit.threshold:.3f} | {fit.false_positive_rate} | {fit.rows} |"
                for head, fit in fits.items()
                if fit.false_positive_rate
            ),
            "",
        ]
    )
    (folder / "card.md").write_text(text, encoding="utf-8")


def _known(head: str, probability: np.ndarray, rows: Sequence[Row]) -> tuple[np.ndarray, np.ndarray]:
    name = "refusal_kind" if head == "refusal" else head
    known = np.array([name in row.labels for row in rows])
    truth = np.array([row.labels.get(name, 0.0) >= 0.5 for row in rows])
    return truth[known], probability[known]


def _taught(taught: Sequence[Row]) -> str:
    sources = Counter(row.source for row in taught)
    out = ["| source | texts |", "|---|---|", *(f"| {source} | {count} |" for source, count in sources.most_common())]
    heads: Counter[str] = Counter(name for row in taught for name in row.labels if any(h.name == name for h in HEADS))
    hazards: Counter[str] = Counter(HAZARDS[int(row.labels["hazard"])] for row in taught if "hazard" in row.labels)
    out.append("\nLabels: " + ", ".join(f"{name} {count}" for name, count in heads.most_common()) + ".")
    out.append("\nHazards: " + ", ".join(f"{name} {hazards[name]}" for name in HAZARDS) + ".")
    return "\n".join(out)


def _biases(scored: Mapping[str, np.ndarray], rows: Sequence[Row], fits: Mapping[str, Fit]) -> str:
    """False positives by what a text merely mentions, how it is written, and how long it is."""
    kinds = {
        "names an identity": [bool(set(row.text.lower().split()) & set(IDENTITY)) for row in rows],
        "names none": [not set(row.text.lower().split()) & set(IDENTITY) for row in rows],
        "under 60 characters": [len(row.text) < 60 for row in rows],
        "60 to 300": [60 <= len(row.text) < 300 for row in rows],
        "over 300": [len(row.text) >= 300 for row in rows],
        "tweets (dialect over-labelled in the source)": ["t-davidson" in row.source for row in rows],
        "holds code": ["```" in row.text or "def " in row.text or "();" in row.text for row in rows],
        "look-alike requests": ["requests_hazard" in row.source for row in rows],
    }
    out = ["| texts | signal | harmless | flagged |", "|---|---|---|---|"]
    for name, chosen in kinds.items():
        for head in ("toxicity", "hate", "unsafe", "prompt_harmful", "response_harmful"):
            harmless = np.array(
                [is_in and row.labels.get(head, 1.0) < 0.5 for is_in, row in zip(chosen, rows, strict=True)]
            )
            if harmless.sum() >= 20:
                flagged = (scored[head][harmless] >= fits[head].threshold).mean()
                out.append(f"| {name} | {head} | {int(harmless.sum())} | {100 * flagged:.1f} % |")
    return "\n".join(out)
