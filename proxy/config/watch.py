"""Files that are reloaded when they change: in Kubernetes a ConfigMap's files do so, and nobody sends SIGHUP there."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from pathlib import Path
from typing import Final

from proxy.config.sections.watching import RouteSettings
from proxy.config.settings import Settings

INTERVAL_S: Final = 2.0
NAMED_AGAIN: Final = 2  # at once, and when whoever was told has read the settings
_SUFFIXES: Final = (".yaml", ".yml", ".json", ".jsonl", ".ndjson")


def files_of(config: str | None, settings: Settings) -> tuple[Path, ...]:
    """The settings file, and the files that it names: policies, prompts, triggers, baselines. Shipped ones stay."""
    named = (
        config or "",
        settings.policy,
        *settings.policies.shadow,
        settings.checks_file,
        settings.triggers_file,
        settings.baseline_prompts_file,
        *chain.from_iterable(_of_route(route) for route in settings.routes.values()),
    )
    return tuple(sorted({Path(name) for name in named if name == config or name.endswith(_SUFFIXES)}))


def _of_route(route: RouteSettings) -> Iterable[str]:
    return route.policy, *route.shadow_policies, route.baseline_file, route.baseline_prompts_file


class Watch:
    """Looks at files by what `stat` says of them, links followed: a ConfigMap changes by swapping a link."""

    def __init__(self, files: Sequence[Path]) -> None:
        self._seen = self._last = _look(files)

    def changed(self) -> bool:
        """Whether any file has changed, come or gone, and stood still since the last call. Never raises.

        A file that is being written may be empty for a moment, and an empty one is valid: everything by default.
        """
        before, self._last = self._last, _look(self._seen)
        changed = self._last == before and before != self._seen
        if changed:
            self._seen = before
        return changed

    def follow(self, files: Sequence[Path]) -> None:
        """Watch these from now on. No change of one that was watched before is lost, however long naming them took."""
        now = _look(files)
        self._seen = now | {file: self._seen[file] for file in now if file in self._seen}
        self._last = now | {file: self._last[file] for file in now if file in self._last}


async def watch(files: Callable[[], Sequence[Path]], tell: Callable[[], None], interval_s: float = INTERVAL_S) -> None:
    """Call `tell` when a file has changed, and ask then anew which files there are. Runs until it is cancelled."""
    loop = asyncio.get_running_loop()
    watched = Watch(await loop.run_in_executor(None, files))
    unnamed = 0
    while True:
        await asyncio.sleep(interval_s)
        if await loop.run_in_executor(None, watched.changed):
            tell()
            unnamed = NAMED_AGAIN
        if unnamed:
            unnamed -= 1
            watched.follow(await loop.run_in_executor(None, files))


def _look(files: Iterable[Path]) -> dict[Path, tuple[int, ...] | None]:
    return {file: _stat(file) for file in files}


def _stat(file: Path) -> tuple[int, ...] | None:
    try:
        found = os.stat(file)  # noqa: PTH116 - one call, no object
    except OSError:
        return None
    return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)
