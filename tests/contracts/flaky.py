"""A shared store on a real server, over a link that fails when told to: on the way there, or on the way back."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from proxy.config.sections.watching import StoreSettings
from proxy.stores.mirror import Mirror
from proxy.stores.redis_link import Away, RedisLink
from proxy.stores.redis_scripts import FLUSH, Script
from proxy.stores.redis_store import Options, RedisStore

RETENTION_S = 6_000


class FlakyLink(RedisLink):
    """`faults` are used up one a flush: "" is none, "before" loses the request, "after" the answer."""

    def __init__(self, settings: StoreSettings, faults: Iterable[str] = ()) -> None:
        super().__init__(settings)
        self.faults = list(faults)
        self.cut = False

    async def script(self, script: Script, keys: Any, *args: Any) -> Any:
        """As it is, or lost on the way."""
        fault = self.faults.pop(0) if script is FLUSH and self.faults else ""
        if self.cut or fault == "before":
            raise Away("lost on the way there")
        found = await super().script(script, keys, *args)
        if fault == "after":
            raise Away("lost on the way back")
        return found

    async def run(self, *command: Any) -> Any:
        """As it is, or cut off."""
        if self.cut:
            raise Away("cut off")
        return await super().run(*command)


def replica(
    url: str,
    *,
    faults: Iterable[str] = (),
    now: Callable[[], float] | None = None,
    mirror: Mirror | None = None,
    cells_max: int = 100_000,
    seal_interval_s: float = 0.0,
) -> tuple[RedisStore, FlakyLink]:
    """One replica's store, with its link."""
    link = FlakyLink(StoreSettings(kind="redis", url=url, timeout_s=30.0), faults)
    options = Options(RETENTION_S, cells_max=cells_max, seal_interval_s=seal_interval_s)
    store = RedisStore(link, options, mirror) if now is None else RedisStore(link, options, mirror, now)
    return store, link
