"""A baseline made of the base's own answers to known prompts, in place of one learnt from live traffic.

The prompts go straight to the base, a few at a time, and each batch is kept: a restart goes on where it stood. What is
kept hangs on the asking (which model, which prompts, which judge), not on the route: routes that share a base share it,
and another root, file or judge begins another asking. The choices are told in docs/decisions/0006.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import Any, Final

import orjson

from proxy.control.baselines.progress import Answered, Progress, advanced
from proxy.control.baselines.prompts import Prompts
from proxy.control.bases import arming
from proxy.control.bases.judging import Judge
from proxy.control.entry import Entry, in_force
from proxy.control.memory import Memory
from proxy.control.routes.upstreams import Unreachable, UpstreamClient
from proxy.control.setup import Setup
from proxy.core.baselines.baseline import Baseline, Kind, Standing
from proxy.core.baselines.fingerprint import Fingerprint
from proxy.core.baselines.learning import tally
from proxy.core.decisions.decide import JUDGE
from proxy.core.evidence.plan import make_plan
from proxy.core.observation import NO_HARM
from proxy.core.routes import Target
from proxy.telemetry.logs import get_logger

log = get_logger(__name__)

BATCH_MAX: Final = 16  # prompts between two writes to the store: what a restart asks again at most
AT_ONCE_MAX: Final = arming.AT_ONCE_MAX  # of one base
RETRY_S: Final = 60.0  # after a failure
LIVE_MIN: Final = 200  # answers of live traffic that tell what share of them can be judged
PROBE: Final = "Name a colour."
PROMPT_AT_FAULT: Final = (400, 413, 422)  # this question was not to its taste; the next may be
GROUNDWIRE: Final = "groundwire"


@dataclass(frozen=True, slots=True)
class Job:
    """One asking. `id` names the model by its root too, the prompts and the judge: another of any is another asking."""

    base: Target
    prompts: Prompts
    id: str


def job_of(setup: Setup, entry: Entry) -> Job | None:
    """What this route's base is to be asked for a baseline; None where there is nothing to ask, or nobody to."""
    name, base = entry.route.name, entry.route.base
    prompts = setup.prompts_for(name)
    if entry.closed or base is None or prompts is None or name in setup.files:
        return None
    parts = [base.upstream, base.model, entry.base_root, prompts.digest, setup.versions.get(JUDGE, "")]
    return Job(base, prompts, hashlib.sha256(orjson.dumps(parts)).hexdigest()[:16])


def is_wanted(entry: Entry, job: Job) -> bool:
    """Whether a baseline of this asking goes before what the route has. What a named person promoted stays."""
    baseline = entry.baseline
    if baseline is None:
        return True
    by_itself = baseline.kind in (Kind.LIVE, Kind.BASE)  # what a person made stays too
    return by_itself and baseline.standing is Standing.PROVISIONAL and entry.built_of != job.id


def baseline_of(setup: Setup, entry: Entry, job: Job, progress: Progress, now_s: float) -> Baseline | str:
    """The baseline for this route, or why there is none yet.

    The share of assessable answers is the live traffic's own: known prompts have no tool calls and no clients that
    leave.
    """
    asked, judged, policy = len(job.prompts.asked), progress.judged, setup.policy(entry.route.name)
    if progress.failure:
        return progress.failure
    if progress.asked < asked:
        return f"{progress.asked} of {asked} prompts are asked"
    if judged < arming.JUDGED_SHARE_MIN * asked:
        return f"only {judged} of the base's {asked} answers could be judged"
    assessed = tally(entry.state.learning.assessed) if entry.baseline is None else entry.baseline.assessed
    base = f"{job.base.model} at {job.base.upstream}"
    baseline = Baseline(
        kind=Kind.BASE,
        standing=Standing.PROVISIONAL,
        refusals=progress.refusals,
        assessed=assessed,
        made_s=now_s,
        who=GROUNDWIRE,
        why=f"made of {judged} answers of the base {base} to {asked} known prompts",
        judge=setup.versions.get(JUDGE, ""),
    )
    plan = make_plan(baseline, policy, setup.pane_s)
    if not plan.tests:
        return f"no line can be drawn from the base's answers ({'; '.join(plan.skipped)})"
    if entry.baseline is None and assessed.n < LIVE_MIN:
        return f"made; waits for {LIVE_MIN} answers of live traffic ({assessed.n} so far): what share can be judged?"
    return baseline


def adopted(entry: Entry, baseline: Baseline, job: Job) -> Entry:
    """The route on its new baseline, which is not on the shelf yet."""
    return replace(in_force(entry, baseline, 0, Fingerprint()), built_of=job.id)


class BaseBaselines:
    """Asks bases, and hands what comes of it to their routes."""

    def __init__(self, memory: Memory, judge: Judge) -> None:
        self._memory = memory
        self._judge = judge
        self._paths: dict[str, str] = {}  # by Job.id: the path on which the base answers

    async def work(
        self, setup: Setup, entries: Iterable[Entry], clients: Mapping[str, UpstreamClient], now_s: float
    ) -> None:
        """Ask every base that is wanted one batch further, then hand over what is finished."""
        wanted = {one.route.name: job for one in entries if (job := job_of(setup, one)) and is_wanted(one, job)}
        jobs = {job.id: job for job in wanted.values() if job.base.upstream in clients}
        self._paths = {job: path for job, path in self._paths.items() if job in jobs}
        await asyncio.gather(*(self._further(job, clients[job.base.upstream], now_s) for job in jobs.values()))
        for name, job in wanted.items():
            await self._hand_over(setup, name, job, now_s)

    async def shown(self, setup: Setup, entry: Entry, now_s: float) -> dict[str, Any] | None:
        """How the baseline of the base's answers comes on; None where no file of prompts is in force."""
        job = job_of(setup, entry)
        if job is None:
            return None
        progress = (await self._memory.progress(job.id).load())[1]
        made = baseline_of(setup, entry, job, progress, now_s)
        detail = made if isinstance(made, str) and is_wanted(entry, job) else ""
        return {
            "asked": progress.asked,
            "of": len(job.prompts.asked),
            "judged": progress.judged,
            "skipped": job.prompts.harmless + job.prompts.repeated,
            "detail": detail,
        }

    async def _further(self, job: Job, client: UpstreamClient, now_s: float) -> None:
        kept = self._memory.progress(job.id)
        version, before = await kept.load()
        batch = job.prompts.asked[before.asked : before.asked + BATCH_MAX]
        if not batch or (before.failure and now_s - before.at_s < RETRY_S):
            return
        answers = await self._ask(job, client, batch)
        got = [one for one in takewhile(lambda one: not isinstance(one, str), answers) if not isinstance(one, str)]
        failure = next((one for one in answers if isinstance(one, str)), "")
        after = advanced(before, got, failure, now_s)
        if await kept.swap(version, after):  # else another replica asked the same, and was faster
            _say_progress(job, before, after)

    async def _ask(self, job: Job, client: UpstreamClient, batch: Sequence[tuple[str, str]]) -> list[Answered | str]:
        """For each prompt what was judged, or why the base did not answer."""
        path, given = await self._path(job, client), job.prompts.given
        gate = asyncio.Semaphore(AT_ONCE_MAX)

        async def one(category: str, prompt: str) -> Answered | str:
            async with gate:
                return await self._ask_one((client, job.base.model), path, category, prompt, prompt in given)

        answers = list(await asyncio.gather(*(one(*pair) for pair in batch)))
        if any(isinstance(answer, str) for answer in answers):
            self._paths.pop(job.id, None)  # it may come back speaking otherwise
        return answers

    async def _ask_one(
        self, base: tuple[UpstreamClient, str], path: str, category: str, prompt: str, is_given: bool
    ) -> Answered | str:
        try:
            answer = await arming.put(base[0], path, base[1], prompt)
        except Unreachable as wrong:
            return f"the base cannot be asked: {wrong}"
        failure = arming.refused_by_server(base[0], path, answer)
        if failure and answer.status not in PROMPT_AT_FAULT:
            return failure
        seen = await arming.judged(self._judge, base, path, prompt, answer)
        knows_better = not is_given and seen.category != NO_HARM
        return seen.category if knows_better else category, seen.refusal

    async def _path(self, job: Job, client: UpstreamClient) -> str:
        if job.id not in self._paths:
            self._paths[job.id] = (await arming.dialects(client, job.base.model, PROBE))[0]
        return self._paths[job.id]

    async def _hand_over(self, setup: Setup, name: str, job: Job, now_s: float) -> None:
        progress, replaced = self._memory.progress(job.id).known, list[str]()
        if progress.asked < len(job.prompts.asked):
            return

        def taking(entry: Entry | None) -> Entry | None:
            replaced.clear()
            if entry is None or job_of(setup, entry) != job or not is_wanted(entry, job):
                return entry
            baseline = baseline_of(setup, entry, job, progress, now_s)
            if isinstance(baseline, str):
                return entry
            replaced.append("live learning" if entry.baseline is None else f"the {entry.baseline.kind} baseline")
            return adopted(entry, baseline, job)

        entry = await self._memory.entry(name).edit(taking)
        if replaced and entry is not None and entry.baseline is not None:
            await self._say_taken(name, entry.baseline, replaced[0], now_s)

    async def _say_taken(self, name: str, baseline: Baseline, instead_of: str, now_s: float) -> None:
        log.info(
            "baseline_built",
            route=name,
            n=baseline.n,
            rate=baseline.rate,
            why=baseline.why,
            replaces=instead_of,
            then="evidence begins anew",
        )
        why = f"{baseline.why}; replaces {instead_of}, evidence begins anew"
        await self._memory.note(now_s, GROUNDWIRE, "baseline", name, why)


def _say_progress(job: Job, before: Progress, after: Progress) -> None:
    """The beginning, the end, and each new failure; not each batch."""
    fields = {
        "base": job.base.model,
        "upstream": job.base.upstream,
        "asked": after.asked,
        "of": len(job.prompts.asked),
        "judged": after.judged,
    }
    if after.failure:
        if after.failure != before.failure:
            log.warning("baseline_asking_waits", **fields, failure=after.failure, then="live learning goes on")
    elif after.asked == len(job.prompts.asked):
        log.info("baseline_asked", **fields)
    elif before.asked == 0 or before.failure:
        skipped = {"harmless": job.prompts.harmless, "repeated": job.prompts.repeated}
        log.info("baseline_asking", **fields, **skipped, file=job.prompts.file)
