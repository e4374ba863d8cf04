"""Which bases were asked, when they are asked again, and which routes are armed by it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Final

from proxy.control.baselines import learning
from proxy.control.bases import arming
from proxy.control.bases.arming import Checked, Verdict
from proxy.control.bases.checks import Checks
from proxy.control.bases.judging import Judge
from proxy.control.entry import Entry
from proxy.control.memory import Memory
from proxy.control.routes.upstreams import UpstreamClient
from proxy.control.setup import Setup
from proxy.core.routes import Target
from proxy.telemetry.logs import get_logger

log = get_logger(__name__)

AGAIN_S: Final = 3_600.0
RETRY_S: Final = 60.0  # after a failure
SHADOW: Final = "mode is shadow, so the base was not asked its check prompts; `groundwire route arm` asks it"


class Bases:
    """Checks of bases. Nobody's server is asked anything before somebody wants the route enforced."""

    def __init__(self, memory: Memory, checks: Checks, judge: Judge) -> None:
        self._memory = memory
        self._judge = judge
        self.checks = checks
        self._used: dict[str, tuple[str, ...]] = {}  # by route: the paths that users really ask, the first one first

    def note_used(self, route: str, dialect: str) -> None:
        """Users were answered in this dialect on this route: its base must speak it too."""
        path, known = arming.PATH_OF.get(dialect), self._used.get(route, ())
        if path is not None and path not in known:
            self._used[route] = (*known, path)

    def forget_route(self, name: str) -> None:
        """This route is no more."""
        self._used.pop(name, None)

    def verdict(self, setup: Setup, entry: Entry) -> Verdict:
        """Whether a revert of this route is armed, and the reason."""
        base = entry.route.base
        if base is None:
            return Verdict(False, f"the route has no base{': ' if entry.no_base else ''}{entry.no_base}")
        if entry.forced:
            return Verdict(True, f"forced by {entry.forced}")
        checked = self._last(base)
        if checked is None and not setup.enforces(entry):
            return Verdict(False, SHADOW)
        line = learning.warning_line(setup.baseline(entry), setup.policy(entry.route.name))
        return arming.verdict(checked, line, self._used.get(entry.route.name, ()))

    async def check_due(
        self, setup: Setup, entries: Iterable[Entry], clients: Mapping[str, UpstreamClient], now_s: float
    ) -> None:
        """Put the check prompts to every base that is due, each base once."""
        due: dict[Target, Target] = {}
        for entry in entries:
            base, candidate = entry.route.base, entry.route.candidate
            if base is None or not {base.upstream, candidate.upstream} <= clients.keys():
                continue
            if self._is_due(setup, entry, base, now_s):
                due[base] = candidate
        await asyncio.gather(*(self._check(base, due[base], clients, now_s) for base in due))

    async def forget(self, base: Target, why: str = arming.NEVER) -> None:
        """Ask this base again at the next look, whatever it said before; until then `why` keeps a revert unarmed."""
        await self._memory.check(base.upstream, base.model).edit(lambda _: Checked(0.0, failure=why))

    async def changed(self, base: Target, what: str) -> None:
        """Another model stands behind the name of this base: what the one before answered says nothing of it."""
        if (await self._memory.check(base.upstream, base.model).load())[1] is not None:
            await self.forget(base, f"{what}, and it has not answered its check prompts since")

    def _is_due(self, setup: Setup, entry: Entry, base: Target, now_s: float) -> bool:
        if entry.closed or entry.forced or not setup.enforces(entry):
            return False
        checked = self._last(base)
        if checked is None:
            return True
        failed = bool(checked.failure or checked.note)
        if now_s - max(checked.at_s, checked.tried_s) >= (RETRY_S if failed else AGAIN_S):
            return True
        return not failed and not set(self._used.get(entry.route.name, ())) <= set(checked.paths)

    def _paths(self, base: Target) -> tuple[str, ...]:
        """The paths that are used on any route of this base."""
        names = [name for name, one in self._memory.known_entries().items() if one.route.base == base]
        return tuple(dict.fromkeys(path for name in names for path in self._used.get(name, ())))

    def _last(self, base: Target) -> Checked | None:
        return self._memory.check(base.upstream, base.model).known

    async def _check(
        self, base: Target, candidate: Target, clients: Mapping[str, UpstreamClient], now_s: float
    ) -> None:
        asked, beside = clients[base.upstream], clients[candidate.upstream]
        kept, paths = self._memory.check(base.upstream, base.model), self._paths(base)
        before = (await kept.load())[1]
        checked = await arming.ask(
            (asked, base.model), (beside, candidate.model), self.checks, now_s, paths, judge=self._judge
        )
        if checked.unreached and (asked.closed or beside.closed):
            return  # a reload ended it; it is asked at once with the new settings
        await kept.edit(lambda known: arming.learnt(known, before, checked))
        emit = log.warning if checked.failure else log.info
        emit(
            "base_checked",
            base=base.model,
            upstream=base.upstream,
            refused=checked.refused,
            judged=checked.judged,
            asked=checked.asked,
            failure=checked.failure,
        )
