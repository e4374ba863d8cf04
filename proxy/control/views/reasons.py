"""Metrics of why a route stands where it stands, from what the control plane read or wrote last."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from proxy.control.baselines.view import review_due
from proxy.control.entry import Entry
from proxy.control.plane import ControlPlane
from proxy.control.views.route import worst_of
from proxy.control.views.standing import Standing
from proxy.core.evidence.findings import Finding, Status
from proxy.telemetry import reasons as declared
from proxy.telemetry.metrics import Sample, sample


def reason_samples(plane: ControlPlane) -> Iterator[Sample]:
    """Every metric of `telemetry.reasons`."""
    for name, entry in sorted(plane.memory.known_entries().items()):
        if entry.closed:
            continue
        outcome = plane.looks.outcomes.get(name)
        findings = () if outcome is None else outcome.findings
        yield from _decision(name, entry, findings)
        for finding in findings:
            yield from _line(name, finding)
        yield from _standing(name, plane.standings.known.get(name, Standing()))
        yield sample(declared.REVIEW_DUE, review_due(plane.memory.shelves.shelf(name).known), route=name)


def _decision(name: str, entry: Entry, findings: Sequence[Finding]) -> Iterator[Sample]:
    state, worst = entry.state, worst_of(findings)
    if not state.record_id:
        return
    what = {} if worst is None else {"signal": worst.metric, "stratum": worst.stratum, "line": worst.line.value}
    labels = {"signal": "", "stratum": "", "line": "", **what}
    yield sample(declared.DECISION, 1, route=name, record=state.record_id, **labels)
    yield sample(declared.SINCE, state.since_s, route=name)


def _line(name: str, finding: Finding) -> Iterator[Sample]:
    labels = {"route": name, "signal": finding.metric, "stratum": finding.stratum, "line": finding.line.value}
    yield sample(declared.CROSSED, finding.status is not Status.UNDECIDED, **labels)
    yield sample(declared.LINE_AT, finding.m, **labels)


def _standing(name: str, standing: Standing) -> Iterator[Sample]:
    for signal, rate in standing.rates.items():
        yield sample(declared.RATE, rate, route=name, signal=signal)
    for signal, rate in standing.baseline.items():
        yield sample(declared.BASELINE_RATE, rate, route=name, signal=signal)
    if standing.underpowered is not None:
        yield sample(declared.UNDERPOWERED, standing.underpowered, route=name)
