"""The measures of a table of quality, each a pure function of truth and score.

`truth` is bool [n], `score` float [n] with larger meaning more likely true. Equal scores are one threshold, so that the
order of the rows never matters. A measure that the rows cannot give (one kind alone, no row) is NaN, never 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Truth = NDArray[np.bool_]
Score = NDArray[np.float64]
Counts = NDArray[np.int64]

BINS: Final = 15  # Guo et al. 2017, "On Calibration of Modern Neural Networks"


@dataclass(frozen=True, slots=True)
class Confusion:
    """Counts of a decision against the truth."""

    hits: int
    false_alarms: int
    misses: int
    right_noes: int

    @property
    def precision(self) -> float:
        """Share of the flagged that are true; NaN where nothing is flagged."""
        return _share(self.hits, self.hits + self.false_alarms)

    @property
    def recall(self) -> float:
        """Share of the true that are flagged; NaN where nothing is true."""
        return _share(self.hits, self.hits + self.misses)

    @property
    def false_positive_rate(self) -> float:
        """Share of the untrue that are flagged; NaN where nothing is untrue."""
        return _share(self.false_alarms, self.false_alarms + self.right_noes)

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall; NaN where all rows are of one kind (it would say nothing)."""
        both = self.hits + self.misses and self.false_alarms + self.right_noes
        return _share(2 * self.hits, 2 * self.hits + self.false_alarms + self.misses) if both else float("nan")


def confusion(truth: Truth, flagged: Truth) -> Confusion:
    """Counts of `flagged` bool [n] against `truth` bool [n]."""
    hits = int(np.sum(truth & flagged))
    false_alarms = int(np.sum(flagged)) - hits
    misses = int(np.sum(truth)) - hits
    return Confusion(hits, false_alarms, misses, len(truth) - hits - false_alarms - misses)


def auroc(truth: Truth, score: Score) -> float:
    """The chance that a true row scores above an untrue one, a tie counting half (Mann and Whitney 1947)."""
    positives = int(np.sum(truth))
    negatives = len(truth) - positives
    if not positives or not negatives:
        return float("nan")
    above = float(np.sum(_mean_ranks(score)[truth])) - positives * (positives + 1) / 2
    return above / (positives * negatives)


def auprc(truth: Truth, score: Score) -> float:
    """Average precision: precision at each threshold, weighted by the recall that it adds. No interpolation."""
    if not truth.any() or truth.all():
        return float("nan")
    hits, alarms = _by_threshold(truth, score)
    precision = hits / (hits + alarms)
    return float(np.sum(np.diff(hits, prepend=0) * precision) / hits[-1])


def recall_at(truth: Truth, score: Score, false_positive_rate: float) -> float:
    """The largest recall of any threshold that flags at most this share of the untrue rows."""
    if not truth.any() or truth.all():
        return float("nan")
    hits, alarms = _by_threshold(truth, score)
    allowed = alarms / alarms[-1] <= false_positive_rate
    return float(np.max(hits, where=allowed, initial=0) / hits[-1])


def threshold_for(truth: Truth, score: Score, false_positive_rate: float) -> float:
    """The smallest score t for which `score >= t` flags at most this share of the untrue rows; inf: none does."""
    negatives = int(np.sum(~truth))
    if not negatives:
        return float("nan")
    _, alarms = _by_threshold(truth, score)
    allowed = np.unique(score)[::-1][alarms / negatives <= false_positive_rate]
    return float(allowed[-1]) if len(allowed) else float("inf")


def calibration_error(truth: Truth, score: Score, bins: int = BINS) -> float:
    """Expected calibration error: |mean score - share true| in `bins` equal parts of 0..1, weighted by their rows."""
    if not len(truth):
        return float("nan")
    part = np.clip((score * bins).astype(np.int64), 0, bins - 1)
    gap = np.bincount(part, score - truth, minlength=bins)
    return float(np.sum(np.abs(gap)) / len(truth))


def _mean_ranks(score: Score) -> Score:
    """Rank of each row from 1, equal scores sharing the mean of theirs."""
    _, group, counts = np.unique(score, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    ranks: Score = (last - (counts - 1) / 2)[group]
    return ranks


def _by_threshold(truth: Truth, score: Score) -> tuple[Counts, Counts]:
    """(hits, false alarms) at each distinct score as the threshold, highest first; int64 [distinct]."""
    _, group, counts = np.unique(-score, return_inverse=True, return_counts=True)
    hits = np.cumsum(np.bincount(group, truth, minlength=len(counts)).astype(np.int64))
    return hits, np.cumsum(counts) - hits


def _share(part: int, whole: int) -> float:
    return part / whole if whole else float("nan")
