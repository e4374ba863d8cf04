"""An embedding is treated as the text that it was made of: it is in no store, no metric and no log."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from proxy.analysis.judging.assessing import Patterns, Work
from proxy.analysis.judging.embedding import projected
from proxy.analysis.judging.glancing import Read
from proxy.analysis.judging.ordinary import SUMMED_MIN
from proxy.analysis.process.health import pipeline_samples
from proxy.core.observation import Observation
from proxy.stores.embedded import open_embedded
from proxy.telemetry.exposition import render
from proxy.telemetry.lines import JsonLines
from tests.unit.analysis.test_pipeline import QUESTION, Rig, exchange

DIM = 384


class Embedding(Patterns):
    """The patterns, with an embedding of its own for every answer."""

    def __init__(self) -> None:
        self.toss = np.random.default_rng(11)
        self.made: list[np.ndarray] = []

    def assess(self, batch: Sequence[Read]) -> tuple[list[tuple[Observation, ...]], Work]:
        observed, work = super().assess(batch)
        return [tuple(self._with_one(one) for one in seen) for seen in observed], work

    def _with_one(self, one: Observation) -> Observation:
        vector = self.toss.normal(size=DIM)
        unit = np.asarray(vector / np.linalg.norm(vector), dtype=np.float32)
        self.made.append(unit)
        return replace(one, embedding=unit.data, classifier="v")


def traces(embedding: np.ndarray) -> Iterator[bytes]:
    """Four neighbours as numbers in memory, and single numbers as text, of the embedding and of its projections."""
    for numbers in (embedding, projected(embedding.data)):
        for kind in (np.float32, np.float64):
            yield numbers[:4].astype(kind).tobytes()
            yield numbers[-4:].astype(kind).tobytes()
        yield from (f"{abs(float(one)):.9f}".encode()[:10] for one in (numbers[0], numbers[len(numbers) // 2]))


@pytest.mark.parametrize("answers", [1, SUMMED_MIN - 1, SUMMED_MIN + 20])
async def test_no_embedding_is_written(answers: int, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    rig = Rig(str(tmp_path / "link.sock"), await open_embedded(tmp_path / "groundwire.db"))
    assessor = rig.pipeline.judging.assessor = Embedding()
    await rig.start()
    await rig.send(*[exchange(f"{QUESTION} {number}") for number in range(answers)])
    await rig.pipeline.ordinary.save(all_of_them=True)
    shown = render(pipeline_samples(rig.pipeline, 1, salvaged=False))
    await rig.stop()
    written = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    said = b"\n".join(JsonLines("analysis").format(record).encode() for record in caplog.records)
    everything = written + shown + said
    assert len(assessor.made) == answers
    assert (b'"squares"' in written) == (answers >= SUMMED_MIN), "sums of many answers are kept, of few they are not"
    assert [one for embedding in assessor.made for one in traces(embedding) if one in everything] == []
