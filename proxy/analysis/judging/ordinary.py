"""The ordinary answers of every model that is watched, and their place in the store: "ordinary/HASH"."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Container, Set
from dataclasses import replace
from typing import Final

import numpy as np
import orjson

from proxy.analysis import counting
from proxy.analysis.judging.anomaly import Ordinary, Vector, from_bytes, to_bytes
from proxy.analysis.judging.embedding import SHOWN, projected
from proxy.analysis.judging.strict_kept import KeptThresholds
from proxy.core.errors import StateError
from proxy.core.observation import Observation
from proxy.stores.contract import Store
from proxy.telemetry.logs import get_logger

log = get_logger(__name__)

PREFIX: Final = "ordinary/"
FEATURES_VERSION: Final = "features-1"  # of the vector made of stage-0 features: raise it with any change
SHARES: Final = ("distinct_share", "mean_word_chars")
SUMMED_MIN: Final = 100  # answers: sums over fewer would tell too much of each embedding, which is a text to us

Key = tuple[str, str]  # route, served model


class OrdinaryAnswers:
    """One for the process. Base and candidate are apart: they are served under keys of their own."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._strict = KeptThresholds(store)
        self._known: dict[Key, Ordinary] = {}
        self._versions: dict[Key, int] = {}  # of the values in the store
        self._kept: set[Key] = set()

    async def marked(self, key: Key, seen: tuple[Observation, ...], repeated: Set[str]) -> tuple[Observation, ...]:
        """The observations with their verdicts. An answer to a repeated prompt is neither judged nor learnt from."""
        seen = tuple([one if counting.mark(one) in repeated else await self._strict.marked(key, one) for one in seen])
        return tuple([
            one if _vector(one) is None or counting.mark(one) in repeated else await self._marked(key, one)
            for one in seen
        ])  # fmt: skip

    async def save(self, *, all_of_them: bool = False) -> None:
        """Keep what is complete and not kept yet; at the end what is not, from SUMMED_MIN on. Raises StateError."""
        await self._strict.save(all_of_them=all_of_them)
        for key, one in list(self._known.items()):
            if key not in self._kept and one.n >= SUMMED_MIN and (one.complete or all_of_them):
                if await self._store.swap(_name(key), self._versions.get(key, 0), to_bytes(one)):
                    self._versions[key] = self._versions.get(key, 0) + 1
                self._kept.add(key)  # else another process was faster: its own are as good

    async def keep(self, routes: Container[str]) -> None:
        """Forget those of other routes. Raises StateError."""
        await self._strict.keep(routes)
        for key in [key for key in self._known if key[0] not in routes]:
            if version := self._versions.pop(key, 0):
                await self._store.drop(_name(key), version)
            self._known.pop(key)
            self._kept.discard(key)

    async def _marked(self, key: Key, one: Observation) -> Observation:
        vector = _vector(one)
        assert vector is not None
        version = f"{one.classifier}+{FEATURES_VERSION}" if one.embedding is None else one.classifier
        ordinary = await self._of(key, version, len(vector))
        settled = ordinary.settled
        seen = replace(one, anomalous=ordinary.seen(vector))
        if ordinary.settled and not settled:
            self._kept.discard(key)  # it is worth keeping again
        return seen

    async def _of(self, key: Key, version: str, dim: int) -> Ordinary:
        known = self._known.get(key)
        if known is None:
            known = await self._load(key)
        if known is None or known.version != version or known.dim != dim:
            known = Ordinary(version, dim)
            self._kept.discard(key)
        self._known[key] = known
        return known

    async def _load(self, key: Key) -> Ordinary | None:
        found = await self._store.load(_name(key))
        if found is None:
            return None
        self._versions[key] = found[0]
        try:
            ordinary = from_bytes(found[1])
        except StateError as wrong:
            log.error("ordinary_answers_lost", route=key[0], error=str(wrong), then="learnt anew")  # noqa: TRY400
            return None
        if ordinary.complete:
            self._kept.add(key)
        return ordinary


def _vector(one: Observation) -> Vector | None:
    """Where an answer lies: by its embedding, else by its stage-0 features; None for one without an assessment."""
    if one.unassessed is not None:
        return None
    if one.embedding is not None:
        return np.asarray(projected(one.embedding)[SHOWN:], dtype=np.float64)
    if not one.features:
        return None
    return np.asarray([_scaled(name, one.features[name]) for name in sorted(one.features)])


def _scaled(name: str, value: float) -> float:
    """Counts by their logarithm: an answer twice as long is as far away, whatever its length."""
    return value if name in SHARES else math.log1p(value)


def _name(key: Key) -> str:
    return PREFIX + hashlib.sha256(orjson.dumps(key)).hexdigest()[:16]
