"""The metrics of remote classifiers, read when `/metrics` is asked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from proxy.classifiers.remote.breaker import State
from proxy.classifiers.remote.scorer import RemoteScorer
from proxy.telemetry import remote as metrics
from proxy.telemetry.metrics import Sample, sample


def remote_samples(scorers: Iterable[tuple[RemoteScorer, int]]) -> Iterator[Sample]:
    """Each classifier's numbers; it comes with how many texts wait for it."""
    for scorer, waiting in scorers:
        name, totals = scorer.spec.name, scorer.totals
        yield sample(metrics.OFFERED, totals.offered, classifier=name)
        yield sample(metrics.REQUESTS, totals.requests, classifier=name)
        yield sample(metrics.SCORED, totals.scored, classifier=name)
        for reason, count in sorted(totals.unavailable.items()):
            yield sample(metrics.UNAVAILABLE, count, classifier=name, reason=reason)
        now = scorer.breaker_state
        for state in State:
            yield sample(metrics.BREAKER, float(state is now), classifier=name, state=state)
        budget = scorer.budget
        yield sample(metrics.BUDGET, budget.minute.left, classifier=name, window="minute")
        yield sample(metrics.BUDGET, budget.day.left, classifier=name, window="day")
        yield sample(metrics.WAITING, waiting, classifier=name)
