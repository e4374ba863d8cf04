"""Fits proxy/sensitive/names.npz.

    make train-names DATA=FOLDER      (or: python -m models.recipes.names --data FOLDER [--out FILE])

FOLDER holds the labelled texts (docs/sensitive.md). Needs the packages of models/recipes/names/requirements.txt. Some
minutes on one core; the same seed gives the same file.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import numpy as np

from models.recipes.names import fit, lexicon, samples, sources, teacher
from proxy.sensitive import names_model as m
from proxy.sensitive.wording import held_out

SEED: Final = 11
LABELLED_WEIGHT: Final = 3.0
LABELLED_TIMES: Final = 6  # each labelled text, with its people renamed


def labelled(folder: Path) -> list[samples.Sample]:
    """The half of the labelled texts that the tagger may see."""
    known = {"PERSON": "PERSON", "GPE": "GPE", "ORGANIZATION": "organisation"}
    made = []
    for row in teacher.read(folder / "pii.jsonl.gz"):
        if not held_out(row["text"]):
            marks = [(p["start"], p["end"], known[p["type"]]) for p in row["labels"]["pii"] if p["type"] in known]
            made.append(samples.Sample(row["text"], tuple(marks), weight=LABELLED_WEIGHT))
    return made


def gathered(
    folder: Path, held: lexicon.Lists, usage: dict[str, int], marked: Iterable[samples.Sample]
) -> list[samples.Sample]:
    """All samples, shuffled."""
    rng = random.Random(SEED)
    drawn = samples.Drawn(held, rng)
    made = list(samples.filled(drawn))
    print(f"{len(made)} from own wordings", flush=True)
    for sample in marked:
        trusted = samples.untrusted(sample, usage)
        made.append(trusted if trusted.ignored else samples.lowered(samples.renamed(trusted, drawn), rng))
    print(f"{len(made)} with the teacher's", flush=True)
    for sample in labelled(folder):
        made += [sample, *(samples.lowered(samples.renamed(sample, drawn), rng) for _ in range(LABELLED_TIMES))]
    return samples.shuffled(made, rng)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of labelled texts")
    parser.add_argument("--marked", type=Path, default=Path(".cache/names/marked.jsonl.gz"), help="the teacher's, kept")
    parser.add_argument("--out", type=Path, default=m.FILE)
    args = parser.parse_args()
    if not (args.data / "pii.jsonl.gz").is_file():
        sys.exit(f"{args.data}: holds no pii.jsonl.gz; --data is the folder of labelled texts")
    ordinary = teacher.texts(args.data, random.Random(SEED))
    held, usage = sources.lists(), samples.usage(ordinary)
    known = fit.lexicon_of(lexicon.flags(held, usage))
    print(f"{len(held.given)} given, {len(held.family)} family, {len(held.towns)} towns; {len(known.hashes)} words")
    rng = np.random.default_rng(SEED)
    args.marked.parent.mkdir(parents=True, exist_ok=True)
    some = gathered(args.data, held, usage, teacher.marked(ordinary, args.marked))
    data = fit.examples(some, known, rng)
    print(f"{len(data.classes)} examples: {np.bincount(data.classes).tolist()} of {m.CLASSES}", flush=True)
    made = fit.rounded(known, fit.fitted(data, rng))
    np.savez_compressed(args.out, hashes=made.hashes, flags=made.flags, weights=made.weights, scale=made.scale)
    print(f"{args.out}: {args.out.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
