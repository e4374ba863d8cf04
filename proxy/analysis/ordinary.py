"""The ordinary answers of every model that is watched, and their place in the store: "ordinary/HASH"."""

from __future__ import annotations

import hashlib
from collections.abc import Container, Set
from dataclasses import replace
from typing import Final

import numpy as np
import orjson

from proxy.analysis import counting
from proxy.analysis.anomaly import Ordinary, from_bytes, to_bytes
from proxy.analysis.embedding import KEPT, SHOWN, projected
from proxy.core.errors import StateError
from proxy.core.observation import Observation
from proxy.stores.contract import Store
from proxy.telemetry.logs import get_logger

log = get_logger(__name__)

PREFIX: Final = "ordinary/"
SUMMED_MIN: Final = 100  # answers: sums over fewer would tell too much of each embedding, which is a text to us

Key = tuple[str, str]  # route, served model


class OrdinaryAnswers:
    """One for the process. Base and candidate are apart: they are served under keys of their own."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: dict[Key, Ordinary] = {}
        self._versions: dict[Key, int] = {}  # of the values in the store
        self._kept: set[Key] = set()

    async def marked(self, key: Key, seen: tuple[Observation, ...], repeated: Set[str]) -> tuple[Observation, ...]:
        """The observations with their verdicts. An answer to a repeated prompt is neither judged nor learnt from."""
        return tuple([
            one if one.embedding is None or counting.mark(one) in repeated else await self._marked(key, one)
            for one in seen
        ])  # fmt: skip

    async def save(self, *, all_of_them: bool = False) -> None:
        """Keep what is complete and not kept yet; at the end also what is not, from SUMMED_MIN on. Raises StateError."""
        for key, one in list(self._known.items()):
            if key not in self._kept and one.n >= SUMMED_MIN and (one.complete or all_of_them):
                if await self._store.swap(_name(key), self._versions.get(key, 0), to_bytes(one)):
                    self._versions[key] = self._versions.get(key, 0) + 1
                self._kept.add(key)  # else another process was faster: its own are as good

    async def keep(self, routes: Container[str]) -> None:
        """Forget those of other routes. Raises StateError."""
        for key in [key for key in self._known if key[0] not in routes]:
            if version := self._versions.pop(key, 0):
                await self._store.drop(_name(key), version)
            self._known.pop(key)
            self._kept.discard(key)

    async def _marked(self, key: Key, one: Observation) -> Observation:
        assert one.embedding is not None
        ordinary = await self._of(key, one.classifier)
        vector = np.asarray(projected(one.embedding)[SHOWN:], dtype=np.float64)
        return replace(one, anomalous=ordinary.seen(vector))

    async def _of(self, key: Key, version: str) -> Ordinary:
        known = self._known.get(key)
        if known is None:
            known = await self._load(key)
        if known is None or known.version != version or known.dim != KEPT:
            known = Ordinary(version, KEPT)
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


def _name(key: Key) -> str:
    return PREFIX + hashlib.sha256(orjson.dumps(key)).hexdigest()[:16]
