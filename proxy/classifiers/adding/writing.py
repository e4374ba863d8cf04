"""`model.toml` and `card.md` of a model that was added."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from proxy.classifiers.adding.agreement import Agreement
from proxy.classifiers.adding.labels import Activation, Mapped, Plan
from proxy.classifiers.manifest import SCHEMA
from proxy.classifiers.tokens import Shape
from proxy.classifiers.toml_text import toml_text

ENCODER: Final = "model.onnx"
TOKENIZER: Final = "tokenizer.json"
UNKNOWN: Final = "unknown"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a model comes from and what was done to it. `created`: a date, as text."""

    name: str
    source: str
    licence: str
    created: str
    quantized: str
    family: str


def shape(positions: int, window: int) -> Shape:
    """Windows for a model with so many positions, at most `window` tokens long."""
    fits = max(min(positions, window), 16)
    return Shape(window=fits, overlap=fits // 8, prompt=fits // 4, windows_max=6)


def manifest(folder: Path, origin: Origin, plan: Plan, cut: Shape) -> str:
    """The text of model.toml for a folder that holds the encoder and the tokenizer.

    The version is the encoder's checksum: two models never share one, whatever they are called.
    """
    files = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in (ENCODER, TOKENIZER)}
    return toml_text({
        "schema": SCHEMA,
        "name": origin.name,
        "version": files[ENCODER][:8],
        "licence": origin.licence,
        "base": origin.source,
        "created": origin.created,
        "languages": list(plan.languages),
        "files": files,
        "encoder": {
            "file": ENCODER,
            "tokenizer": TOKENIZER,
            "embedding_dim": 0,
            "window": cut.window,
            "overlap": cut.overlap,
            "prompt": cut.prompt,
            "windows_max": cut.windows_max,
        },
        "head": [_head(column, one) for column, one in enumerate(plan.signals)],
    })  # fmt: skip


def _head(column: int, one: Mapped) -> Mapping[str, Any]:
    return {
        "name": one.signal,
        "kind": "binary",
        "roles": [role.value for role in one.roles],
        "prompt": one.prompt,
        "column": column,
        "pool": "max",
        "stage1": [1.0, 0.0],
        "fused": [1.0, 0.0, 0.0],
        "threshold": one.threshold,
    }


def card(origin: Origin, plan: Plan, agreed: Agreement, times: str) -> str:
    """Markdown. `times`: the table of `models bench`, as text."""
    signals = [("signal", "the model's labels", "on", "threshold"), *(_signal(plan, one) for one in plan.signals)]
    return "\n".join([
        f"# {origin.name}",
        "",
        *_table([
            ("", ""),
            ("from", origin.source),
            ("licence", origin.licence),
            ("family", origin.family),
            ("languages", ", ".join(plan.languages)),
            ("made by", f"`groundwire models add`, {origin.created}; {origin.quantized}"),
            ("labels that feed no signal", ", ".join(plan.unused) or "none"),
        ]),
        "",
        "## Signals",
        *_table(signals),
        "",
        "## Against the original",
        f"{str(agreed)[:1].upper()}{str(agreed)[1:]}.",
        "",
        "## Time",
        "On the machine that added it, one thread, one text at a time:",
        "```",
        times,
        "```",
        "",
        "## What this does not show",
        "- How good the model is on your texts: `groundwire models evaluate` measures it on labelled ones.",
        "- Scores are the model's own, not calibrated, and the thresholds were chosen by nobody's data.",
        f"- {_SEVERAL[plan.activation]}",
        "- The model gives no embedding: anomaly, embedding drift and `train-head` need one that does.",
        "",
    ])  # fmt: skip


_SEVERAL: Final = {
    Activation.SOFTMAX: "A signal of several labels is the sum of their probabilities.",
    Activation.SIGMOID: "A signal of several labels is the largest of their probabilities.",
}


def _signal(plan: Plan, one: Mapped) -> tuple[str, ...]:
    labels = ", ".join(plan.labels[column] for column in one.columns)
    prompt = ", with the prompt" if one.prompt else ""
    return f"`{one.signal}`", labels, ", ".join(one.roles) + prompt, f"{one.threshold:g}"


def _table(rows: Sequence[tuple[str, ...]]) -> list[str]:
    head, *rest = [f"| {' | '.join(cell.replace('|', '/') for cell in row)} |" for row in rows]
    return [head, "| " + " | ".join("---" for _ in rows[0]) + " |", *rest]
