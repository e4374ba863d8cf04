"""The stores there are. A new one is a file that passes `tests/contracts/test_stores.py`, and a line here."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from proxy.config.settings import Settings
from proxy.stores.contract import Store
from proxy.stores.embedded import EmbeddedStore, open_embedded

DATABASE_NAME: Final = "groundwire.db"


@dataclass(frozen=True, slots=True)
class Stores:
    """`main` holds counters, state and records; `own` what is of this process alone. The same one, unless shared."""

    main: Store
    own: Store


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


@asynccontextmanager
async def stores_of(settings: Settings) -> AsyncIterator[Stores]:
    """The stores that the settings ask for, open. Raises StateError."""
    async with AsyncExitStack() as opened:
        main = await STORES[settings.store.kind](settings)
        opened.push_async_callback(main.close)
        own = main
        if main.shared:
            own = await open_local(settings)
            opened.push_async_callback(own.close)
        yield Stores(main, own)
