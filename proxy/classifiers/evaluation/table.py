"""From labelled rows and what a classifier said of them to a table: one line for each signal and group of rows."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np

from proxy.classifiers.contract import Scored
from proxy.classifiers.evaluation.metrics import auprc, auroc, calibration_error, confusion, recall_at
from proxy.classifiers.evaluation.rows import ATTACK, Row, truths

ALL: Final = "all"  # the group of all rows
AUTOMATIC: Final = "automatic"
FALSE_POSITIVE_RATE: Final = 0.01
_ATTACK_PARTS: Final = ("jailbreak", "injection")


@dataclass(frozen=True, slots=True)
class Answer:
    """What was said of one row and signal: the truth, the score 0..1, and the decision at the shipped threshold."""

    truth: bool
    score: float
    flagged: bool


@dataclass(frozen=True, slots=True)
class Quality:
    """Of one signal in one group. NaN where the group cannot say: one kind alone, or no threshold shipped."""

    signal: str
    group: str
    rows: int
    positives: int
    auroc: float
    auprc: float
    f1: float
    recall: float
    false_positive_rate: float
    recall_at_1_percent_false_positives: float
    calibration_error: float


@dataclass(frozen=True, slots=True)
class TopOne:
    """How often the likeliest category (`hazard`, `topic`) is one of the row's."""

    signal: str
    group: str
    rows: int
    accuracy: float


@dataclass(frozen=True, slots=True)
class Table:
    """The whole table. `unscored`: reason -> rows that the classifier did not score."""

    rows: int
    unscored: Mapping[str, int]
    qualities: Sequence[Quality]
    tops: Sequence[TopOne]

    def as_json(self) -> dict[str, Any]:
        """Plain data; NaN becomes null."""
        return {
            "rows": self.rows,
            "unscored": dict(self.unscored),
            "signals": [_no_nan(asdict(one)) for one in self.qualities],
            "categories": [_no_nan(asdict(one)) for one in self.tops],
        }


def tabulated(pairs: Iterable[tuple[Row, Scored]], by: str = "source") -> Table:
    """Measures of every signal over all rows and for each value of the field `by`, groups by name."""
    rows, unscored = 0, defaultdict[str, int](int)
    answers: defaultdict[tuple[str, str], list[Answer]] = defaultdict(list)
    tops: defaultdict[tuple[str, str], list[bool]] = defaultdict(list)
    for row, scored in pairs:
        rows += 1
        if scored.out_of_scope:
            unscored[scored.out_of_scope.value] += 1
        for group in (ALL, _group(row, by)):
            for signal, answer in _answers(row, scored).items():
                answers[signal, group].append(answer)
            for signal, right in _tops(row, scored).items():
                tops[signal, group].append(right)
    return Table(
        rows,
        unscored,
        [quality(*key, answers[key]) for key in sorted(answers, key=_all_first)],
        [TopOne(*key, len(tops[key]), sum(tops[key]) / len(tops[key])) for key in sorted(tops, key=_all_first)],
    )


def quality(signal: str, group: str, answers: Sequence[Answer]) -> Quality:
    """The measures of one signal in one group."""
    truth = np.array([one.truth for one in answers], dtype=np.bool_)
    score = np.array([one.score for one in answers], dtype=np.float64)
    matrix = confusion(truth, np.array([one.flagged for one in answers], dtype=np.bool_))
    return Quality(
        signal,
        group,
        len(answers),
        int(truth.sum()),
        auroc(truth, score),
        auprc(truth, score),
        matrix.f1,
        matrix.recall,
        matrix.false_positive_rate,
        recall_at(truth, score, FALSE_POSITIVE_RATE),
        calibration_error(truth, score),
    )


def _group(row: Row, by: str) -> str:
    """The row's value of a field; whether a machine made its labels is part of the name."""
    value = row.fields.get(by) or row.labels.get(by) or "unknown"
    return f"{by} {value}" + (" (automatic labels)" if row.labels.get("label_kind") == AUTOMATIC else "")


def _answers(row: Row, scored: Scored) -> dict[str, Answer]:
    """Of the signals that are both known and scored."""
    scores, flags = dict(scored.scores), dict(scored.flags)
    parts = [name for name in _ATTACK_PARTS if name in scores]
    if parts:
        scores[ATTACK] = max(scores[name] for name in parts)
        flags[ATTACK] = any(flags.get(name, False) for name in parts)
    known = truths(row.labels)
    return {name: Answer(known[name], scores[name], flags.get(name, False)) for name in known if name in scores}


def _tops(row: Row, scored: Scored) -> dict[str, bool]:
    """Whether the likeliest hazard and topic are right, where the row names some that the classifier knows."""
    right = {}
    hazards, topic = row.labels.get("hazard"), row.labels.get("topic")
    if hazards and scored.hazards:
        right["hazard"] = _likeliest(scored.hazards) in hazards
    if topic in scored.topics:
        right["topic"] = _likeliest(scored.topics) == topic
    return right


def _likeliest(probabilities: Mapping[str, float]) -> str:
    return max(probabilities, key=lambda name: probabilities[name])


def _all_first(key: tuple[str, str]) -> tuple[str, bool, str]:
    signal, group = key
    return signal, group != ALL, group


def _no_nan(fields: dict[str, Any]) -> dict[str, Any]:
    return {key: None if isinstance(value, float) and math.isnan(value) else value for key, value in fields.items()}
