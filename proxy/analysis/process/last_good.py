"""The last good text of every file that settings name: a start with a bad one goes on with it, and says so.

A running process keeps what it read before a file went bad; this is the same for one that starts. Texts are kept once
they are in force: in the state folder, and in a shared store for pods whose folder is new.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, Final, TypeAlias

from proxy.config.files import BYTES_MAX, Files
from proxy.control.kept import Kept, json_codec
from proxy.core.errors import ConfigError, GroundwireError
from proxy.stores.contract import Store
from proxy.stores.registry import Stores
from proxy.telemetry.logs import get_logger

log = get_logger(__name__)

KEY: Final = "files"
THEN: Final = "its last good text is in force until it is mended; a mended file is taken up within seconds"


@dataclass(frozen=True, slots=True)
class Good:
    """`text` was in force from `at_s` (Unix time) on."""

    text: str
    at_s: float


Goods: TypeAlias = Mapping[str, Good]  # by file, as settings name it


@dataclass(frozen=True, slots=True)
class Bound:
    """Of what is kept in one place: bytes of one text, and of all."""

    text_bytes_max: int
    bytes_max: int


OWN: Final = Bound(BYTES_MAX, 4 * BYTES_MAX)
SHARED: Final = Bound(256 * 1024, 2 * 1024 * 1024)  # policies and triggers, not thousands of prompts


class LastGood:
    """One for a process. `wrong` says which files are not in force as they are ("" where all are)."""

    def __init__(self, stores: Stores) -> None:
        self._places = [(stores.own, OWN)] if stores.own is stores.main else [(stores.own, OWN), (stores.main, SHARED)]
        self.wrong = ""

    async def files(self) -> Files:
        """What a start reads files with. A place that cannot be read is said and passed over."""
        texts: dict[str, str] = {}
        for store, _ in reversed(self._places):  # the own one goes before: it was in force here
            try:
                goods = (await _kept(store).load())[1]
            except GroundwireError as wrong:
                log.error("last_good_unreadable", error=str(wrong), then="a bad file is refused")  # noqa: TRY400
                continue
            texts |= {file: good.text for file, good in goods.items()}
        return Files(texts)

    def say(self, files: Files) -> None:
        """Tell of the files that were refused at the start."""
        for file, wrong in files.refused.items():
            log.error("file_refused", file=file, error=str(wrong), then=THEN)
        self.wrong = _shown(files.refused)

    async def keep(self, files: Files, now_s: float) -> None:
        """These are in force now. What cannot be kept is said; the next reading tries again."""
        for store, bound in self._places:
            try:
                await _kept(store).edit(partial(keeping, good=files.good, now_s=now_s, bound=bound))
            except GroundwireError as wrong:
                log.error("last_good_not_kept", error=str(wrong), then="a start with a bad file may be refused")  # noqa: TRY400


def _kept(store: Store) -> Kept[Goods]:
    """Made for each use: nobody else needs these texts in memory."""
    return Kept(store, KEY, json_codec(from_json, to_json, {}))


def keeping(known: Goods, good: Mapping[str, str], now_s: float, bound: Bound) -> Goods:
    """What is kept once these texts are in force. Where all of it is too much, the longest unused go first.

    A text over its bound is not kept, nor is the one before: an old one must not stand in for a file that has moved on.
    """
    after = {file: one for file, one in known.items() if file not in good}
    after |= {file: _still(known.get(file), text, now_s) for file, text in good.items()}
    unused = sorted(after.keys() - good.keys(), key=lambda file: (-after[file].at_s, file))
    return dict(_fitting([(file, after[file]) for file in (*sorted(good), *unused)], bound))


def _still(known: Good | None, text: str, now_s: float) -> Good:
    return known if known is not None and known.text == text else Good(text, now_s)


def _fitting(goods: Iterable[tuple[str, Good]], bound: Bound) -> Iterator[tuple[str, Good]]:
    total = 0
    for file, one in goods:
        size = len(one.text.encode())
        if size <= bound.text_bytes_max and total + size <= bound.bytes_max:
            total += size
            yield file, one


def _shown(refused: Mapping[str, ConfigError]) -> str:
    """Without what stands in the files: a health page is read by many."""
    names = ", ".join(refused)
    return f"bad at the start, and its last good text in force: {names}; see file_refused in the log" if names else ""


def to_json(goods: Goods) -> dict[str, Any]:
    """Plain JSON values; `from_json` is the inverse."""
    return {file: asdict(one) for file, one in sorted(goods.items())}


def from_json(data: Any) -> Goods:
    """Read it; raises whatever a wrong value provokes (`kept.json_codec`)."""
    return {str(file): Good(str(one["text"]), float(one["at_s"])) for file, one in data.items()}
