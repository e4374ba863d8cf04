"""`groundwire models bench`: how long a model takes a text, by its length, on one thread; and the memory it needs."""

from __future__ import annotations

import math
import resource
import statistics
import sys
import time
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from proxy.classifiers.contract import Item, Role, Stage
from proxy.classifiers.guard import Guard
from proxy.classifiers.manifest import read
from proxy.classifiers.tokens import Tokens
from proxy.commands.columns import columns
from proxy.commands.models.place import library, printed, printed_json

PASSES_MAX: Final = 100
LENGTH_S_MAX: Final = 3.0  # for each length
_SENTENCE: Final = "The ferry left the harbour late, so we ate bread and cheese on deck and talked about the summer. "


@dataclass(frozen=True, slots=True)
class Timed:
    """Of one text at a time, one thread. `median_ms` of all signals; `stage0_ms` of n-grams alone, 0 without them."""

    tokens: int
    median_ms: float
    p95_ms: float
    responses_per_s: float
    stage0_ms: float


def bench(arguments: Namespace) -> int:
    """Print the times."""
    folder = library(arguments).folder(arguments.name)
    before = peak_mib()
    guard = Guard.load(folder)
    found = timed(guard, folder, arguments.tokens)
    if arguments.json:
        data = {"model": guard.version, "peak_mib": peak_mib(), "lengths": [asdict(one) for one in found]}
        return printed_json(data)
    memory = f"peak memory of this process {peak_mib():.0f} MiB, {before:.0f} MiB of it before the model was loaded"
    return printed(f"{guard.version}, one thread, one text at a time\n{rendered(found)}\n{memory}")


def timed(guard: Guard, folder: Path, lengths: Sequence[int], length_s_max: float = LENGTH_S_MAX) -> list[Timed]:
    """Times of texts of these lengths in tokens, special ones not counted; a long one is read in windows."""
    manifest = read(folder)
    tokens = manifest.tokens()
    found = []
    for length in lengths:
        item = Item(_text(tokens, length), Role.RESPONSE)
        spent = _spent_s(guard, item, Stage.FUSED, length_s_max)
        stage0 = _spent_s(guard, item, Stage.STAGE0, length_s_max / 4) if manifest.stage0 else [0.0]
        median, p95 = statistics.median(spent), sorted(spent)[math.ceil(0.95 * (len(spent) - 1))]
        found.append(Timed(length, 1_000 * median, 1_000 * p95, 1 / median, 1_000 * statistics.median(stage0)))
    return found


def rendered(found: Sequence[Timed]) -> str:
    """In columns."""
    lines = [
        (
            str(one.tokens),
            f"{one.median_ms:.2f}",
            f"{one.p95_ms:.2f}",
            f"{one.responses_per_s:.0f}",
            f"{one.stage0_ms:.2f}",
        )
        for one in found
    ]
    return columns([("TOKENS", "MEDIAN MS", "P95 MS", "RESPONSES/S", "STAGE 0 MS"), *lines])


def peak_mib() -> float:
    """The most memory that this process has held. MiB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1_048_576 if sys.platform == "darwin" else peak / 1_024


def _text(tokens: Tokens, length: int) -> str:
    """A text of about this many tokens: the longest run of whole sentences' words that is not longer."""
    words = (_SENTENCE * (1 + length // 12)).split()
    counts = [len(ids) for ids in tokens.ids([" ".join(words[:count]) for count in range(1, len(words) + 1)])]
    return " ".join(words[: sum(count <= length for count in counts)])


def _spent_s(guard: Guard, item: Item, stage: Stage, seconds_max: float) -> list[float]:
    guard.score([item], stage)  # the first of a length makes its buffers
    spent: list[float] = []
    while len(spent) < PASSES_MAX and sum(spent) < seconds_max:
        begun = time.perf_counter()
        guard.score([item], stage)
        spent.append(time.perf_counter() - begun)
    return spent
