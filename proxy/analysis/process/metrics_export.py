"""Metrics of both processes over OTLP, where the standard OTEL_* variables ask for it. Nothing here waits or raises.

The loop reads the samples, a thread sends them. An export that takes longer than the interval makes the next one fall
out: values are totals, so that nothing is lost but a point in time.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from proxy.telemetry import exports as declared
from proxy.telemetry.logs import get_logger
from proxy.telemetry.metrics import Sample, sample
from proxy.tracing.asked import TracingError, metrics_of

if TYPE_CHECKING:
    from proxy.tracing.otlp import Exporter

log = get_logger(__name__)

CLOSE_WAIT_S: Final = 1.0
TRAFFIC_INTERVAL_S: Final = 10.0  # how often traffic tells its metrics, or as often as they are exported
RESULTS: Final = ("sent", "failed", "skipped")


class Told(NamedTuple):
    """What a process said of itself at a moment (Unix seconds)."""

    process: str
    process_id: int
    time_s: float
    samples: Sequence[Sample]


Read = Callable[[], Sequence[Told]]


class MetricsExport:
    """One for the process, called from its loop. `read` gives what all processes say now."""

    def __init__(self, interval_s: float, read: Read, convert: Callable[[Told], Any], exporter: Exporter) -> None:
        self.interval_s = interval_s
        self.traffic_interval_s = min(TRAFFIC_INTERVAL_S, interval_s)
        self._read = read
        self._convert = convert
        self._exporter = exporter
        self._results: Counter[str] = Counter()
        self._box: SimpleQueue[Sequence[Told] | None] = SimpleQueue()  # holds one at most
        self._busy = False
        self._thread = threading.Thread(target=self._send_on, name="otlp-metrics", daemon=True)
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Export from now on, in a task of the running loop."""
        self._thread.start()
        self._task = asyncio.get_running_loop().create_task(self._run(), name="otlp-metrics")

    def samples(self) -> Iterator[Sample]:
        """What became of exports."""
        for result in RESULTS:
            yield sample(declared.EXPORTS, self._results[result], result=result)

    async def close(self) -> None:
        """Export once more, and wait for that a moment."""
        if self._task is None:
            return
        self._task.cancel()
        await asyncio.wait([self._task])
        self._offer()
        self._box.put(None)
        await asyncio.to_thread(self._thread.join, CLOSE_WAIT_S)
        self._exporter.stop()

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self.interval_s)
            self._offer()

    def _offer(self) -> None:
        if self._busy:
            self._results["skipped"] += 1
            return
        self._busy = True
        self._box.put(self._read())

    def _send_on(self) -> None:
        while (told := self._box.get()) is not None:
            self._results[self._send(told)] += 1
            self._busy = False

    def _send(self, told: Sequence[Told]) -> str:
        try:
            return "sent" if self._exporter.send([self._convert(one) for one in told]) else "failed"
        except Exception as wrong:  # whatever it is, the next export is tried
            log.error("metrics_export_fault", error=type(wrong).__name__)  # noqa: TRY400 - no text of others
            return "failed"


def export_of(environ: Mapping[str, str], read: Read) -> MetricsExport | None:
    """What the environment asks for; None where it asks for none, or for what cannot be, which is said."""
    try:
        asked = metrics_of(environ)
        if asked is None:
            return None
        way, interval_s = asked
        from proxy.tracing.otlp import metric_exporter  # noqa: PLC0415 - loaded only where it is asked for

        made = MetricsExport(interval_s, read, _converter(), metric_exporter(way))
    except TracingError as wrong:
        log.error("metrics_export_refused", error=str(wrong), then="metrics are on /metrics only")  # noqa: TRY400
        return None
    if environ.get("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "cumulative").lower() != "cumulative":
        log.warning("metrics_are_cumulative", mend="use the collector's processor cumulativetodelta")
    log.info("metrics_exported", every_s=interval_s)
    return made


def _converter() -> Callable[[Told], Any]:
    from opentelemetry.sdk.resources import SERVICE_INSTANCE_ID, Resource  # noqa: PLC0415

    from proxy.telemetry.otlp import resource_metrics  # noqa: PLC0415
    from proxy.tracing.otlp import resource  # noqa: PLC0415

    common = resource()
    instance = common.attributes.get(SERVICE_INSTANCE_ID) or socket.gethostname()

    def convert(told: Told) -> Any:
        own = {
            SERVICE_INSTANCE_ID: f"{instance}/{told.process}-{told.process_id}",
            "groundwire.process": told.process,
        }
        return resource_metrics(common.merge(Resource(own)), told.samples, told.time_s)

    return convert
