"""Answers unlike any that a route's model gave before: Mahalanobis distance with a conformal limit.

The distance is taken in a space of fixed random projections of the embedding, or, without an encoder, of stage-0
features. The first FIT_N answers of a model give mean and covariance, shrunk towards its mean variance (Ledoit and Wolf
2004, with a fixed intensity). The next CALIBRATE_N, which took no part in that, give the first limit: the largest of
their distances. An ordinary answer lies beyond it with probability of at most 1 / (CALIBRATE_N + 1), whatever the
distribution, as long as answers are exchangeable (`detectors.conformal`). Until then an answer has no verdict. Once
SETTLED_N distances are in, the limit is the sixth largest of them: the tail of 0.0003. Where more than chance allows
lies beyond the first limit in between, the model is changing, and the first limit stays: what is strange may not teach.

Limits: each process learns its own, from the first answers that it sees (not those of a baseline); what it learnt is
kept once it is complete, and at a clean end, so that a crash in between begins anew.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import orjson
from numpy.typing import NDArray

from proxy.core.errors import StateError
from proxy.detectors import conformal
from proxy.detectors.exact_test import is_above

Vector = NDArray[np.float64]

FIT_N: Final = 1_000
CALIBRATE_N: Final = 3_000
SETTLED_N: Final = conformal.CALIBRATE_N
CHANCE: Final = 1e-4  # of so many beyond the first limit, below which the model is taken to change
VARIANCE_MIN: Final = 1e-6  # one answer, repeated for ever, has no variance at all


@dataclass(slots=True)
class Ordinary:
    """What one model usually says. `version`: of the classifier whose embeddings these are; another begins anew."""

    version: str
    dim: int
    n: int = 0
    total: Vector = field(default_factory=lambda: np.zeros(0))
    squares: Vector = field(default_factory=lambda: np.zeros((0, 0)))
    calibrated: int = 0
    limit: float = 0.0
    largest: tuple[float, ...] = ()  # distances, in falling order
    beyond: int = 0  # since there is a limit, and until it is settled
    changing: bool = False  # more than chance allows lay beyond it: the first limit stays
    precision: Vector | None = None  # the inverse of the covariance, once it is known

    def __post_init__(self) -> None:
        if not self.total.size:
            self.total, self.squares = np.zeros(self.dim), np.zeros((self.dim, self.dim))

    @property
    def complete(self) -> bool:
        """Whether answers have verdicts."""
        return self.calibrated >= CALIBRATE_N

    @property
    def settled(self) -> bool:
        """Whether the limit stays as it is."""
        return self.calibrated >= SETTLED_N or self.changing

    def seen(self, vector: Vector) -> int | None:
        """Whether this answer [dim] is anomalous, 0 or 1; None while learning, and it is learnt from."""
        if self.n < FIT_N:
            self.n += 1
            self.total += vector
            self.squares += np.outer(vector, vector)
            return None
        distance = self.distance(vector)
        if not self.complete:
            self._learn(distance)
            return None
        flagged = int(distance > self.limit)
        if not self.settled:
            self._learn(distance)
            self._note(flagged)
        return flagged

    def _note(self, flagged: int) -> None:
        """Whether the model changes while its limit is not settled."""
        self.beyond += flagged
        n = self.calibrated - CALIBRATE_N
        if flagged and is_above(self.beyond, n, 1.0 / (CALIBRATE_N + 1), CHANCE):
            self.changing = True

    def _learn(self, distance: float) -> None:
        self.largest = conformal.kept(self.largest, distance)
        self.calibrated += 1
        if self.calibrated <= CALIBRATE_N:
            self.limit = self.largest[0]
        elif self.calibrated == SETTLED_N:
            self.limit = conformal.limit(self.largest, SETTLED_N, conformal.TAIL_SHARE) or self.limit

    def distance(self, vector: Vector) -> float:
        """The squared Mahalanobis distance, once FIT_N answers are in."""
        precision = self.precision
        if precision is None:
            precision = self.precision = np.asarray(np.linalg.inv(self._covariance()))
        off = vector - self.total / self.n
        return float(off @ precision @ off)

    def _covariance(self) -> Vector:
        mean = self.total / self.n
        sample = self.squares / self.n - np.outer(mean, mean)
        shrinkage = self.dim / (self.dim + self.n)
        variance = max(VARIANCE_MIN, float(np.trace(sample)) / self.dim)
        return np.asarray((1 - shrinkage) * sample + shrinkage * variance * np.eye(self.dim))


def to_bytes(one: Ordinary) -> bytes:
    """JSON; `from_bytes` is its inverse."""
    return orjson.dumps({
        "version": one.version,
        "dim": one.dim,
        "n": one.n,
        "total": one.total.tolist(),
        "squares": one.squares.ravel().tolist(),
        "calibrated": one.calibrated,
        "limit": one.limit,
        "largest": one.largest,
        "beyond": one.beyond,
        "changing": one.changing,
    })  # fmt: skip


def from_bytes(value: bytes) -> Ordinary:
    """Read what `to_bytes` gave. Raises StateError."""
    try:
        data: Any = orjson.loads(value)
        dim = int(data["dim"])
        total = np.asarray(data["total"], dtype=np.float64).reshape(dim)
        squares = np.asarray(data["squares"], dtype=np.float64).reshape(dim, dim)
        n, calibrated, limit = int(data["n"]), int(data["calibrated"]), float(data["limit"])
        largest = tuple(map(float, data.get("largest", [limit] * min(1, calibrated))))
        beyond, changing = int(data.get("beyond", 0)), bool(data.get("changing", False))
    except (KeyError, TypeError, ValueError) as wrong:
        raise StateError(f"the ordinary answers of a model cannot be read: {wrong!r}") from wrong
    if not (np.isfinite(total).all() and np.isfinite(squares).all()):
        raise StateError("the ordinary answers of a model cannot be read: not finite")
    return Ordinary(str(data["version"]), dim, n, total, squares, calibrated, limit, largest, beyond, changing)
