"""The analysis process: builds everything, runs until SIGTERM. Objects of this process are made here only."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Final

from aiohttp import web

from proxy import VERSION
from proxy.analysis import counting
from proxy.analysis.feedback import Feedback
from proxy.analysis.hash_keys import Keys, open_keys, prompt_hashes
from proxy.analysis.judging.assessing import Assessor
from proxy.analysis.judging.batch import Judging
from proxy.analysis.judging.classifier import Chosen
from proxy.analysis.judging.remote import RemoteTap
from proxy.analysis.judging.triggers import load_triggers
from proxy.analysis.pipeline import Batching, Pipeline
from proxy.analysis.process.health import classifier_samples, make_health, pipeline_samples, readiness
from proxy.analysis.process.last_good import LastGood
from proxy.analysis.process.listeners import address_of, serve_http
from proxy.analysis.process.metrics_export import Told, export_of
from proxy.analysis.process.priority import give_way
from proxy.analysis.process.upkeep import Upkeep, panes_of
from proxy.analysis.prompt_key import prompt_hasher
from proxy.analysis.queue import BoundedQueue
from proxy.analysis.sampling.pacing import Pacing
from proxy.analysis.sampling.sampler import Sampler
from proxy.analysis.serving import Serving
from proxy.analysis.traced import Traced
from proxy.classifiers.contract import HAZARDS
from proxy.classifiers.guard import Guard
from proxy.config.files import Files
from proxy.config.settings import Settings
from proxy.config.taxonomy import read_taxonomy
from proxy.control.api.app import make_api
from proxy.control.plane import ControlPlane
from proxy.control.policies.in_force import Policies, load_policies
from proxy.control.views.reasons import reason_samples
from proxy.control.views.samples import control_samples
from proxy.core.baselines.handover import Duty
from proxy.core.closing import Watermark
from proxy.core.errors import GroundwireError
from proxy.core.exchange import Exchange
from proxy.core.observation import Observation
from proxy.core.sampling import Rates
from proxy.core.windows import pane_of
from proxy.features.judge import JUDGE_VERSION
from proxy.link.figures import samples_of
from proxy.link.receiver import LinkReceiver
from proxy.sensitive.redaction import redact
from proxy.sensitive.scan import scan
from proxy.stores.registry import Stores, stores_of
from proxy.telemetry.bounding import Bounds
from proxy.telemetry.logs import catch_all, get_logger, set_up
from proxy.telemetry.metrics import Sample
from proxy.telemetry.process import Life
from proxy.telemetry.registry import TRAFFIC_BY_NAME
from proxy.tracing import tracer as tracing

log = get_logger(__name__)

DRAIN_S: Final = 2.0  # under the time that traffic gives its child
SETTLE_S: Final = 0.1
RESTART_KEYS: Final = ("listen", "link", "state_dir", "pane_s", "analysis", "store")


def main(settings: Settings, reread: Callable[[], Settings]) -> int:
    """Run until SIGTERM. `reread` reads the settings anew on SIGHUP.

    Returns 0, or 1 where a port, a file or the policy cannot be used: whoever started it tries again.
    """
    set_up(settings, "analysis")
    catch_all()
    give_way()
    try:
        asyncio.run(_run(settings, reread))
    except GroundwireError as wrong:
        log.error("analysis_cannot_run", error=str(wrong))  # noqa: TRY400 - the message says all
        return 1
    return 0


async def _run(settings: Settings, reread: Callable[[], Settings]) -> None:
    loop = asyncio.get_running_loop()
    async with stores_of(settings) as stores:
        files = await LastGood(stores).files()
        policies = await loop.run_in_executor(None, load_policies, settings, files)
        keys = await open_keys(settings, stores.main)
        await App(settings, policies, stores, reread, keys, files=files).run()


class App:
    """One running analysis process."""

    def __init__(
        self,
        settings: Settings,
        policies: Policies,
        stores: Stores,
        reread: Callable[[], Settings],
        keys: Keys,
        *,
        files: Files,
    ) -> None:
        folder = Path(settings.state_dir)
        bounds = settings.analysis
        self._settings = settings
        self._reread = reread
        self._files = files
        self._last_good = LastGood(stores)
        self._store = store = stores.main
        self._stop = asyncio.Event()
        self._life = Life("analysis", time.time())
        self._bounds = Bounds()
        self._tasks: set[asyncio.Task[None]] = set()
        self._tracer = tracing.start(os.environ)
        self._export = export_of(os.environ, self._told)
        self._pipeline = Pipeline(
            store=store,
            own=stores.own,
            panes=panes_of(settings, policies),
            queue=BoundedQueue(bounds.queue_exchanges_max, bounds.queue_bytes_max),
            judging=Judging(
                prompt_hashes(keys, self._now, self._memory_s),
                partial(scan, names=False),
                prompt_hasher(keys.lasting()),
            ),
            note_unknown_model=self._note_unknown_model,
            now=self._now,
            note_dialect=self._note_dialect,
            batching=_batching(settings),
            sampler=Sampler(keys.lasting(), self._rates),
            duty_of=self._duty,
            watermark_of=self._watermark,
            serving=Serving(lambda: self._plane.snapshot),
        )
        self._remote = RemoteTap(self._pipeline.count_shown, redact)
        self._pipeline.judging.describing.triggers = load_triggers(settings.triggers_file, files)
        self._feedback = Feedback(prompt_hasher(keys.lasting()), self._pipeline.count_later, self._now, settings.pane_s)
        self._pipeline.on_counted = self._counted
        self._receiver = LinkReceiver(settings.link.socket or str(folder / "link.sock"), self._pipeline.on_message)
        self._plane = ControlPlane(
            settings,
            policies,
            store,
            self._receiver.publish,
            self._now,
            versions={"groundwire": VERSION, "judge": JUDGE_VERSION},
            judge=self._pipeline.judge,
            count=counting.of_one,
            tracing=None if self._tracer is None else self._tracer.tracing,
            files=files,
        )
        self._plane.feedback = self._feedback.take
        if self._tracer is not None:
            traced = Traced(self._tracer, lambda: self._settings, lambda: self._plane.snapshot)
            traced.listen(self._pipeline.judging)
            self._pipeline.on_done = traced.done
            self._plane.looks.on_decided = traced.decided
        self._pacing = Pacing(self._pipeline, self._plane, store, pane_of(self._now(), settings.pane_s))
        self._chosen = Chosen(Guard.load, read_taxonomy(HAZARDS), self._judge_by, lambda: self._plane.judges_needed)
        self._upkeep = Upkeep(
            self._pipeline,
            self._plane,
            self._pacing,
            store,
            self._chosen,
            tracer=self._tracer,
            settings=lambda: self._settings,
            now=self._now,
            stop=self._stop,
        )

    async def run(self) -> None:
        """Everything from start to end. Raises GroundwireError where it cannot start."""
        listen = self._settings.listen
        await self._in_force(self._files)
        self._files = Files()  # texts that nobody needs any more
        await self._pacing.load()
        await self._receiver.start()
        await self._plane.open()  # traffic has its enforcements before the model is loaded
        await self._chosen.take(self._settings.classifiers)
        await self._remote.take(self._settings.classifiers.remote)
        control = listen.control or f"unix:{self._settings.state_dir}/control.sock"
        runners = [
            await serve_http(self._health(), listen.analysis_health, "listen.analysis_health"),
            await serve_http(make_api(self._plane), control, "listen.control"),
        ]
        await self._plane.start()
        if self._export is not None:
            self._receiver.want_figures(self._export.traffic_interval_s)
            self._export.start()
        self._signals()
        work = asyncio.create_task(self._pipeline.run(), name="pipeline")
        self._tasks.add(work)
        ticks = asyncio.create_task(self._upkeep.run(), name="upkeep")
        health = address_of(runners[0])
        log.info("analysis_ready", control=control, health=health, state_dir=self._settings.state_dir)
        await self._stop.wait()
        await self._plane.stop()
        for runner in runners:
            await runner.cleanup()
        await self._settle()
        await _cancel(work, ticks)
        await self._remote.close()
        await self._pipeline.drain(DRAIN_S)
        await self._pipeline.ordinary.save(all_of_them=True)
        if self._tracer is not None:
            await asyncio.get_running_loop().run_in_executor(None, self._tracer.close)
        if self._export is not None:
            await self._export.close()
        await self._receiver.close()
        log.info("analysis_stopped")

    def _counted(
        self, exchange: Exchange, key: counting.Key, r: int, observed: Sequence[Observation], repeated: Set[str]
    ) -> None:
        self._feedback.offer(exchange, key, r, observed, repeated)
        self._remote.offer(exchange, key, r, observed, repeated)

    def _now(self) -> float:
        """The store's clock: all replicas number panes by it."""
        return time.time() + self._store.clock_offset_s

    def _memory_s(self) -> float:
        return self._pipeline.panes.duplicate_memory_s

    def _judge_by(self, assessor: Assessor) -> None:
        judging, before = self._pipeline.judging, self._chosen.before
        judging.before, judging.assessor = before, assessor
        self._plane.note_judge(assessor.version, {JUDGE_VERSION, *([before.version] if before else [])})

    def _duty(self, route: str) -> Duty:
        return self._plane.duty(route)

    def _watermark(self, route: str, served: str) -> Watermark:
        return self._plane.watermark(route, served)

    def _rates(self, route: str, pane: int) -> Rates:
        return self._plane.rates(route, pane)

    def _note_unknown_model(self, name: str) -> None:
        self._plane.note_unknown_model(name)

    def _note_dialect(self, route: str, dialect: str) -> None:
        self._plane.note_dialect(route, dialect)

    def _signals(self) -> None:
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self._stop.set)
        loop.add_signal_handler(signal.SIGINT, self._stop.set)
        loop.add_signal_handler(signal.SIGHUP, self._on_hangup)

    def _health(self) -> web.Application:
        def ready() -> str:
            return readiness(self._pipeline, self._now())

        return make_health(
            ready,
            lambda: "; ".join(filter(None, (self._chosen.wrong, self._last_good.wrong))),
            self._samples,
        )

    def _samples(self) -> Iterator[Sample]:
        """Every metric of this process, as it is now."""
        return self._bounds.hold(
            chain(
                self._life.samples(),
                pipeline_samples(self._pipeline, len(self._receiver.peers), bool(self._store.moved_aside)),
                classifier_samples(self._pipeline, self._chosen),
                self._remote.samples(),
                control_samples(self._plane),
                reason_samples(self._plane),
                self._pipeline.serving.samples(),
                () if self._tracer is None else self._tracer.samples(),
                () if self._export is None else self._export.samples(),
            )
        )

    def _told(self) -> list[Told]:
        """What every process says of itself, for export."""
        peers = [
            Told("traffic", peer.process_id, peer.figures.time_s, tuple(samples_of(peer.figures, TRAFFIC_BY_NAME)))
            for peer in self._receiver.peers
            if peer.figures.rows
        ]
        return [Told("analysis", os.getpid(), time.time(), tuple(self._samples())), *peers]

    async def _settle(self) -> None:
        """What traffic sent before it told us to stop is still on its way: take it in."""
        loop = asyncio.get_running_loop()
        until_s = loop.time() + DRAIN_S
        before = -1
        pipeline = self._pipeline
        while (before != pipeline.totals.exchanges or pipeline.queue or pipeline.working) and loop.time() < until_s:
            before = pipeline.totals.exchanges
            await asyncio.sleep(SETTLE_S)

    # --- reload ------------------------------------------------------------------------------------------------------

    async def _in_force(self, files: Files) -> None:
        """Settings and these files were taken: those that were good are kept for a start with a bad one."""
        if files.refused:
            self._life.refused()
        else:
            self._life.took(time.time())
        self._last_good.say(files)
        await self._last_good.keep(files, time.time())

    def _on_hangup(self) -> None:
        task = asyncio.get_running_loop().create_task(self._reload(), name="reload")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _reload(self) -> None:
        """SIGHUP: take the new settings and policies, or say what is wrong with them and keep the old ones."""
        loop, old, files = asyncio.get_running_loop(), self._settings, Files()
        try:
            read = await loop.run_in_executor(None, self._reread)
            settings = replace(read, **{key: getattr(old, key) for key in RESTART_KEYS})
            policies = await loop.run_in_executor(None, load_policies, settings, files)
            triggers = await loop.run_in_executor(None, load_triggers, settings.triggers_file, files)
            await self._plane.reload(settings, policies, files)
        except GroundwireError as wrong:
            self._life.refused()
            log.error("reload_refused", error=str(wrong), settings="the old ones stay")  # noqa: TRY400
            return
        self._settings = settings
        await self._in_force(files)
        self._pipeline.panes = panes_of(settings, self._plane.setup.policies)
        self._pipeline.batching = _batching(settings)
        self._pipeline.judging.describing.triggers = triggers
        if settings.classifiers != old.classifiers:
            await self._chosen.take(settings.classifiers)
        if settings.classifiers.remote != old.classifiers.remote:
            await self._remote.take(settings.classifiers.remote)
        set_up(settings, "analysis")
        if read != settings:
            log.warning("reload_needs_restart", keys=[k for k in RESTART_KEYS if getattr(read, k) != getattr(old, k)])
        log.info("reloaded")


def _batching(settings: Settings) -> Batching:
    return Batching(settings.classifiers.batch_items_max, settings.classifiers.batch_wait_ms / 1000.0)


async def _cancel(*tasks: asyncio.Task[None]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
