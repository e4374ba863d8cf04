"""Scores rows in batches of like length, and gives them back in their order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Final, TypeAlias
from zlib import crc32

from proxy.classifiers.contract import Item, Scored
from proxy.classifiers.evaluation.rows import Row

BATCH: Final = 32

Score: TypeAlias = Callable[[Sequence[Item]], list[Scored]]


def scored(
    score: Score, rows: Sequence[Row], progress: Callable[[int], None], batch: int = BATCH
) -> Iterator[tuple[Row, Scored]]:
    """Every row with its scores, without embeddings; `progress` is told the number of rows done after each batch."""
    order = sorted(range(len(rows)), key=lambda index: len(rows[index].text) + len(rows[index].prompt))
    results: list[Scored | None] = [None] * len(rows)
    for begin in range(0, len(order), batch):
        part = order[begin : begin + batch]
        items = [Item(rows[index].text, rows[index].role, rows[index].prompt) for index in part]
        for index, one in zip(part, score(items), strict=True):
            results[index] = replace(one, embedding=None)
        progress(begin + len(part))
    return ((row, one) for row, one in zip(rows, results, strict=True) if one is not None)


def sampled(rows: Sequence[Row], per_group: int, by: str = "source") -> list[Row]:
    """At most `per_group` rows of each value of the field `by`: always the same, those of smallest checksum."""
    kept: dict[str, list[tuple[int, int]]] = {}
    for index, row in enumerate(rows):
        kept.setdefault(str(row.fields.get(by)), []).append((crc32(f"{row.text}\0{row.prompt}".encode()), index))
    chosen = sorted(index for ranked in kept.values() for _, index in sorted(ranked)[:per_group])
    return [rows[index] for index in chosen]
