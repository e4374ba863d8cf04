"""How far a quantized model says what the original says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from proxy.core.errors import GroundwireError

Scores = NDArray[np.float64]

SAME: Final = 0.01  # scores that are this close are one decision, though the threshold lies between them
AGREEMENT_MIN: Final = 0.90
MEAN_DIFFERENCE_MAX: Final = 0.05
# Closer than this, no dearer way of quantizing is tried.
CLOSE_DECISIONS_MIN: Final = 0.95
CLOSE_MEAN_DIFFERENCE_MAX: Final = 0.02


class Disagreement(GroundwireError):  # noqa: N818 - said of two models, not a fault of ours
    """A quantized model that says something else than the original."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """Of two models on the same texts. Differences are of probabilities; `decisions`: share decided alike."""

    texts: int
    max_difference: float
    mean_difference: float
    decisions: float

    @property
    def is_close(self) -> bool:
        """Whether there is nothing to better."""
        return self.decisions >= CLOSE_DECISIONS_MIN and self.mean_difference <= CLOSE_MEAN_DIFFERENCE_MAX

    def __str__(self) -> str:
        return (
            f"on {self.texts} probe texts: largest difference {self.max_difference:.4f}, mean "
            f"{self.mean_difference:.4f}, {100 * self.decisions:.1f} % of the decisions alike"
        )


def agreement(original: Scores, other: Scores, thresholds: Scores) -> Agreement:
    """original, other: float64 [texts, signals] of probabilities, texts >= 1; thresholds: float64 [signals]."""
    difference = np.abs(original - other)
    alike = ((original >= thresholds) == (other >= thresholds)) | (difference <= SAME)
    return Agreement(len(original), float(difference.max()), float(difference.mean()), float(alike.mean()))


def check(found: Agreement, decisions_min: float = AGREEMENT_MIN) -> None:
    """Raises Disagreement where the two must not stand for each other."""
    if found.decisions >= decisions_min and found.mean_difference <= MEAN_DIFFERENCE_MAX:
        return
    raise Disagreement(
        f"the quantized model differs from the original {found}; needed are {100 * decisions_min:.0f} % and a mean of "
        f"at most {MEAN_DIFFERENCE_MAX}. Try --quantize static with --calibration-texts of your own traffic's kind, or "
        f"--quantize none"
    )
