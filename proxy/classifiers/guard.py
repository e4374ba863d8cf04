"""The classifier that ships: a small encoder and a table of n-grams behind `contract.Classifier`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from proxy.classifiers import extra_heads
from proxy.classifiers.contract import Embedding, Item, OutOfScope, Role, Scored, Stage
from proxy.classifiers.heads import Heads, Logits
from proxy.classifiers.language import is_in_scope
from proxy.classifiers.loading import Model, load
from proxy.classifiers.manifest import HEDGE
from proxy.classifiers.pooling import mean_embedding
from proxy.classifiers.tokens import Ids
from proxy.features import hedging

Floats = NDArray[np.float32]

HEDGING_ROLES: Final = (Role.RESPONSE, Role.OTHER)


@dataclass(frozen=True, slots=True)
class _Read:
    """An item that is in scope, as token numbers; `prompt` is None where the encoder reads the text alone."""

    item: Item
    text: Ids
    prompt: Ids | None


class Guard:
    """Scores on one model. Not for two threads at a time."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._extra = extra_heads.read(model.manifest)
        self._version = extra_heads.version(model.manifest.identity, self._extra)
        self._heads = Heads(model.manifest, self._version)
        self._no_windows = np.zeros((1, model.manifest.columns), dtype=np.float32)
        self._no_ngrams = np.zeros(max(model.manifest.columns0, 1), dtype=np.float32)

    @classmethod
    def load(cls, folder: Path, threads: int = 1, rows_max: int = 1, passes_max: int = 1) -> Guard:
        """The model of a folder, verified and warm; `loading.load` explains the numbers. Raises ModelError."""
        return cls(load(folder, threads, rows_max, passes_max))

    @property
    def version(self) -> str:
        """Name and version, own heads included: "guard-small@1", "guard-small@1+policy.medical_advice:1f0c9a2b"."""
        return self._version

    def look(self, items: Sequence[Item]) -> list[Scored]:
        """Stage 0 alone: no encoder and no embedding, a fraction of a millisecond a text."""
        return self.score(items, Stage.STAGE0)

    def score(self, items: Sequence[Item], stage: Stage = Stage.FUSED) -> list[Scored]:
        """One result for each item, in order. A text is cut into tokens once, and read by the encoder once."""
        found: list[Scored | None] = [self._out_of_scope(item) for item in items]
        open_ = [index for index, scored in enumerate(found) if scored is None]
        reads = self._read([items[index] for index in open_], with_prompts=stage is not Stage.STAGE0)
        for index, read, scored in zip(open_, reads, self._scored(reads, stage), strict=True):
            found[index] = self._completed(read.item, scored) if len(read.text) else self._without(OutOfScope.EMPTY)
        return [scored for scored in found if scored is not None]

    def _without(self, reason: OutOfScope) -> Scored:
        return Scored(self.version, out_of_scope=reason)

    def _out_of_scope(self, item: Item) -> Scored | None:
        if not item.text.strip():
            return self._without(OutOfScope.EMPTY)
        return None if self._is_known(item.text) else self._without(OutOfScope.LANGUAGE)

    def _is_known(self, text: str) -> bool:
        return is_in_scope(text, self._model.manifest.languages)

    def _has_context(self, item: Item) -> bool:
        """Whether an item's prompt is read. One in a language that the model does not know is no context."""
        return bool(item.prompt.strip()) and self._heads.reads_prompt(item.role) and self._is_known(item.prompt)

    def _read(self, items: Sequence[Item], *, with_prompts: bool) -> list[_Read]:
        """All texts, and the prompts that some head wants, cut into tokens together."""
        wanted = [with_prompts and self._has_context(item) for item in items]
        prompts = [item.prompt for item, is_wanted in zip(items, wanted, strict=True) if is_wanted]
        ids = self._model.ids([_encodable(text) for text in (*(item.text for item in items), *prompts)])
        of_prompts = iter(ids[len(items) :])
        texts = ids[: len(items)]
        return [
            _Read(item, text, next(of_prompts) if is_wanted else None)
            for item, text, is_wanted in zip(items, texts, wanted, strict=True)
        ]

    def _scored(self, reads: Sequence[_Read], stage: Stage) -> list[Scored]:
        halves = self._encoded(reads) if stage is not Stage.STAGE0 else [(self._no_windows, None)] * len(reads)
        return [
            self._heads.scored(Logits(windows, self._ngrams(read, stage)), read.item.role, stage, embedding)
            for read, (windows, embedding) in zip(reads, halves, strict=True)
        ]

    def _ngrams(self, read: _Read, stage: Stage) -> Floats:
        stage0 = self._model.stage0
        if stage0 is None or stage is Stage.STAGE1:
            return self._no_ngrams
        return stage0.logits(read.text)

    def _encoded(self, reads: Sequence[_Read]) -> list[tuple[Floats, Embedding | None]]:
        """Of each text: the logits of its windows, and its embedding."""
        shape = self._model.manifest.shape
        windows = [self._model.tokens.windows(read.text, read.prompt, shape) for read in reads]
        if not windows:
            return []
        embeddings, logits = self._model.encoder.run([one for some in windows for one in some])
        ends = np.cumsum([len(some) for some in windows])[:-1]
        return [
            (rows, mean_embedding(vectors) if vectors.shape[1] else None)
            for rows, vectors in zip(np.split(logits, ends), np.split(embeddings, ends), strict=True)
        ]

    def _completed(self, item: Item, scored: Scored) -> Scored:
        """With what neither stage gives: hedging by cues, which beat a model at it, and the heads that a team added."""
        scores, flags = dict(scored.scores), dict(scored.flags)
        if item.role in HEDGING_ROLES and not self._heads.has(HEDGE, item.role):
            scores[HEDGE] = hedging.hedge_score(item.text)
            flags[HEDGE] = scores[HEDGE] >= hedging.THRESHOLD
        if scored.embedding is not None:
            own_scores, own_flags = extra_heads.applied(self._extra, item.role, scored.embedding)
            scores.update(own_scores)
            flags.update(own_flags)
        return replace(scored, scores=scores, flags=flags)


def _encodable(text: str) -> str:
    """Without halves of surrogate pairs: JSON may carry them, UTF-8 and so the tokenizer may not."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()
