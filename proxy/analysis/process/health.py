"""The analysis process's health listener: /livez, /readyz, /metrics. No text, no controls."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from aiohttp import web

from proxy import VERSION
from proxy.analysis.judging.batch import STAGES
from proxy.analysis.judging.classifier import RESULTS, Chosen
from proxy.analysis.pipeline import SKIP_REASONS, Pipeline
from proxy.analysis.totals import Totals
from proxy.classifiers.contract import OutOfScope
from proxy.core.evidence.signals import ANOMALY, RESPONSE_HARMFUL, SENSITIVE, TOXICITY
from proxy.telemetry import analysis as declared
from proxy.telemetry.exposition import content_type, render
from proxy.telemetry.metrics import Sample, sample
from proxy.telemetry.process import resident_bytes

FLAGS: Final = (TOXICITY, RESPONSE_HARMFUL, SENSITIVE, ANOMALY)
STALE_S: Final = 30.0  # without a flush for this long the counts are stuck

Probe = Callable[[], str]  # "" where all is well, else why not


def make_health(ready: Probe, degraded: Probe, samples: Callable[[], Iterable[Sample]]) -> web.Application:
    """The application. `ready` says why not, or ""; `degraded` what is wrong although the work goes on, or "".

    `samples` gives the metrics of this moment.
    """

    async def livez(_: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def readyz(_: web.Request) -> web.Response:
        wrong, less = ready(), degraded()
        said = wrong or (f"ok, degraded: {less}" if less else "ok")
        return web.Response(text=f"{said}\n", status=503 if wrong else 200)

    async def metrics(request: web.Request) -> web.Response:
        kind = content_type(request.headers.get("Accept", ""))
        page = web.Response(body=render(samples(), kind), headers={"Content-Type": kind})
        page.enable_compression()  # where the scraper asks for it
        return page

    async def say_who(_: web.Request, answer: web.StreamResponse) -> None:
        answer.headers["Server"] = (
            f"groundwire/{VERSION}"  # `groundwire doctor` compares the versions of both processes
        )

    app = web.Application()
    app.on_response_prepare.append(say_who)
    app.add_routes([web.get("/livez", livez), web.get("/readyz", readyz), web.get("/metrics", metrics)])
    return app


def readiness(pipeline: Pipeline, now_s: float) -> str:
    """Why the pipeline does not do its work; "" where it does."""
    flushed_s = pipeline.totals.flushed_s
    if not flushed_s:
        return "starting: nothing was flushed yet"
    if now_s - flushed_s > STALE_S:
        return f"counts were not stored for {now_s - flushed_s:.0f} s; see the log for flush_fault"
    return ""


def pipeline_samples(pipeline: Pipeline, peers: int, salvaged: bool) -> Iterator[Sample]:
    """What the pipeline did so far."""
    totals, queue = pipeline.totals, pipeline.queue
    yield sample(declared.EXCHANGES, totals.exchanges)
    for reason in SKIP_REASONS:
        yield sample(declared.SKIPPED, totals.skipped[reason], reason=reason)
    for (route, outcome), count in sorted(totals.outcomes.items()):
        yield sample(declared.OUTCOMES, count, route=route, outcome=outcome)
    for (route, outcome), count in sorted(totals.observations.items()):
        yield sample(declared.OBSERVATIONS, count, route=route, outcome=outcome)
    for route, count in sorted(totals.duplicates.items()):
        yield sample(declared.DUPLICATES, count, route=route)
    for route in _seen(totals):
        yield sample(declared.LOST, totals.lost[route], route=route)
    yield sample(declared.QUEUE_BYTES, queue.waiting_bytes)
    yield sample(declared.QUEUE_EXCHANGES, len(queue))
    yield sample(declared.QUEUE_FILL, queue.fill_ratio)
    yield sample(declared.BUSY, totals.busy_s)
    yield sample(declared.COVERAGE, 2.0**-pipeline.coverage.k)
    yield sample(declared.PEERS, peers)
    yield sample(declared.FLUSHES, totals.flushes)
    yield sample(declared.FLUSH_FAULTS, totals.flush_faults)
    yield sample(declared.FLUSHED_TIMESTAMP, totals.flushed_s)
    yield sample(declared.STATE_SALVAGED, salvaged)
    yield sample(declared.MEMORY_BYTES, resident_bytes())


def classifier_samples(pipeline: Pipeline, chosen: Chosen) -> Iterator[Sample]:
    """Who judges, and what it took so far."""
    costs, totals = pipeline.judging.costs, pipeline.totals
    yield sample(declared.CLASSIFIER, 1, version=chosen.assessor.version)
    yield sample(declared.CLASSIFIER_DEGRADED, bool(chosen.wrong))
    for result in RESULTS:
        yield sample(declared.CLASSIFIER_CHANGES, chosen.results[result], result=result)
    for stage in STAGES:
        yield sample(declared.JUDGE_SECONDS, costs.seconds[stage], stage=stage)
    yield sample(declared.BATCHES, costs.batches)
    yield sample(declared.ITEMS, costs.items)
    for reason in OutOfScope:
        yield sample(declared.OUT_OF_SCOPE, costs.out_of_scope[reason.value], reason=reason.value)
    for route in _seen(totals):
        for signal in FLAGS:
            yield sample(declared.FLAGGED, totals.flagged[route, signal], route=route, signal=signal)
    for (route, kind), count in sorted(totals.sensitive.items()):
        yield sample(declared.SENSITIVE, count, route=route, type=kind)


def _seen(totals: Totals) -> list[str]:
    """Routes that had exchanges: their counters begin at 0, else a rate would miss the first of what is rare."""
    return sorted({route for route, _ in totals.outcomes} | totals.lost.keys())
