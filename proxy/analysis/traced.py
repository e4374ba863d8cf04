"""What the tracer is told by pipeline, judge and control plane. Without a tracer nobody calls it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache
from urllib.parse import urlsplit

from proxy.analysis.judging.batch import Judging, Sampled
from proxy.config.settings import Settings
from proxy.control.entry import Entry
from proxy.core.decisions.outcome import Outcome
from proxy.core.enforcement import Snapshot
from proxy.core.exchange import Exchange
from proxy.core.sampling import ALWAYS
from proxy.features.reading import Reading
from proxy.tracing.exchange import Done, Stage
from proxy.tracing.tracer import Tracer, step_of


class Traced:
    """Between one tracer and those who tell it. `settings` and `snapshot` give those of now."""

    def __init__(self, tracer: Tracer, settings: Callable[[], Settings], snapshot: Callable[[], Snapshot]) -> None:
        self._tracer = tracer
        self._settings = settings
        self._snapshot = snapshot
        self._judging: Judging | None = None

    def listen(self, judging: Judging) -> None:
        """Be told what is read, beside whoever is told already."""
        self._judging = judging
        before = judging.on_read

        def read(exchange: Exchange, found: Sequence[Reading]) -> None:
            if before is not None:
                before(exchange, found)
            self._tracer.read(exchange, found)

        judging.on_read = read

    def done(self, exchange: Exchange, outcome: str, sampled: Sampled | None) -> None:
        """An exchange is done with."""
        if not exchange.trace:
            return
        done = Done(exchange, outcome, step=step_of(self._snapshot(), exchange), server=self._server(exchange))
        if sampled is None or self._judging is None:
            self._tracer.done(done)
            return
        times, draw = self._judging.times, sampled.draw
        if draw == ALWAYS:
            times = times._replace(stage_0=Stage())
        if not draw.analysed:
            times = times._replace(stage_1=Stage())
        observed = sampled.observed if draw.analysed else ()
        chance = 2.0 ** -(exchange.coverage_k + draw.k) if draw.analysed else None
        self._tracer.done(replace(done, chance=chance, observed=observed, times=times))

    def decided(self, entry: Entry, outcome: Outcome) -> str:
        """The ladder decided; the traceparent of its span, "" without one."""
        return self._tracer.decided(entry.route.name, entry.state.reason, outcome, time.time())

    def _server(self, exchange: Exchange) -> tuple[str, int]:
        upstream = self._settings().upstreams.get(exchange.upstream)
        return ("", 0) if upstream is None else server_of(upstream.url)


@lru_cache(maxsize=64)
def server_of(url: str) -> tuple[str, int]:
    """(host, port) of an upstream; of a Unix socket its path, and 0."""
    if url.startswith("unix:"):
        return url.removeprefix("unix:"), 0
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
