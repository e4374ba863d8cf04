"""From raw logits to probabilities: Platt scaling of each stage and of both together, and thresholds.

Fitted on held-out rows that no stage was trained on, each source with the weight of the root of its size: a threshold
must suit sources that we have not seen, not the largest that we have.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from models.recipes.guard.data import Row
from models.recipes.guard.heads import REFUSAL_KINDS, Head, offsets
from models.recipes.guard.measuring import Raw
from models.recipes.guard.ngrams_fit import columns
from proxy.classifiers.fusion import log_odds_of
from proxy.classifiers.pooling import Pool, pooled

Floats = NDArray[np.float32]
Numbers = NDArray[np.float64]
REFUSES: Final = tuple(REFUSAL_KINDS.index(name) for name in ("partly", "refuses"))
RATES: Final = (0.005, 0.01, 0.02, 0.03, 0.05, 0.08, 0.1)
_PRIOR: Final = 1e-3
_ROWS_MIN: Final = 40


@dataclass(frozen=True, slots=True)
class Fit:
    """What `model.toml` says of a head: weights for each stage, threshold, and the rows that chose them.

    `alone`: the thresholds of stage 0 and of stage 1 where the other is not there.
    """

    stage0: tuple[float, float]
    stage1: tuple[float, float]
    fused: tuple[float, float, float]
    threshold: float = 0.5
    alone: tuple[float, float] = (0.5, 0.5)
    false_positive_rate: float = 0.0
    rows: int = 0


def weights_of(rows: Sequence[Row]) -> Numbers:
    """Each source weighs as the square root of its rows; float64 [rows], mean 1."""
    counts: dict[str, int] = {}
    for row in rows:
        counts[row.source] = counts.get(row.source, 0) + 1
    found = np.array([1.0 / np.sqrt(counts[row.source]) for row in rows])
    return found / found.mean() if len(found) else found


def binary(head: Head, raw: Raw, rows: Sequence[Row]) -> Fit:
    """Fit a yes-or-no head."""
    z1, z0 = pooled_logits(head, raw), raw.z0[:, columns()[0][head.name]]
    return _binary(z1, z0, rows, head.name, head.fpr)


def refusal(kind: Head, fit: Fit, raw: Raw, rows: Sequence[Row], fpr: float) -> Fit:
    """The summed head over `refusal_kind`: log odds of partly or refuses, at each stage, calibrated again."""
    wanted = np.array([np.nan if (k := row.labels.get(kind.name)) is None else float(k > 0) for row in rows])
    known = ~np.isnan(wanted)
    weight = weights_of([row for row, is_known in zip(rows, known, strict=True) if is_known])
    odds = {stage: refusal_odds(kind, fit, raw, stage)[known] for stage in ("0", "1", "fused")}
    zero = np.zeros(int(known.sum()))
    alone0 = logistic(odds["0"], zero, wanted[known], weight)
    alone1 = logistic(odds["1"], zero, wanted[known], weight)
    both = logistic(odds["fused"], zero, wanted[known], weight)
    logits = [alone0[0] * odds["0"] + alone0[2], alone1[0] * odds["1"] + alone1[2], both[0] * odds["fused"] + both[2]]
    at0, at1, threshold, rate = _decisions([_sigmoid(z) for z in logits], wanted[known], weight, fpr)
    fused = (both[0], 0.0, both[2])
    return Fit((alone0[0], alone0[2]), (alone1[0], alone1[2]), fused, threshold, (at0, at1), rate, len(weight))


def refusal_odds(kind: Head, fit: Fit, raw: Raw, stage: str) -> Numbers:
    """Log odds of (partly or refuses) for each row at a stage; float64 [rows]."""
    at, at0 = offsets()[kind.name], columns()[0][kind.name]
    a, b = {"0": (0.0, fit.stage0[0]), "1": (fit.stage1[0], 0.0), "fused": fit.fused[:2]}[stage]
    found = []
    for z1, z0 in zip(raw.z1, raw.z0, strict=True):
        windows = a * z1[:, at : at + kind.columns] + b * z0[at0 : at0 + kind.columns]
        found.append(float(pooled(log_odds_of(windows, 1.0, REFUSES), Pool(kind.pool))))
    return np.array(found)


def softmax(head: Head, raw: Raw, rows: Sequence[Row]) -> Fit:
    """Fit the two weights of a many-label head (temperature scaling with two inputs, Guo et al. 2017)."""
    at = offsets()[head.name]
    at0 = columns()[0].get(head.name)
    known = [number for number, row in enumerate(rows) if head.name in row.labels]
    z1 = np.stack([pooled(raw.z1[number][:, at : at + head.columns], Pool(head.pool)) for number in known])
    z0 = raw.z0[known, at0 : at0 + head.columns] if at0 is not None else np.zeros_like(z1)
    wanted = np.array([int(rows[number].labels[head.name]) for number in known])
    weight = weights_of([rows[number] for number in known])
    a0 = _temperature(np.zeros_like(z1), z0, wanted, weight)[1] if at0 is not None else 0.0
    a1 = _temperature(z1, np.zeros_like(z1), wanted, weight)[0]
    both = _temperature(z1, z0, wanted, weight) if at0 is not None else (a1, 0.0)
    return Fit((a0, 0.0), (a1, 0.0), (*both, 0.0), rows=len(known))


def pooled_logits(head: Head, raw: Raw) -> Numbers:
    """Pooled logits of a yes-or-no head; float64 [rows]."""
    at = offsets()[head.name]
    return np.array([float(pooled(one[:, at], Pool(head.pool))) for one in raw.z1])


def _binary(z1: Numbers, z0: Floats, rows: Sequence[Row], name: str, fpr: float) -> Fit:
    wanted = np.array([np.nan if (v := row.labels.get(name)) is None else float(v >= 0.5) for row in rows])
    known = ~np.isnan(wanted)
    if known.sum() < _ROWS_MIN or len(set(wanted[known])) < 2:
        raise ValueError(f"head {name}: {int(known.sum())} held-out rows of one kind are too few to calibrate on")
    y, x1, x0 = wanted[known], z1[known], z0[known].astype(np.float64)
    weight = weights_of([row for row, is_known in zip(rows, known, strict=True) if is_known])
    zero = np.zeros_like(x1)
    alone0, alone1, both = logistic(zero, x0, y, weight), logistic(x1, zero, y, weight), logistic(x1, x0, y, weight)
    logits = [alone0[1] * x0 + alone0[2], alone1[0] * x1 + alone1[2], both[0] * x1 + both[1] * x0 + both[2]]
    at0, at1, threshold, rate = _decisions([_sigmoid(z) for z in logits], y, weight, fpr)
    return Fit((alone0[1], alone0[2]), (alone1[0], alone1[2]), both, threshold, (at0, at1), rate, len(y))


def logistic(x1: Numbers, x0: Numbers, y: Numbers, weight: Numbers) -> tuple[float, float, float]:
    """(a, b, c) of sigmoid(a x1 + b x0 + c) with a, b >= 0, by weighted likelihood (Platt 1999)."""
    tensors = [torch.from_numpy(np.asarray(one, dtype=np.float64)) for one in (x1, x0, y, weight)]
    used = [float(np.any(x1 != 0)), float(np.any(x0 != 0))]
    p = torch.tensor([0.5, 0.0, 0.0], dtype=torch.float64, requires_grad=True)

    def loss() -> torch.Tensor:
        a, b = torch.nn.functional.softplus(p[0]) * used[0], torch.nn.functional.softplus(p[1]) * used[1]
        z = a * tensors[0] + b * tensors[1] + p[2]
        losses = torch.nn.functional.binary_cross_entropy_with_logits(z, tensors[2], reduction="none")
        return (losses * tensors[3]).mean() + _PRIOR * (a**2 + b**2)

    _minimise(p, loss)
    a, b = (float(torch.nn.functional.softplus(p[i].detach())) * used[i] for i in (0, 1))
    return a, b, float(p[2].detach())


def _temperature(z1: Floats, z0: Floats, wanted: NDArray[np.int64], weight: Numbers) -> tuple[float, float]:
    tensors = [torch.from_numpy(np.asarray(one, dtype=np.float64)) for one in (z1, z0, weight)]
    target = torch.from_numpy(wanted)
    used = [float(np.any(z1 != 0)), float(np.any(z0 != 0))]
    p = torch.tensor([0.5, 0.0], dtype=torch.float64, requires_grad=True)

    def loss() -> torch.Tensor:
        a, b = torch.nn.functional.softplus(p[0]) * used[0], torch.nn.functional.softplus(p[1]) * used[1]
        losses = torch.nn.functional.cross_entropy(a * tensors[0] + b * tensors[1], target, reduction="none")
        return (losses * tensors[2]).mean() + _PRIOR * (a**2 + b**2)

    _minimise(p, loss)
    a, b = (float(torch.nn.functional.softplus(p[i].detach())) * used[i] for i in (0, 1))
    return a, b


def _minimise(p: torch.Tensor, loss: Callable[[], torch.Tensor]) -> None:
    optimiser = torch.optim.LBFGS([p], max_iter=200, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimiser.zero_grad()
        value = loss()
        value.backward()
        return value

    optimiser.step(closure)


def _decisions(
    stages: Sequence[Numbers], wanted: Numbers, weight: Numbers, rate_max: float
) -> tuple[float, float, float, float]:
    """Thresholds of stage 0, stage 1 and the fused score, all for one false-positive rate; and that rate.

    The rate is the one of RATES, up to `rate_max`, at which the fused score has the largest F1 where half of all texts
    are positive: the true share is not known, and differs by route.
    """
    rates = [rate for rate in RATES if rate <= rate_max]
    best = max(rates, key=lambda rate: _balanced_f1(stages[-1], wanted, weight, rate))
    at0, at1, fused = (threshold_at(probability, wanted, weight, best) for probability in stages)
    return at0, at1, fused, best


def _balanced_f1(probability: Numbers, wanted: Numbers, weight: Numbers, rate: float) -> float:
    flagged = probability >= threshold_at(probability, wanted, weight, rate)
    recall, alarms = (float((flagged * weight)[wanted == kind].sum() / weight[wanted == kind].sum()) for kind in (1, 0))
    return 2 * recall / (1 + recall + alarms)


def threshold_at(probability: Numbers, wanted: Numbers, weight: Numbers, fpr: float) -> float:
    """The smallest threshold at which at most `fpr` of the weight of the negatives is flagged."""
    negative = wanted == 0
    order = np.argsort(-probability[negative])
    flagged = np.cumsum(weight[negative][order]) / weight[negative].sum()
    last = int(np.searchsorted(flagged, fpr, side="right"))
    values = probability[negative][order]
    return float(np.clip(values[min(last, len(values) - 1)] + 1e-6, 0.02, 0.98))


def _sigmoid(z: Numbers) -> Numbers:
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(z, -60.0, 60.0))))
