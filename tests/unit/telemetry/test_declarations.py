"""Declarations: names that Prometheus and OpenTelemetry agree on, labels whose bounds are those of the code."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import pytest

from proxy.analysis.judging.batch import STAGES
from proxy.analysis.judging.classifier import RESULTS
from proxy.analysis.pipeline import SKIP_REASONS
from proxy.analysis.process.metrics_export import RESULTS as EXPORTED
from proxy.classifiers.contract import OutOfScope
from proxy.classifiers.remote.breaker import State
from proxy.classifiers.remote.failures import Failure
from proxy.control.views.samples import LOOPS
from proxy.core.decisions.ladder import Action
from proxy.core.decisions.outcome import Phase
from proxy.core.drift.kinds import Kind as Drift
from proxy.core.enforcement import Step
from proxy.core.evidence.findings import LineKind
from proxy.dialects.operations import NAMES, PROVIDERS, operation_of
from proxy.dialects.registry import DIALECTS
from proxy.link.sender import DROP_REASONS
from proxy.telemetry import analysis, control, exports, gen_ai, labels, page, remote, traffic
from proxy.telemetry.metrics import SPELT, Kind, Label, Metric, sample
from proxy.telemetry.registry import ANALYSIS, METRICS, TRAFFIC, declared_in

ROOT = Path(__file__).resolve().parents[3]


def to_prometheus(name: str, unit: str, kind: Kind) -> str:
    """OpenTelemetry's rules: https://opentelemetry.io/docs/specs/otel/compatibility/prometheus_and_openmetrics/."""
    spelt = SPELT.get(unit, "") if unit != "1" or kind is Kind.GAUGE else ""
    return re.sub("[^a-zA-Z0-9_]", "_", name) + spelt + ("_total" if kind is Kind.COUNTER else "")


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_the_name_in_otlp_leads_back_to_that_of_prometheus(metric: Metric) -> None:
    assert to_prometheus(metric.otel_name, metric.unit, metric.kind) == metric.name


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_a_declaration_is_whole(metric: Metric) -> None:
    assert re.fullmatch(r"(groundwire|process|gen_ai)(_[a-z]+)+", metric.name)
    assert re.fullmatch(r"s|By|1|\{[a-z_]+\}|", metric.unit)
    assert metric.name.endswith("_total") is (metric.kind is Kind.COUNTER)
    assert metric.help.endswith(".")
    assert all(label.bounded_by and label.values_max > 0 for label in metric.labels)
    assert len(set(metric.label_names)) == len(metric.labels)
    assert bool(metric.buckets) is (metric.kind is Kind.HISTOGRAM)
    assert list(metric.buckets) == sorted(set(metric.buckets))


def test_each_name_is_declared_once() -> None:
    for names in ([one.name for one in METRICS], [one.otel_name for one in METRICS]):
        assert len(set(names)) == len(names)
    assert set(TRAFFIC) | set(ANALYSIS) == set(METRICS)


@pytest.mark.parametrize(
    ("label", "values"),
    [
        (labels.STEP, Step),
        (labels.LINE, LineKind),
        (traffic.REASON, DROP_REASONS),
        (analysis.REASON, SKIP_REASONS),
        (analysis.RESULT, RESULTS),
        (analysis.STAGE, STAGES),
        (analysis.UNSCORED, OutOfScope),
        (control.STANDING, [*Phase, "closed"]),
        (control.DRIFT_KIND, [kind for kind in Drift if kind is not Drift.SAFETY]),
        (control.ACTION, Action),
        (control.WORK, LOOPS),
        (remote.STATE, State),
        (remote.REASON, Failure),
        (exports.EXPORTS.labels[0], EXPORTED),
        (gen_ai.OPERATION, NAMES),
        (gen_ai.PROVIDER, PROVIDERS),
    ],
    ids=lambda one: one.name if isinstance(one, Label) else "",
)
def test_a_constant_set_is_that_of_the_code(label: Label, values: Iterable[str]) -> None:
    assert sorted(label.bounded_by.split(", ")) == sorted(str(value) for value in values)


def test_every_dialect_that_is_read_has_an_operation() -> None:
    told = {dialect.name: operation_of(dialect.name, "/") for dialect in DIALECTS}
    assert [name for name, operation in told.items() if operation is None] == ["opaque"]
    assert {operation.name for operation in told.values() if operation} <= set(NAMES)
    assert operation_of("ollama", "/api/generate?x=/chat") == ("text_completion", "ollama")


def test_a_sample_has_the_labels_that_are_declared() -> None:
    with pytest.raises(ValueError, match="takes labels"):
        sample(traffic.REQUESTS, 1, code="x")


def test_the_page_is_that_of_the_declarations() -> None:
    assert (ROOT / "docs" / "metrics.md").read_text() == page.page(), "run `make docs`"
    parts = [metric for _, module in page.PARTS for metric in declared_in(module)]
    assert sorted(one.name for one in parts) == sorted(one.name for one in METRICS)
