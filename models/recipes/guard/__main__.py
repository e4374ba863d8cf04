"""`python -m models.recipes.guard --data FOLDER`: trains, exports, calibrates and writes models/guard-*; resumes.

    teacher-public   6 layers, one pass over the public texts
    teacher          6 layers, three passes over our own texts and a part of the public ones -> guard-large
    student          3 of its layers, its probabilities as targets, over all texts, our own twice -> guard-small
    stage 0          hashed n-grams, shared by both

Each stage leaves its weights in the work folder and is not run again where they lie there.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch

from models.recipes.guard import (
    calibrate,
    card,
    data,
    encoder_weights,
    export,
    measuring,
    net,
    ngrams_fit,
    report,
    ship,
)
from models.recipes.guard.batches import Encoded, encode
from models.recipes.guard.heads import HEADS
from models.recipes.guard.splits import share_of
from models.recipes.guard.training import Schedule, train
from proxy.classifiers.stage0 import Stage0
from proxy.classifiers.tokens import Tokens

TEACHER_PUBLIC: Final = Schedule("teacher-public", passes=1.0)
TEACHER: Final = Schedule("teacher", passes=3.0, encoder_rate=6e-5, head_rate=5e-4, seed=8)
STUDENT: Final = Schedule("student", passes=2.0, encoder_rate=1.2e-4, head_rate=5e-4, teacher_share=0.7, seed=9)
STUDENT_LAYERS: Final = (0, 2, 5)
REPLAYED: Final = 0.14  # of the public texts, beside our own in each of the teacher's passes over those
REFUSAL_FPR: Final = 0.03  # at most: a compliance taken for a refusal hides an erosion; the reverse only alarms early


def main() -> int:
    """0 when both folders are written; 2 where the data or the weights are missing."""
    arguments = _arguments()
    torch.set_num_threads(arguments.threads)
    arguments.work.mkdir(parents=True, exist_ok=True)
    try:
        published = encoder_weights.unpack(arguments.work)
        rows = data.rows(arguments.data)
    except FileNotFoundError as wrong:
        print(f"train: {wrong}", file=sys.stderr)
        return 2
    tokens = Tokens(published / "tokenizer.json", emoji_names=True)
    encoded = encode([row for row in rows if not row.held_out], tokens)
    teacher = _teacher(published, encoded, tokens, arguments.work)
    student = _student(published, teacher, encoded, tokens, arguments.work)
    table, bias = _stage0(encoded, arguments.work)
    for name, trained in (("guard-small", student), ("guard-large", teacher)):
        _ship(name, trained, rows, published, (table, bias), arguments)
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m models.recipes.guard", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of labelled texts")
    parser.add_argument("--work", type=Path, default=Path(".cache/train"), help="checkpoints and float32 files")
    parser.add_argument(
        "--out", type=Path, default=Path("models"), help="where guard-small and guard-large are written"
    )
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--model-version", default="1")
    parser.add_argument("--created", default="2026-11-21", help="date on the card")
    return parser.parse_args()


def _teacher(published: Path, encoded: Encoded, tokens: Tokens, work: Path) -> net.GuardNet:
    teacher = net.pretrained(published)
    _run(TEACHER_PUBLIC, teacher, encoded, tokens, work, lambda n: _public(encoded, n))
    _run(TEACHER, teacher, encoded, tokens, work, lambda n: _own_and_some(encoded, n))
    return teacher


def _student(published: Path, teacher: net.GuardNet, encoded: Encoded, tokens: Tokens, work: Path) -> net.GuardNet:
    student = net.thinned(teacher, published, STUDENT_LAYERS)
    _run(STUDENT, student, encoded, tokens, work, lambda n: _everything(encoded, n), teacher)
    return student


def _run(
    schedule: Schedule, trained: net.GuardNet, encoded: Encoded, tokens: Tokens, work: Path,
    order_of: Callable[[int], Sequence[int]], teacher: net.GuardNet | None = None,
) -> None:  # fmt: skip
    done = work / f"{schedule.name}.pt"
    if done.is_file():
        trained.load_state_dict(torch.load(done, weights_only=True))
        trained.eval()
        return
    train(trained, encoded, tokens, order_of, schedule, work, teacher)


def _shuffled(numbers: list[int], seed: int) -> list[int]:
    random.Random(seed).shuffle(numbers)
    return numbers


def _kept(encoded: Encoded, seed: int) -> set[int]:
    """Rows of one pass over the public texts: large sources cut to their cap."""
    chosen = {id(row) for row in data.capped(list(encoded.rows), seed)}
    return {
        number for number, row in enumerate(encoded.rows) if id(row) in chosen and not row.source.startswith("own/")
    }


def _own(encoded: Encoded, filling: int) -> list[int]:
    rows = enumerate(encoded.rows)
    return [number for number, row in rows if row.source.startswith("own/") and row.filling == filling]


def _public(encoded: Encoded, number: int) -> list[int]:
    return _shuffled(sorted(_kept(encoded, number)), 100 + number)


def _slice(encoded: Encoded, number: int, share: float) -> list[int]:
    """The `number`th part of one pass over the public texts: no text comes twice."""
    kept = sorted(_kept(encoded, 0))
    return [at for at in kept if number * share <= share_of(f"slice/{encoded.rows[at].key}") < (number + 1) * share]


def _own_and_some(encoded: Encoded, number: int) -> list[int]:
    return _shuffled(_own(encoded, number) + _slice(encoded, number, REPLAYED), 200 + number)


def _everything(encoded: Encoded, number: int) -> list[int]:
    return _shuffled(_own(encoded, number) + _slice(encoded, number, 1.0 / STUDENT.passes), 300 + number)


def _stage0(encoded: Encoded, work: Path) -> tuple[Any, Any]:
    kept = work / "stage0.npz"
    if not kept.is_file():
        table, bias = ngrams_fit.shipped(ngrams_fit.fit(encoded, [*_everything(encoded, 0), *_everything(encoded, 1)]))
        np.savez(kept, table=table, bias=bias)
    held = np.load(kept)
    return held["table"], held["bias"]


def _ship(
    name: str, trained: net.GuardNet, rows: list[data.Row], published: Path, stage0: tuple[Any, Any],
    arguments: argparse.Namespace,
) -> None:  # fmt: skip
    exported = arguments.work / name
    exported.mkdir(exist_ok=True)
    export.to_onnx(trained, exported / "fp32.onnx")
    export.quantized(exported / "fp32.onnx", exported / "model.onnx")
    tokens = Tokens(published / "tokenizer.json", emoji_names=True)
    held = _measured_rows(rows)
    raw = measuring.raw(exported / "model.onnx", tokens, Stage0(*stage0), held, arguments.threads)
    fits = _fits(raw, held)
    folder = arguments.out / name
    ship.files(folder, exported / "model.onnx", published / "tokenizer.json", *stage0)
    ship.manifest(folder, name, arguments.model_version, arguments.created, fits)
    tested = [at for at, row in enumerate(held) if row.unseen or not _calibrates(row)]
    measured = card.Measured(measuring.part(raw, tested), [held[at] for at in tested], fits)
    taught = data.capped([row for row in rows if row.filling == 0], 0)  # the rows of a whole pass
    lines = list(report.lines(measured.raw, measured.rows, fits))
    (exported / "report.json").write_text(json.dumps([asdict(one) for one in lines]))
    card.write(folder, card.Made(name, arguments.model_version, arguments.created), lines, measured, taught)
    print(f"{folder} is written\n{report.table([one for one in lines if one.source.startswith('all')])}", flush=True)


def _measured_rows(rows: list[data.Row]) -> list[data.Row]:
    """Held-out rows; of a source with thousands, some hundreds are enough."""
    counts: dict[str, int] = {}
    for row in rows:
        if row.held_out and not row.unseen and row.filling == 0:
            counts[row.source] = counts.get(row.source, 0) + 1
    share = {source: 450 / count for source, count in counts.items()}
    held = (row for row in rows if row.held_out and row.filling == 0)
    return [row for row in held if row.unseen or share_of(f"measured/{row.text}") < share[row.source]]


def _calibrates(row: data.Row) -> bool:
    """Half of the held-out wordings choose weights and thresholds, the other half only measures."""
    return not row.unseen and share_of(f"calibration/{row.key}") < 0.5


def _fits(raw: measuring.Raw, held: list[data.Row]) -> dict[str, calibrate.Fit]:
    chosen = [at for at, row in enumerate(held) if _calibrates(row)]
    some, rows = measuring.part(raw, chosen), [held[at] for at in chosen]
    fits = {
        head.name: calibrate.softmax(head, some, rows) if head.labels else calibrate.binary(head, some, rows)
        for head in HEADS
    }
    kind = next(head for head in HEADS if head.name == "refusal_kind")
    return {**fits, ship.REFUSAL: calibrate.refusal(kind, fits[kind.name], some, rows, REFUSAL_FPR)}


if __name__ == "__main__":
    sys.exit(main())
