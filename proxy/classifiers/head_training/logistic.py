"""Logistic regression with a ridge, by Newton's method. Small, exact, and the same on every machine of one kind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]
Truth = NDArray[np.bool_]

STEPS_MAX: Final = 50
HALVINGS_MAX: Final = 30
TOLERANCE: Final = 1e-8  # of the loss, relative: a step that gains less has squared the error to nothing
BIAS_RIDGE: Final = 1e-9  # in the curvature only: where all rows are certain it would else be 0 for the bias


@dataclass(frozen=True, slots=True)
class _Problem:
    """design: float64 [n, dim + 1], the last column 1; penalty: float64 [dim + 1], 0 for the bias."""

    design: Matrix
    truth: Truth
    penalty: Vector

    @classmethod
    def of(cls, inputs: Matrix, truth: Truth, ridge: float) -> _Problem:
        penalty = np.append(np.full(inputs.shape[1], ridge), 0.0)
        return cls(np.column_stack([inputs, np.ones(len(inputs))]), truth, penalty)

    def loss(self, found: Vector) -> float:
        return log_loss(self.design @ found, self.truth) + 0.5 * float(self.penalty @ found**2)

    def step(self, found: Vector) -> Vector:
        """Newton's: minus the slope over the curvature."""
        chance = probabilities(self.design @ found)
        slope = self.design.T @ (chance - self.truth) + self.penalty * found
        curvature = (self.design * (chance * (1 - chance))[:, None]).T @ self.design
        curvature[np.diag_indices_from(curvature)] += self.penalty + BIAS_RIDGE
        return np.asarray(np.linalg.solve(curvature, -slope), dtype=np.float64)


def fit(inputs: Matrix, truth: Truth, ridge: float) -> tuple[Vector, float]:
    """(weights [dim], bias) that minimize summed log loss + ridge / 2 * |weights|^2; the bias is free.

    inputs: float64 [n, dim]; truth: bool [n], both kinds; ridge > 0, which makes the minimum finite and single.
    Newton's method (Hastie, Tibshirani, Friedman, section 4.4.1), each step halved until the loss falls.
    """
    problem = _Problem.of(inputs, truth, ridge)
    found = np.zeros(inputs.shape[1] + 1)
    found[-1] = np.log(truth.sum() / (~truth).sum())
    loss = problem.loss(found)
    for _ in range(STEPS_MAX):
        before = loss
        found, loss = _descended(problem, found, problem.step(found), loss)
        if before - loss <= TOLERANCE * before:
            break
    return found[:-1], float(found[-1])


def probabilities(logits: Vector) -> Vector:
    """The sigmoid, without overflow: float64 [n] -> float64 [n]."""
    return np.asarray(0.5 * (1 + np.tanh(0.5 * logits)), dtype=np.float64)


def log_loss(logits: Vector, truth: Truth) -> float:
    """Summed -log of the probability that was given to what is true."""
    return float(np.logaddexp(0, np.where(truth, -logits, logits)).sum())


def _descended(problem: _Problem, found: Vector, step: Vector, loss: float) -> tuple[Vector, float]:
    """The point that the step, halved as often as it takes, leads down to, and its loss; the same point if none."""
    for halvings in range(HALVINGS_MAX):
        reached = found + step / 2**halvings
        new = problem.loss(reached)
        if new < loss:
            return reached, new
    return found, loss
