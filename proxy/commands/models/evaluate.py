"""`groundwire models evaluate`: the table of quality of a model on labelled texts."""

from __future__ import annotations

import importlib
import math
import os
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from proxy.classifiers.contract import Stage
from proxy.classifiers.evaluation.rows import Row, RowError, read
from proxy.classifiers.evaluation.run import sampled, scored
from proxy.classifiers.evaluation.table import ALL, Table, tabulated
from proxy.classifiers.guard import Guard
from proxy.commands.columns import columns
from proxy.commands.models.place import library, printed, printed_json
from proxy.commands.models.progress import progress
from proxy.core.errors import GroundwireError

SPLITS: Final = "models.recipes.guard.splits"
_HEAD: Final = ("SIGNAL", "ROWS OF", "N", "TRUE", "AUROC", "AUPRC", "F1", "RECALL", "FALSE+", "REC@1%", "ECE")
_NOTES: Final = (
    "F1, RECALL and FALSE+ (false positive rate) at the shipped threshold; REC@1%: the largest recall with at most 1 % "
    "false positives; ECE: expected calibration error; -: the rows cannot say. A label that is absent is unknown."
)


class SplitError(GroundwireError):
    """`--held-out` where the recipe of the split is not installed."""


def evaluate(arguments: Namespace) -> int:
    """Print the table, for people or as JSON."""
    folder = library(arguments).folder(arguments.name)
    rows = _rows(arguments)
    guard = Guard.load(folder, passes_max=os.cpu_count() or 1)
    stage = Stage(arguments.stage)
    with progress(guard.version, len(rows)) as tell:
        table = tabulated(scored(lambda items: guard.score(items, stage), rows, tell), arguments.by)
    if arguments.json:
        return printed_json({"model": guard.version, "stage": stage.value, **table.as_json()})
    return printed(f"{guard.version}, stage {stage.value}: {_counted(table)}\n\n{rendered(table)}\n\n{_NOTES}")


def _rows(arguments: Namespace) -> list[Row]:
    """The rows of `--data` that are to be measured. Raises RowError, SplitError."""
    keep = _held_out() if arguments.held_out else None
    rows = [row for row in read(Path(arguments.data)) if keep is None or keep(dict(row.fields))]
    if not rows:
        raise RowError(f"{arguments.data}: no row is left to measure" + (" that was held out" if keep else ""))
    return sampled(rows, arguments.per_group, arguments.by) if arguments.per_group else rows


def _held_out() -> Callable[[dict[str, Any]], bool]:
    try:
        module = importlib.import_module(SPLITS)
    except ModuleNotFoundError as wrong:
        raise SplitError(f"--held-out needs {SPLITS}, which is in the source repository only: {wrong}") from wrong
    held_out: Callable[[dict[str, Any]], bool] = module.held_out
    return held_out


def _counted(table: Table) -> str:
    without = [f"{count} without scores ({reason})" for reason, count in sorted(table.unscored.items())]
    return ", ".join([f"{table.rows} rows", *without])


def rendered(table: Table) -> str:
    """The measures in columns; below them how often the likeliest category is right."""
    lines = [
        (
            one.signal if one.group == ALL else "",
            one.group,
            str(one.rows),
            str(one.positives),
            *map(
                _number,
                (
                    one.auroc,
                    one.auprc,
                    one.f1,
                    one.recall,
                    one.false_positive_rate,
                    one.recall_at_1_percent_false_positives,
                    one.calibration_error,
                ),
            ),
        )
        for one in table.qualities
    ]
    tops = [
        (one.signal if one.group == ALL else "", one.group, str(one.rows), _number(one.accuracy)) for one in table.tops
    ]
    parts = [columns([_HEAD, *lines])] if lines else ["no row has a label that the model scores"]
    return "\n\n".join([*parts, *([columns([("CATEGORY", "ROWS OF", "N", "TOP-1"), *tops])] if tops else [])])


def _number(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.3f}".removeprefix("0")
