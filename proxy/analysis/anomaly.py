"""Answers unlike any that a route's model gave before: Mahalanobis distance with a conformal limit.

The distance is taken in a space of fixed random projections of the embedding. The first FIT_N answers of a model give
mean and covariance, shrunk towards its mean variance (Ledoit and Wolf 2004, with a fixed intensity). The next
CALIBRATE_N, which took no part in that, give the limit: the largest of their distances. An ordinary answer lies beyond
it with probability of at most 1 / (CALIBRATE_N + 1), whatever the distribution, as long as answers are exchangeable
(Vovk, Gammerman and Shafer 2005). Until then an answer is neither ordinary nor anomalous: it has no verdict.

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

Vector = NDArray[np.float64]

FIT_N: Final = 1_000
CALIBRATE_N: Final = 3_000
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
    precision: Vector | None = None  # the inverse of the covariance, once it is known

    def __post_init__(self) -> None:
        if not self.total.size:
            self.total, self.squares = np.zeros(self.dim), np.zeros((self.dim, self.dim))

    @property
    def complete(self) -> bool:
        """Whether answers have verdicts."""
        return self.calibrated >= CALIBRATE_N

    def seen(self, vector: Vector) -> int | None:
        """Whether this answer [dim] is anomalous, 0 or 1; None while learning, and it is learnt from."""
        if self.n < FIT_N:
            self.n += 1
            self.total += vector
            self.squares += np.outer(vector, vector)
            return None
        distance = self.distance(vector)
        if self.complete:
            return int(distance > self.limit)
        self.calibrated += 1
        self.limit = max(self.limit, distance)
        return None

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
    })  # fmt: skip


def from_bytes(value: bytes) -> Ordinary:
    """Read what `to_bytes` gave. Raises StateError."""
    try:
        data: Any = orjson.loads(value)
        dim = int(data["dim"])
        total = np.asarray(data["total"], dtype=np.float64).reshape(dim)
        squares = np.asarray(data["squares"], dtype=np.float64).reshape(dim, dim)
        n, calibrated, limit = int(data["n"]), int(data["calibrated"]), float(data["limit"])
    except (KeyError, TypeError, ValueError) as wrong:
        raise StateError(f"the ordinary answers of a model cannot be read: {wrong!r}") from wrong
    if not (np.isfinite(total).all() and np.isfinite(squares).all()):
        raise StateError("the ordinary answers of a model cannot be read: not finite")
    return Ordinary(str(data["version"]), dim, n, total, squares, calibrated, limit)
