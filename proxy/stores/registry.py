"""The stores there are. A new one is a file that passes `tests/contracts/test_stores.py`, and a line here."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Final

from proxy.stores.contract import Store
from proxy.stores.embedded import EmbeddedStore, open_embedded

DATABASE_NAME: Final = "groundwire.db"


async def _embedded(state_dir: Path) -> EmbeddedStore:
    return await open_embedded(state_dir / DATABASE_NAME)


async def _memory(_: Path) -> EmbeddedStore:
    return await open_embedded(None)


STORES: Final[Mapping[str, Callable[[Path], Awaitable[Store]]]] = {
    "embedded": _embedded,
    "memory": _memory,
}
