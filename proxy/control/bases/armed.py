"""Which bases were asked, when they are asked again, and which routes are armed by it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from functools import partial
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


def judge_of(setup: Setup, entry: Entry) -> str:
    """Whose verdicts the lines of this route are of: a base's answers compare with these, and with no others."""
    baseline = setup.baseline(entry)
    return ("" if baseline is None else baseline.judge) or entry.judge or setup.judge


def judges_of(setup: Setup, entry: Entry) -> frozenset[str]:
    """With whoever judges here by itself: when that one takes the route over, its verdict is there already."""
    return frozenset((judge_of(setup, entry), setup.judge))


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

    async def refresh(self, setup: Setup) -> None:
        """Read the checks that verdicts hang on. Raises StateError."""
        entries = self._memory.known_entries().values()
        pairs = {(one.route.base, judge) for one in entries for judge in judges_of(setup, one)}
        for base, judge in pairs:
            if base is not None:
                await self._memory.check(base, judge).load()

    def verdict(self, setup: Setup, entry: Entry) -> Verdict:
        """Whether a revert of this route is armed, and the reason."""
        base, baseline = entry.route.base, setup.baseline(entry)
        if base is None:
            return Verdict(False, f"the route has no base{': ' if entry.no_base else ''}{entry.no_base}")
        if entry.forced:
            return Verdict(True, f"forced by {entry.forced}")
        made = "" if baseline is None else baseline.judge
        if made and entry.judge not in ("", made):
            return Verdict(False, f"the baseline in force is of the verdicts of {made}, which is at hand nowhere")
        checked = self._memory.check(base, judge_of(setup, entry)).known
        if checked is None and not setup.enforces(entry):
            return Verdict(False, SHADOW)
        line = learning.warning_line(baseline, setup.policy(entry.route.name))
        return arming.verdict(checked, line, self._used.get(entry.route.name, ()))

    async def check_due(
        self, setup: Setup, entries: Iterable[Entry], clients: Mapping[str, UpstreamClient], now_s: float
    ) -> None:
        """Put the check prompts to every base that is due, once for each judge whose verdict is wanted."""
        await self.refresh(setup)
        due: dict[Target, dict[str, Target]] = {}
        for entry in list(entries):
            base, candidate = entry.route.base, entry.route.candidate
            if base is None or not {base.upstream, candidate.upstream} <= clients.keys():
                continue
            for judge in judges_of(setup, entry) & setup.at_hand:
                if self._is_due(setup, entry, self._memory.check(base, judge).known, now_s):
                    due.setdefault(base, {})[judge] = candidate
        await asyncio.gather(*(self._check_by(base, judges, clients, now_s) for base, judges in due.items()))

    async def forget(self, base: Target, why: str = arming.NEVER) -> None:
        """Ask this base again at the next look, whatever it said before; until then `why` keeps a revert unarmed."""
        for kept in self._memory.checks(base):
            await kept.edit(lambda _: Checked(0.0, failure=why))

    async def changed(self, base: Target, what: str) -> None:
        """Another model stands behind the name of this base: what the one before answered says nothing of it."""
        why = f"{what}, and it has not answered its check prompts since"
        for kept in self._memory.checks(base):
            await kept.edit(lambda known: None if known is None else Checked(0.0, failure=why))

    def _is_due(self, setup: Setup, entry: Entry, checked: Checked | None, now_s: float) -> bool:
        if entry.closed or entry.forced or not setup.enforces(entry):
            return False
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

    async def _check_by(
        self, base: Target, judges: Mapping[str, Target], clients: Mapping[str, UpstreamClient], now_s: float
    ) -> None:
        """For one judge after the other, so that no more questions than usual are under way at once."""
        for judge, candidate in judges.items():
            await self._check((base, judge), candidate, clients, now_s)

    async def _check(
        self, of: tuple[Target, str], candidate: Target, clients: Mapping[str, UpstreamClient], now_s: float
    ) -> None:
        base, judge = of
        asked, beside = clients[base.upstream], clients[candidate.upstream]
        kept, paths = self._memory.check(base, judge), self._paths(base)
        before = (await kept.load())[1]
        judging = partial(self._judge, version=judge)
        checked = await arming.ask(
            (asked, base.model), (beside, candidate.model), self.checks, now_s, paths, judge=judging
        )
        if checked.unreached and (asked.closed or beside.closed):
            return  # a reload ended it; it is asked at once with the new settings
        await kept.edit(lambda known: arming.learnt(known, before, checked))
        emit = log.warning if checked.failure else log.info
        emit(
            "base_checked",
            base=base.model,
            upstream=base.upstream,
            judge=judge,
            refused=checked.refused,
            judged=checked.judged,
            asked=checked.asked,
            failure=checked.failure,
        )
