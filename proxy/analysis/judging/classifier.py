"""Which classifier judges: loaded at the start, and anew when its settings or the files of its folder change.

A new one is loaded, verified and tried out beside the old one, and takes over between two batches. One that cannot be
loaded is refused with what is wrong and where; the old one stays, and where there is none, the patterns judge.

The one before is kept while a baseline in force is of its verdicts (`core.handover`): one at most, so that two models
are in memory. After a restart it is loaded again where the settings name its folder.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Set
from pathlib import Path
from typing import Final

from proxy.analysis.faults import fault
from proxy.analysis.judging.assessing import Assessor, Classified, Patterns
from proxy.classifiers.contract import Classifier
from proxy.classifiers.loading import find_model
from proxy.classifiers.together import Together
from proxy.config.sections.judging import Classifiers
from proxy.core.errors import GroundwireError
from proxy.core.taxonomy import Taxonomy
from proxy.features.judge import JUDGE_VERSION
from proxy.telemetry.logs import get_logger

log = get_logger(__name__)

LOADED: Final = "loaded"
REFUSED: Final = "refused"
RESULTS: Final = (LOADED, REFUSED)

Load = Callable[[Path, int], Classifier]
Files = tuple[tuple[str, int, int, int], ...]  # (name, inode, bytes, time of change)


class Chosen:
    """One for the process. `use` is called with each assessor that takes over, and where `before` has changed.

    `needed` gives the versions of those whose verdicts the baselines in force are of.
    """

    def __init__(
        self,
        load: Load,
        taxonomy: Taxonomy,
        use: Callable[[Assessor], None],
        needed: Callable[[], Set[str]] = frozenset,
    ) -> None:
        self._load = load
        self._taxonomy = taxonomy
        self._use = use
        self._needed = needed
        self._fetched: tuple[str, ...] = ()  # folders of the one before that were tried
        self._settings = Classifiers(enabled=False)
        self._tried: tuple[tuple[str, ...], int, Files] | None = None
        self._seen: Files = ()
        self._busy = asyncio.Lock()
        self.assessor: Assessor = Patterns()
        self.before: Assessor | None = None
        self.wrong = ""
        self.results: Counter[str] = Counter()

    async def take(self, settings: Classifiers) -> None:
        """These settings hold from now on. Never raises: what cannot be loaded is said, and `wrong` tells it."""
        async with self._busy:
            self._settings = settings
            if not settings.enabled:
                self._tried, self.wrong, self._fetched = None, "", ()
                self._change(Patterns())
                return
            self._seen = await asyncio.to_thread(_files, _models(settings))
            await self._try()
            await self._look_before()

    async def look(self) -> None:
        """Each second: whether files of the model changed, and stand still since the last look."""
        if not self._settings.enabled or self._busy.locked():
            return
        async with self._busy:
            before, self._seen = self._seen, await asyncio.to_thread(_files, _models(self._settings))
            if before == self._seen:
                await self._try()
            await self._look_before()

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

    async def _look_before(self) -> None:
        """Let the one before go once nobody needs it; fetch it where somebody does, and the settings name it."""
        needed, models = self._needed(), self._settings.previous
        if self.before is not None and self.before.version not in needed:
            log.info("classifier_let_go", version=self.before.version, then="no baseline in force is of its verdicts")
            self.before = None
            self._use(self.assessor)
        wanted = needed - {self.assessor.version, JUDGE_VERSION}  # the patterns are always at hand
        if self.before is not None or not models or models == self._fetched or not wanted:
            return
        self._fetched = models
        try:
            found = Classified(await asyncio.to_thread(self._open, models, self._settings.threads), self._taxonomy)
        except GroundwireError as refused:
            log.error("classifier_refused", error=str(refused), then="routes that need it are blind")  # noqa: TRY400
        except Exception as broken:
            fault(log, "classifier_fault", broken, model=models[0])
        else:
            self._keep(found, needed)

    def _keep(self, found: Assessor, needed: Set[str]) -> None:
        if found.version not in needed:
            log.warning("classifier_let_go", version=found.version, then="no baseline in force is of its verdicts")
            return
        self.before = found
        self._use(self.assessor)
        log.info("classifier_kept", version=found.version, then="it judges on until the new one has a baseline")

    def _open(self, models: tuple[str, ...], threads: int) -> Classifier:
        first, *others = (self._load(find_model(model), threads) for model in models)
        return Together([first, *others]) if others else first

    def _refuse(self, why: str) -> None:
        self.wrong = why
        self.results[REFUSED] += 1
        log.error("classifier_refused", error=why, then=f"{self.assessor.version} goes on judging")

    def _change(self, assessor: Assessor) -> None:
        last, self.assessor = self.assessor, assessor
        needed = self._needed() - {assessor.version}
        held = [one for one in (self.before, last) if isinstance(one, Classified) and one.version in needed]
        self.before = held[0] if held and self._settings.enabled else None
        self._use(assessor)
        kept = {} if self.before is None else {"kept": self.before.version}
        log.info("classifier_takes_over", version=assessor.version, before=last.version, **kept)


def _models(settings: Classifiers) -> tuple[str, ...]:
    return settings.model, *settings.also


def _files(models: tuple[str, ...]) -> Files:
    """What the files of the models' folders look like from outside; nothing where one is no such folder."""
    try:
        found = [(path.name, path.stat()) for model in models for path in sorted(find_model(model).iterdir())]
    except (GroundwireError, OSError):
        return ()
    return tuple((name, stat.st_ino, stat.st_size, stat.st_mtime_ns) for name, stat in found)
