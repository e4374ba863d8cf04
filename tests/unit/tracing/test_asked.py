"""The OTEL_* variables: what turns traces on, how they are sampled and sent, and what is refused with its mend."""

from __future__ import annotations

import pytest

from proxy.core.http.trace_context import Tracing
from proxy.tracing.asked import SAMPLERS, Sending, TracingError, Way, asked_of
from proxy.tracing.tracer import start

ENDPOINT = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"OTEL_SERVICE_NAME": "x"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": ""},
        {"OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": "http://collector:4318/v1/logs"},
        {"OTEL_LOGS_EXPORTER": "otlp"},
        {**ENDPOINT, "OTEL_SDK_DISABLED": "true"},
        {**ENDPOINT, "OTEL_SDK_DISABLED": " TRUE "},
        {**ENDPOINT, "OTEL_TRACES_EXPORTER": "none"},
    ],
)
def test_off(environ: dict[str, str]) -> None:
    assert asked_of(environ) is None


@pytest.mark.parametrize(
    ("environ", "spans", "events"),
    [
        (ENDPOINT, Way.HTTP, Way.HTTP),
        ({**ENDPOINT, "OTEL_SDK_DISABLED": "false"}, Way.HTTP, Way.HTTP),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://tempo:4318/v1/traces"}, Way.HTTP, None),
        ({**ENDPOINT, "OTEL_LOGS_EXPORTER": "none"}, Way.HTTP, None),
        ({**ENDPOINT, "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, Way.GRPC, Way.GRPC),
        ({**ENDPOINT, "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "grpc"}, Way.GRPC, Way.HTTP),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, Way.HTTP, None),
        ({"OTEL_TRACES_EXPORTER": "console", "OTEL_LOGS_EXPORTER": "console"}, Way.CONSOLE, Way.CONSOLE),
    ],
)
def test_on(environ: dict[str, str], spans: Way, events: Way | None) -> None:
    asked = asked_of(environ)
    assert asked is not None
    assert asked.tracing == Tracing(1.0, follows_parent=True)
    assert asked.spans == Sending(spans)
    assert (None if asked.events is None else asked.events.way) is events


@pytest.mark.parametrize(
    ("sampler", "arg", "tracing"),
    [
        ("always_on", "", Tracing(1.0, follows_parent=False)),
        ("always_off", "", Tracing(0.0, follows_parent=False)),
        ("traceidratio", "0.25", Tracing(0.25, follows_parent=False)),
        ("parentbased_always_off", "", Tracing(0.0)),
        ("parentbased_traceidratio", "0.1", Tracing(0.1)),
        ("parentbased_traceidratio", "", Tracing(1.0)),
    ],
)
def test_samplers(sampler: str, arg: str, tracing: Tracing) -> None:
    asked = asked_of({**ENDPOINT, "OTEL_TRACES_SAMPLER": sampler, "OTEL_TRACES_SAMPLER_ARG": arg})
    assert asked is not None
    assert asked.tracing == tracing
    assert sampler in SAMPLERS


def test_bounds_are_those_of_the_batch_processors() -> None:
    bounds = {
        "OTEL_BSP_MAX_QUEUE_SIZE": "100",
        "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "10",
        "OTEL_BSP_SCHEDULE_DELAY": "250",
        "OTEL_BLRP_MAX_QUEUE_SIZE": "50",
    }
    asked = asked_of({**ENDPOINT, **bounds})
    assert asked is not None
    assert asked.spans == Sending(Way.HTTP, 100, 10, 0.25)
    assert asked.events == Sending(Way.HTTP, 50, 50, 1.0)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OTEL_TRACES_EXPORTER", "zipkin"),
        ("OTEL_LOGS_EXPORTER", "file"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json"),
        ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "thrift"),
        ("OTEL_TRACES_SAMPLER", "sometimes"),
        ("OTEL_TRACES_SAMPLER_ARG", "2"),
        ("OTEL_TRACES_SAMPLER_ARG", "nan"),
        ("OTEL_TRACES_SAMPLER_ARG", "half"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "0"),
        ("OTEL_BSP_SCHEDULE_DELAY", "soon"),
        ("OTEL_BLRP_MAX_EXPORT_BATCH_SIZE", "3000"),
    ],
)
def test_what_cannot_be_met_names_the_variable(name: str, value: str) -> None:
    environ = {**ENDPOINT, "OTEL_TRACES_SAMPLER": "traceidratio", name: value}
    with pytest.raises(TracingError, match=f"{name}={value}"):
        asked_of(environ)
    assert start(environ) is None


def test_grpc_without_its_extra_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    from proxy.tracing import otlp

    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.grpc.trace_exporter", None)
    with pytest.raises(TracingError, match=r"groundwire\[grpc\]"):
        otlp.span_exporter(Way.GRPC)
