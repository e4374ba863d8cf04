"""How good a folder's files are: by head and by source, on rows that no stage was trained on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from models.recipes.guard.calibrate import Fit, pooled_logits, refusal_odds
from models.recipes.guard.data import Row
from models.recipes.guard.heads import HEADS, Head, offsets
from models.recipes.guard.measuring import Raw
from models.recipes.guard.ngrams_fit import columns
from proxy.classifiers.evaluation import metrics
from proxy.classifiers.pooling import Pool, pooled


@dataclass(frozen=True, slots=True)
class Line:
    """One row of the table. `kind`: "test" (held-out wording) or "unseen" (a source kept out whole)."""

    head: str
    source: str
    kind: str
    positives: int
    negatives: int
    auroc: float
    auprc: float
    f1: float
    precision: float
    recall: float
    false_positive_rate: float
    ece: float


def lines(raw: Raw, rows: Sequence[Row], fits: Mapping[str, Fit]) -> Iterator[Line]:
    """All heads: over all sources together ("all"), then by source where it has both kinds or enough of one."""
    for name, probability in probabilities(raw, fits).items():
        yield from _of_head(name, probability, rows, fits[name].threshold)
    for head in HEADS:
        if head.labels and head.name != "refusal_kind":
            yield from _top1(head, raw, rows, fits[head.name])


def probabilities(raw: Raw, fits: Mapping[str, Fit]) -> dict[str, np.ndarray]:
    """Fused probability of each yes-or-no signal; float64 [rows] each."""
    scored = {head.name: _binary(head, raw, fits[head.name]) for head in HEADS if not head.labels}
    kind = next(head for head in HEADS if head.name == "refusal_kind")
    fit = fits["refusal"]
    scored["refusal"] = _sigmoid(fit.fused[0] * refusal_odds(kind, fits[kind.name], raw, "fused") + fit.fused[2])
    return scored


def _of_head(name: str, probability: np.ndarray, rows: Sequence[Row], threshold: float) -> Iterator[Line]:
    truth = np.array([_truth(name, row) for row in rows])
    groups: dict[tuple[str, str], list[int]] = {("all", "test"): [], ("all", "unseen"): []}
    for number, row in enumerate(rows):
        if np.isnan(truth[number]):
            continue
        kind = "unseen" if row.unseen else "test"
        source = f"{row.source} [{row.generator}]" if row.generator and row.unseen else row.source
        groups.setdefault((source, kind), []).append(number)
        groups["all", kind].append(number)
    for (source, kind), numbers in groups.items():
        if len(numbers) < 8:
            continue
        y, p = truth[numbers] >= 0.5, probability[numbers]
        c = metrics.confusion(y, p >= threshold)
        yield Line(
            name, source, kind, int(y.sum()), int((~y).sum()), metrics.auroc(y, p), metrics.auprc(y, p), c.f1,
            c.precision, c.recall, c.false_positive_rate, metrics.calibration_error(y, p),
        )  # fmt: skip


def _top1(head: Head, raw: Raw, rows: Sequence[Row], fit: Fit) -> Iterator[Line]:
    at, at0 = offsets()[head.name], columns()[0].get(head.name)
    hits: dict[tuple[str, str], list[bool]] = {}
    for number, row in enumerate(rows):
        if head.name not in row.labels:
            continue
        z = fit.fused[0] * pooled(raw.z1[number][:, at : at + head.columns], Pool(head.pool))
        if at0 is not None:
            z = z + fit.fused[1] * raw.z0[number, at0 : at0 + head.columns]
        kind = "unseen" if row.unseen else "test"
        for source in (row.source, f"all {row.role}"):
            hits.setdefault((source, kind), []).append(int(z.argmax()) == int(row.labels[head.name]))
    nan = float("nan")
    for (source, kind), found in hits.items():
        share = sum(found) / len(found)
        yield Line(f"{head.name} (top 1)", source, kind, len(found), 0, nan, nan, nan, nan, share, nan, nan)


def _truth(name: str, row: Row) -> float:
    if name == "refusal":
        kind = row.labels.get("refusal_kind")
        return np.nan if kind is None else float(kind > 0)
    return row.labels.get(name, np.nan)


def _binary(head: Head, raw: Raw, fit: Fit) -> np.ndarray:
    z0 = raw.z0[:, columns()[0][head.name]]
    return _sigmoid(fit.fused[0] * pooled_logits(head, raw) + fit.fused[1] * z0 + fit.fused[2])


def _sigmoid(z: np.ndarray) -> np.ndarray:
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(z, -60.0, 60.0))))


def table(found: Sequence[Line]) -> str:
    """As Markdown."""
    head = "| head | source | kind | pos / neg | AUROC | AUPRC | F1 | precision | recall | FPR | ECE |"
    out = [head, "|---|---|---|---|---|---|---|---|---|---|---|"]
    for one in found:
        numbers = (one.auroc, one.auprc, one.f1, one.precision, one.recall, one.false_positive_rate, one.ece)
        cells = " | ".join("" if np.isnan(value) else f"{value:.3f}" for value in numbers)
        out.append(f"| {one.head} | {one.source} | {one.kind} | {one.positives} / {one.negatives} | {cells} |")
    return "\n".join(out)
