"""Rows to learn from: the labelled texts of a folder (schema in its README) and our own templates, with one label set.

A label that a source does not give is unknown, unless another label implies it; what implies what stands in `implied`.
"""

from __future__ import annotations

import gzip
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from models.recipes.guard import splits
from models.recipes.guard.heads import REFUSAL_KINDS, TOPICS
from models.recipes.guard.templates import filled
from proxy.classifiers.contract import HAZARDS

FILES: Final = ("toxicity", "requests", "jailbreak", "responses", "hazard_text")
OWN: Final = Path(__file__).parent / "texts"
FILLINGS: Final = 3
CONTENT: Final = ("hate", "violence", "self_harm", "sexual", "harassment")
_PLAINLY_UNSAFE: Final = frozenset(
    {"violent_crime", "weapons", "sex_crime", "sexual_content", "hate", "harassment", "self_harm"}
)

_NOT_HATE_YET_RUDE: Final = 0.25

# Rows of a source that one pass sees: large sources of one kind must not drown the rest.
CAPS: Final = {
    "s-nlp/paradetox": 9_000,
    "ipavlopoulos/toxic_spans": 5_000,
    "t-davidson/hate-speech-and-offensive-language": 7_000,
    "clinc/oos-eval": 2_500,
    "thu-coai/DiaSafety": 7_000,
    "google-research-datasets/aart-ai-safety-dataset": 1_800,
}


@dataclass(frozen=True, slots=True)
class Row:
    """One text. `labels`: 0..1 for yes-or-no heads (a share of annotators), a label's number for softmax heads.

    `filling`: a template of ours is filled anew for each pass over it, so that no slot is learnt by heart.
    """

    text: str
    prompt: str
    role: str
    labels: Mapping[str, float]
    source: str
    key: str
    held_out: bool
    unseen: bool
    generator: str = ""
    filling: int = 0


def rows(folder: Path) -> list[Row]:
    """Everything. Raises FileNotFoundError with the missing file's name."""
    return [*_public(folder), *(row for filling in range(FILLINGS) for row in _own(filling))]


def capped(all_rows: list[Row], seed: int) -> list[Row]:
    """The rows of one training pass: held-out ones left out, large sources cut to their cap by a hash of wording."""
    kept = [row for row in all_rows if not row.held_out]
    sizes: dict[str, int] = {}
    for row in kept:
        sizes[row.source] = sizes.get(row.source, 0) + 1
    return [row for row in kept if _within_cap(row, sizes[row.source], seed)]


def _within_cap(row: Row, size: int, seed: int) -> bool:
    cap = CAPS.get(row.source, size)
    rare = row.source.startswith("t-davidson") and (row.labels.get("hate") == 1 or row.labels.get("toxicity") == 0)
    return rare or splits.share_of(f"{seed}/{row.key}") < cap / size


def _public(folder: Path) -> Iterator[Row]:
    for name in FILES:
        path = folder / f"{name}.jsonl.gz"
        if not path.is_file():
            raise FileNotFoundError(
                f"{path} is missing: DATA must be the folder with the labelled texts (its README.md)"
            )
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            for line in lines:
                raw = json.loads(line)
                yield Row(
                    text=raw["text"],
                    prompt=raw.get("prompt", ""),
                    role=raw["role"],
                    labels=implied(_labels(raw), raw["role"], raw["source"]),
                    source=raw["source"],
                    key=splits.wording(raw),
                    held_out=splits.held_out(raw),
                    unseen=splits.unseen(raw),
                    generator=raw.get("generator") or "",
                )


def _own(filling: int) -> Iterator[Row]:
    for one in filled(OWN, filling):
        raw: dict[str, Any] = {"text": one.text, "source": one.source, "template": one.template}
        labels = {k: v for k, v in one.labels.items() if k not in ("hazard", "topic", "refusal_kind")}
        named = {
            "hazard": (HAZARDS, one.labels.get("hazard")),
            "topic": (TOPICS, one.labels.get("topic")),
            "refusal_kind": (REFUSAL_KINDS, one.labels.get("refusal_kind")),
        }
        for head, (names, name) in named.items():
            if name is not None:
                labels[head] = names.index(name)
        yield Row(
            text=one.text,
            prompt=one.prompt,
            role=one.role,
            labels=implied(labels, one.role, one.source),
            source=one.source,
            key=splits.wording(raw),
            held_out=splits.held_out(raw),
            unseen=False,
            filling=filling,
        )


def _labels(raw: Mapping[str, Any]) -> dict[str, float]:
    given = raw["labels"]
    labels = {k: float(v) for k, v in given.items() if isinstance(v, int | float) and not isinstance(v, bool)}
    if "refusal" in labels:
        labels["refusal_kind"] = 2.0 if labels.pop("refusal") else 0.0
    hazards = [name for name in given.get("hazard") or () if name in HAZARDS]
    if len(hazards) == 1:
        labels["hazard"] = float(HAZARDS.index(hazards[0]))
    if given.get("topic") in TOPICS:
        labels["topic"] = float(TOPICS.index(given["topic"]))
    if raw["source"] == "HannahKirk/Hatemoji" and labels.get("hate") == 0:
        labels.setdefault("toxicity", _NOT_HATE_YET_RUDE)  # left unknown, every emoji would be toxic
    if raw["source"].startswith("synthetic"):  # hazard_text
        labels["unsafe"] = max(labels.get(name, 0.0) for name in CONTENT)
        positive = [name for name in CONTENT if labels.get(name) == 1]
        names = {"violence": "violent_crime", "sexual": "sexual_content"}
        if len(positive) == 1:
            labels["hazard"] = float(HAZARDS.index(names.get(positive[0], positive[0])))
    return labels


def implied(labels: Mapping[str, float], role: str, source: str) -> dict[str, float]:
    """Labels with what they imply: a civil comment holds no hate, an ordinary request is no jailbreak, and so on."""
    out = dict(labels)

    def also(value: float, *names: str) -> None:
        for name in names:
            out.setdefault(name, value)

    if out.get("hate") == 1:
        also(1.0, "toxicity", "unsafe")
        also(float(HAZARDS.index("hate")), "hazard")
    if out.get("unsafe") == 0 and role == "other":
        also(0.0, *CONTENT)
    if out.get("toxicity") == 0 and role != "request":
        also(0.0, "hate", "harassment")
        if source != "ipavlopoulos/toxic_spans":
            also(0.0, "unsafe", "violence", "self_harm", "sexual")
    if role == "request":
        if "topic" in out:
            also(0.0, "prompt_harmful")
        hazard = out.get("hazard")
        if out.get("prompt_harmful") == 0:
            also(0.0, "jailbreak", "injection", "unsafe", "toxicity", *CONTENT)
        elif out.get("prompt_harmful") == 1 and not source.startswith("own/"):
            also(0.0, "jailbreak", "injection")
        if out.get("jailbreak") == 1:
            also(0.0, "injection")
        if out.get("injection") == 1:
            also(0.0, "jailbreak") if source.startswith("own/") else None
        if hazard is not None and not math.isnan(hazard) and HAZARDS[int(hazard)] in _PLAINLY_UNSAFE:
            also(1.0, "unsafe")
    if role == "response":
        if out.get("response_harmful") == 0 and out.get("toxicity") == 0:
            also(0.0, "unsafe", *CONTENT)
        if out.get("refusal_kind") == 2 and out.get("response_harmful") == 0:
            also(0.0, "toxicity", "unsafe", *CONTENT)
    return out
