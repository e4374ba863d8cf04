"""The stores there are. A new one is a file that passes `tests/contracts/test_stores.py`, and a line here."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Final

from proxy.config.settings import Settings
from proxy.stores.contract import Store
from proxy.stores.embedded import EmbeddedStore, open_embedded

DATABASE_NAME: Final = "groundwire.db"


async def open_local(settings: Settings) -> EmbeddedStore:
    """The file of this process alone, whatever is shared."""
    return await open_embedded(Path(settings.state_dir) / DATABASE_NAME)


async def _redis(settings: Settings) -> Store:
    from proxy.stores.redis_store import open_redis  # noqa: PLC0415 - its client costs memory that few need

    return await open_redis(settings)


STORES: Final[Mapping[str, Callable[[Settings], Awaitable[Store]]]] = {
    "embedded": open_local,
    "redis": _redis,
}
