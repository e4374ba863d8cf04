"""Files that are reloaded when they change: in Kubernetes a ConfigMap's files do so, and nobody sends SIGHUP there."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final

from proxy.config.settings import Settings

INTERVAL_S: Final = 2.0
_SUFFIXES: Final = (".yaml", ".yml", ".json", ".jsonl")


def files_of(config: str | None, settings: Settings) -> tuple[Path, ...]:
    """The settings file, and the files that it names: policies and prompts. Shipped policies do not change."""
    named = (
        config or "",
        settings.policy,
        *(route.policy for route in settings.routes.values()),
        settings.checks_file,
        settings.baseline_prompts_file,
        *(route.baseline_prompts_file for route in settings.routes.values()),
    )
    return tuple(sorted({Path(name) for name in named if name == config or name.endswith(_SUFFIXES)}))


class Watch:
    """Looks at files by what `stat` says of them, links followed: a ConfigMap changes by swapping a link."""

    def __init__(self, files: Sequence[Path]) -> None:
        self._files = tuple(files)
        self._seen = self._last = tuple(_look(self._files))

    def changed(self) -> bool:
        """Whether any file has changed, come or gone, and stood still since the last call. Never raises.

        A file that is being written may be empty for a moment, and an empty one is valid: everything by default.
        """
        before, self._last = self._last, tuple(_look(self._files))
        changed = self._last == before and before != self._seen
        if changed:
            self._seen = before
        return changed


async def watch(files: Callable[[], Sequence[Path]], tell: Callable[[], None], interval_s: float = INTERVAL_S) -> None:
    """Call `tell` when a file has changed, and ask then anew which files there are. Runs until it is cancelled."""
    loop = asyncio.get_running_loop()
    watched = Watch(await loop.run_in_executor(None, files))
    while True:
        await asyncio.sleep(interval_s)
        if await loop.run_in_executor(None, watched.changed):
            tell()
            watched = Watch(await loop.run_in_executor(None, files))


def _look(files: Iterable[Path]) -> Iterable[tuple[int, ...] | None]:
    for file in files:
        try:
            found = os.stat(file)  # noqa: PTH116 - one call, no object
        except OSError:
            yield None
        else:
            yield (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)
