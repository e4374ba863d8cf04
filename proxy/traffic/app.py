"""The traffic process: builds everything, runs until SIGTERM. The only place of this process where objects are made."""

from __future__ import annotations

import asyncio
import gc
import signal
import sys
import time
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import Final

import uvloop

from proxy.config.orders import orders_socket
from proxy.config.pins import with_settings
from proxy.config.settings import Settings
from proxy.config.watch import files_of, watch
from proxy.core.enforcement import Snapshot
from proxy.core.errors import GroundwireError, StateError
from proxy.link.figures import figures
from proxy.link.sender import LinkSender
from proxy.telemetry.bounding import Bounds
from proxy.telemetry.exposition import render
from proxy.telemetry.logs import catch_all, get_logger, set_up
from proxy.telemetry.metrics import Sample, sample
from proxy.telemetry.process import Life
from proxy.telemetry.traffic import ANALYSIS_STARTS, SNAPSHOT_TIME
from proxy.traffic.child import Child
from proxy.traffic.client import ClientConnection
from proxy.traffic.drain import Drain
from proxy.traffic.gauges import traffic_samples
from proxy.traffic.health import HealthConnection
from proxy.traffic.listeners import listen, server_tls
from proxy.traffic.plane import Plane
from proxy.traffic.pool import Upstream
from proxy.traffic.readiness import Readiness
from proxy.traffic.state import SnapshotFile, is_fresh, read_snapshot

log = get_logger(__name__)

SWEEP_MIN_S: Final = 0.02
SWEEP_MAX_S: Final = 1.0
PROBE_MAX_S: Final = 5.0
GC_THRESHOLD: Final = 50_000


def main(
    settings: Settings,
    reload: Callable[[], Settings] | None,
    spawn_analysis: list[str] | None,
    config: str | None = None,
) -> int:
    """Serve until SIGTERM or SIGINT. `reload` reads the settings anew, on SIGHUP and when `config`, their file, or one
    that it names has changed; `spawn_analysis` is a command line.

    Returns 0, or 1 where a port or a file cannot be used.
    """
    set_up(settings, "traffic")
    catch_all()
    try:
        uvloop.run(App(settings, reload, spawn_analysis, config).run())
    except GroundwireError as wrong:
        sys.stderr.write(f"groundwire: {wrong}\n")
        return 1
    return 0


class App:
    """One running traffic process."""

    def __init__(
        self,
        settings: Settings,
        reload: Callable[[], Settings] | None,
        spawn_analysis: list[str] | None,
        config: str | None,
    ) -> None:
        self._settings = settings
        self._reload = reload
        self._config = config
        self._reloading = asyncio.Lock()  # one at a time: an older reading may not end after a newer one
        self._life = Life("traffic", time.time())
        self._bounds = Bounds()
        self._stop = asyncio.Event()
        self._readiness = Readiness()
        self._snapshot = Snapshot(0)
        self._snapshot_s = 0.0
        self._child = Child(spawn_analysis) if spawn_analysis else None
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Everything from start to end. Raises GroundwireError where it cannot start."""
        loop = asyncio.get_running_loop()
        settings = self._settings
        folder = Path(settings.state_dir)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as wrong:
            raise StateError(f"`state_dir` {folder}: {wrong.strerror}") from wrong
        self._file = SnapshotFile(folder)
        link = LinkSender(
            settings.link.socket or str(folder / "link.sock"),
            settings.link.buffer_bytes_max,
            self._on_snapshot,
            lambda: figures(time.time(), self._samples()),
        )
        self._plane = plane = Plane(settings, link, loop)
        drain = Drain(plane, self._readiness)
        self._set_upstreams(settings)
        self._restore(folder)
        health, health_address = await listen(
            settings.listen.health, "listen.health", lambda: HealthConnection(self._readiness, self._metrics, drain)
        )
        orders = await self._listen_for_orders(drain)
        data, address = await listen(
            settings.listen.data, "listen.data", lambda: ClientConnection(plane), server_tls(settings.listen)
        )
        drain.closes(data)
        self._readiness.listening = True
        link.start()
        if self._child is not None:
            self._child.start()
        loop.add_signal_handler(signal.SIGTERM, self._stop.set)
        loop.add_signal_handler(signal.SIGINT, self._stop.set)
        loop.add_signal_handler(signal.SIGHUP, self._on_hangup)
        self._sweep()
        self._spawn(self._probe())
        self._spawn(watch(lambda: files_of(self._config, self._settings), self._on_hangup))
        gc.collect()
        gc.freeze()  # what is there now stays; requests make no cycles, so the collector need hardly look
        gc.set_threshold(GC_THRESHOLD)
        log.info("traffic_serving", data=str(address), health=str(health_address))
        await self._stop.wait()
        await drain.begin()
        for server in (health, orders):
            if server is not None:
                server.close()
        if self._child is not None:
            await self._child.close()
        await link.close()
        for task in self._tasks:
            task.cancel()

    async def _listen_for_orders(self, drain: Drain) -> asyncio.Server | None:
        """The socket of `groundwire drain`. Without it traffic is served all the same."""
        address = f"unix:{orders_socket(self._settings)}"
        try:
            server, _ = await listen(
                address, "link.socket", lambda: HealthConnection(self._readiness, self._metrics, drain, orders=True)
            )
        except GroundwireError as wrong:
            log.warning("orders_not_heard", error=str(wrong), then="only SIGTERM drains")
            return None
        return server

    def _spawn(self, work: object) -> None:
        task: asyncio.Task[None] = asyncio.get_running_loop().create_task(work)  # type: ignore[arg-type]
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _samples(self) -> Iterator[Sample]:
        """Every metric of this process, as it is now."""
        starts = 0 if self._child is None else self._child.starts
        here = (sample(SNAPSHOT_TIME, self._snapshot_s), sample(ANALYSIS_STARTS, starts))
        return self._bounds.hold(chain(self._life.samples(), traffic_samples(self._plane, self._readiness), here))

    def _metrics(self, kind: str) -> bytes:
        return render(self._samples(), kind)

    # --- enforcement -----------------------------------------------------------------------------------------------

    def _restore(self, folder: Path) -> None:
        """What was in force when the last process ended; else hold requests for a moment."""
        snapshot = None
        try:
            snapshot = read_snapshot(folder)
        except StateError as wrong:
            log.error("enforcement_file_corrupt", error=str(wrong))  # noqa: TRY400 - the message says all
            self._readiness.degraded.add("enforcement_file_corrupt")
        if snapshot is not None:
            log.info("enforcement_restored", version=snapshot.version, held_back=_held_back(snapshot))
        self._apply(snapshot or self._snapshot)
        hold_s = self._settings.link.start_hold_s
        alone = self._settings.store.kind == "embedded"  # another replica may have reverted in a shared store
        fresh = snapshot is None and alone and not self._readiness.degraded and is_fresh(folder)
        if snapshot is not None or fresh or not hold_s:
            self._open()
        else:
            log.warning("enforcement_unknown", holding_requests_for_s=hold_s)
            asyncio.get_running_loop().call_later(hold_s, self._hold_over)

    def _apply(self, snapshot: Snapshot) -> None:
        """Take a snapshot, with the pins of the settings over it."""
        self._snapshot = snapshot
        self._plane.apply(with_settings(snapshot, self._settings.routes))

    def _hold_over(self) -> None:
        if not self._plane.serving:
            log.error("serving_degraded", reason="enforcement_unknown")
            self._readiness.degraded.add("enforcement_unknown")
            self._open()

    def _open(self) -> None:
        self._readiness.enforcement = True
        self._plane.serve()

    def _on_snapshot(self, snapshot: Snapshot) -> None:
        """A snapshot came down the link."""
        self._snapshot_s = time.time()
        old = self._snapshot
        self._apply(snapshot)
        self._readiness.degraded -= {"enforcement_unknown", "enforcement_file_corrupt"}
        if not self._plane.serving:
            self._open()
        if snapshot != old:
            log.info("snapshot_applied", version=snapshot.version, held_back=_held_back(snapshot))
        self._file.put(snapshot)
        self._write_snapshot()

    def _write_snapshot(self) -> None:
        snapshot = self._file.take()
        if snapshot is not None:
            self._spawn(self._write(snapshot))

    async def _write(self, snapshot: Snapshot) -> None:
        error = ""
        try:
            await asyncio.get_running_loop().run_in_executor(None, self._file.write, snapshot)
        except StateError as wrong:
            error = str(wrong)
            log.error("enforcement_file_not_written", error=error)  # noqa: TRY400 - the message says all
            self._readiness.degraded.add("enforcement_file_not_written")
        else:
            self._readiness.degraded.discard("enforcement_file_not_written")
        self._file.written(error)
        self._write_snapshot()

    # --- upstreams -------------------------------------------------------------------------------------------------

    def _set_upstreams(self, settings: Settings) -> None:
        """Build what is new or changed; the others keep their connections."""
        plane = self._plane
        old, plane.upstreams = plane.upstreams, {}
        for name, wanted in settings.upstreams.items():
            kept = old.get(name)
            if kept is None or kept.settings != wanted:
                try:
                    kept = Upstream(name, wanted, plane)
                except (OSError, ValueError) as wrong:
                    raise GroundwireError(f"`upstreams.{name}`: {wrong}") from wrong
            plane.upstreams[name] = kept
        for name, gone in old.items():
            if plane.upstreams.get(name) is not gone:
                gone.close_idle()

    async def _probe(self) -> None:
        """Wait for the upstream, and say so."""
        delay_s = 0.1
        while not self._readiness.upstream:
            upstream = self._plane.upstreams[self._plane.passing]
            if not upstream.reached:
                try:
                    upstream.put(await upstream.open_connection())
                except OSError as wrong:
                    log.warning("upstream_waiting", upstream=upstream.name, url=upstream.settings.url, error=str(wrong))
            if upstream.reached:
                log.info("upstream_reached", upstream=upstream.name, url=upstream.settings.url)
                self._readiness.upstream = True
                return
            await asyncio.sleep(delay_s)
            delay_s = min(PROBE_MAX_S, 2 * delay_s)

    # --- time ------------------------------------------------------------------------------------------------------

    def _sweep(self) -> None:
        """Hold every connection to its timeouts: one timer for all."""
        plane = self._plane
        plane.now_s = now_s = plane.loop.time()
        for client in list(plane.clients):
            client.sweep(now_s)
        for upstream in plane.upstreams.values():
            upstream.expire(now_s)
        plane.loop.call_later(sweep_interval_s(self._settings), self._sweep)

    # --- signals ---------------------------------------------------------------------------------------------------

    def _on_hangup(self) -> None:
        self._spawn(self._reload_settings())

    async def _reload_settings(self) -> None:
        """SIGHUP: take the new settings, or say what is wrong with them and keep the old ones."""
        if self._reload is None:
            return
        async with self._reloading:
            await self._take_settings(self._reload)

    async def _take_settings(self, reload: Callable[[], Settings]) -> None:
        plane, old = self._plane, self._settings
        try:
            settings = await asyncio.get_running_loop().run_in_executor(None, reload)
            plane.configure(settings)
            self._set_upstreams(settings)
        except GroundwireError as wrong:
            self._life.refused()
            plane.configure(old)
            log.error("reload_refused", error=str(wrong), settings="the old ones stay")  # noqa: TRY400
            return
        self._settings = settings
        self._life.took(time.time())
        self._apply(self._snapshot)
        set_up(settings, "traffic")
        if settings.listen != old.listen or settings.link.socket != old.link.socket:
            log.warning("reload_needs_restart", keys="listen.*, link.socket, state_dir")
        log.info("reloaded")
        if self._child is not None:
            self._child.signal(signal.SIGHUP)


def sweep_interval_s(settings: Settings) -> float:
    """A quarter of the shortest timeout, within bounds."""
    times = settings.timeouts
    bounds = [
        times.client_idle_s,
        times.client_head_s,
        times.client_body_s,
        times.upstream_head_s,
        times.upstream_idle_s,
        times.total_s,
        times.pool_idle_s,
    ]
    shortest_s = min((bound for bound in bounds if bound > 0), default=SWEEP_MAX_S)
    return min(SWEEP_MAX_S, max(SWEEP_MIN_S, shortest_s / 4))


def _held_back(snapshot: Snapshot) -> list[str]:
    return [f"{e.route}: {e.step.value}" for e in snapshot.enforcements if e.step.value not in ("steady", "watch")]
