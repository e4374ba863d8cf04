"""Which classifier judges: loaded at the start, and anew when its settings or the files of its folder change.

A new one is loaded, verified and tried out beside the old one, and takes over between two batches. One that cannot be
loaded is refused with what is wrong and where; the old one stays, and where there is none, the patterns judge.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Final

from proxy.analysis.assessing import Assessor, Classified, Patterns
from proxy.analysis.faults import fault
from proxy.classifiers.contract import Classifier
from proxy.classifiers.loading import find_model
from proxy.classifiers.together import Together
from proxy.config.sections.judging import Classifiers
from proxy.core.errors import GroundwireError
from proxy.core.taxonomy import Taxonomy
from proxy.telemetry.logs import get_logger

log = get_logger(__name__)

LOADED: Final = "loaded"
REFUSED: Final = "refused"
RESULTS: Final = (LOADED, REFUSED)

Load = Callable[[Path, int], Classifier]
Files = tuple[tuple[str, int, int, int], ...]  # (name, inode, bytes, time of change)


class Chosen:
    """One for the process. `use` is called with each assessor that takes over."""

    def __init__(self, load: Load, taxonomy: Taxonomy, use: Callable[[Assessor], None]) -> None:
        self._load = load
        self._taxonomy = taxonomy
        self._use = use
        self._settings = Classifiers(enabled=False)
        self._tried: tuple[tuple[str, ...], int, Files] | None = None
        self._seen: Files = ()
        self._busy = asyncio.Lock()
        self.assessor: Assessor = Patterns()
        self.wrong = ""
        self.results: Counter[str] = Counter()

    async def take(self, settings: Classifiers) -> None:
        """These settings hold from now on. Never raises: what cannot be loaded is said, and `wrong` tells it."""
        async with self._busy:
            self._settings = settings
            if not settings.enabled:
                self._tried, self.wrong = None, ""
                self._change(Patterns())
                return
            self._seen = await asyncio.to_thread(_files, _models(settings))
            await self._try()

    async def look(self) -> None:
        """Each second: whether files of the model changed, and stand still since the last look."""
        if not self._settings.enabled or self._busy.locked():
            return
        async with self._busy:
            before, self._seen = self._seen, await asyncio.to_thread(_files, _models(self._settings))
            if before == self._seen:
                await self._try()

    async def _try(self) -> None:
        """Load what the settings name, unless just that was tried."""
        trying = (_models(self._settings), self._settings.threads, self._seen)
        if trying == self._tried:
            return
        self._tried = trying
        try:
            classifier = await asyncio.to_thread(self._open, *trying[:2])
        except GroundwireError as refused:
            self._refuse(str(refused))
        except Exception as broken:  # a library's own words may quote anything; its kind and place say enough
            fault(log, "classifier_fault", broken, model=self._settings.model)
            self._refuse(f"the model could not be opened: {type(broken).__name__}; see the log")
        else:
            self.wrong = ""
            self.results[LOADED] += 1
            self._change(Classified(classifier, self._taxonomy))

    def _open(self, models: tuple[str, ...], threads: int) -> Classifier:
        first, *others = (self._load(find_model(model), threads) for model in models)
        return Together([first, *others]) if others else first

    def _refuse(self, why: str) -> None:
        self.wrong = why
        self.results[REFUSED] += 1
        log.error("classifier_refused", error=why, then=f"{self.assessor.version} goes on judging")

    def _change(self, assessor: Assessor) -> None:
        before, self.assessor = self.assessor.version, assessor
        self._use(assessor)
        log.info("classifier_takes_over", version=assessor.version, before=before)


def _models(settings: Classifiers) -> tuple[str, ...]:
    return settings.model, *settings.also


def _files(models: tuple[str, ...]) -> Files:
    """What the files of the models' folders look like from outside; nothing where one is no such folder."""
    try:
        found = [(path.name, path.stat()) for model in models for path in sorted(find_model(model).iterdir())]
    except (GroundwireError, OSError):
        return ()
    return tuple((name, stat.st_ino, stat.st_size, stat.st_mtime_ns) for name, stat in found)
