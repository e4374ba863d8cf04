"""How the model servers serve, as OpenTelemetry's metrics of generative AI have it: `telemetry.gen_ai`.

Times are known of every exchange that arrives; tokens of those that are read, which happens in the judge's thread.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Sequence, Set
from typing import Final

from proxy.core.enforcement import Snapshot
from proxy.core.exchange import End, Exchange
from proxy.dialects.operations import operation_of
from proxy.dialects.registry import dialect_of
from proxy.features.reading import Reading
from proxy.telemetry import gen_ai as declared
from proxy.telemetry.bounding import OTHER
from proxy.telemetry.metrics import Histogram, Sample

STREAMS: Final = ("text/event-stream", "application/x-ndjson", "application/stream+json")

EMPTY: Final = Snapshot(0)


class Serving:
    """One for the process. `snapshot` gives the routes, which bound the names: others are of whoever sends requests."""

    def __init__(self, snapshot: Callable[[], Snapshot] = lambda: EMPTY) -> None:
        self._snapshot = snapshot
        self._models = (EMPTY, _models_of(EMPTY))
        self._overhead = Histogram(declared.OVERHEAD)
        self._duration = Histogram(declared.DURATION)
        self._first_token = Histogram(declared.FIRST_TOKEN)
        self._per_token = Histogram(declared.PER_TOKEN)
        self._usage = Histogram(declared.USAGE)

    def arrived(self, exchange: Exchange) -> None:
        """Times of an exchange, whatever becomes of it here."""
        weight = 1 << exchange.coverage_k
        if exchange.sent_s:
            self._overhead.observe(exchange.sent_s - exchange.started_s, weight=weight)
        labels = self._labels(exchange)
        if labels is None:
            return
        self._duration.observe(exchange.ended_s - exchange.started_s, *labels, error_of(exchange), weight=weight)
        if is_stream(exchange):
            self._first_token.observe(exchange.first_byte_s - exchange.started_s, *labels, weight=weight)

    def read(self, exchange: Exchange, found: Sequence[Reading]) -> None:
        """Tokens of an exchange, as its server says."""
        usage, labels = found[0].usage, self._labels(exchange)
        if usage is None or labels is None:
            return
        weight = 1 << exchange.coverage_k
        self._usage.observe(usage.prompt_tokens, *labels, "input", weight=weight)
        self._usage.observe(usage.completion_tokens, *labels, "output", weight=weight)
        if is_stream(exchange) and usage.completion_tokens > 1:
            apart_s = (exchange.ended_s - exchange.first_byte_s) / (usage.completion_tokens - 1)
            self._per_token.observe(apart_s, *labels, weight=weight)

    def keep(self, routes: Container[str]) -> None:
        """Forget other routes."""
        for histogram in (self._duration, self._first_token, self._per_token, self._usage):
            for labels in list(histogram.by_labels):
                if labels[2] != OTHER and labels[2] not in routes:
                    del histogram.by_labels[labels]

    def samples(self) -> Iterator[Sample]:
        """The metrics of this moment."""
        for histogram in (self._overhead, self._duration, self._first_token, self._per_token, self._usage):
            yield from histogram.samples()

    def _labels(self, exchange: Exchange) -> tuple[str, str, str, str] | None:
        """Operation, provider, requested and served model; None for what Groundwire refused or no dialect reads."""
        operation = operation_of(dialect_of(exchange.method, exchange.path).name, exchange.path)
        if operation is None or exchange.end is End.REFUSED:
            return None
        snapshot = self._snapshot()
        if self._models[0] is not snapshot:
            self._models = (snapshot, _models_of(snapshot))
        known = (exchange.route, exchange.served_model) in self._models[1]
        return *operation, exchange.route or OTHER, exchange.served_model if known else OTHER


def _models_of(snapshot: Snapshot) -> Set[tuple[str, str]]:
    """(route, model) of every candidate and base."""
    targets = ((route.name, one) for route in snapshot.routes for one in (route.candidate, route.base))
    return frozenset((name, one.model) for name, one in targets if one is not None)


def error_of(exchange: Exchange) -> str:
    """`error.type`: "" for a success."""
    if exchange.end is not End.COMPLETE:
        return exchange.end.value
    return str(exchange.status) if 400 <= exchange.status < 600 else ""


def is_stream(exchange: Exchange) -> bool:
    """Whether it is a stream that succeeded, and sent something."""
    kind = exchange.response.content_type.partition(";")[0].strip().lower()
    return bool(exchange.first_byte_s) and kind in STREAMS and 200 <= exchange.status < 300 and not error_of(exchange)
