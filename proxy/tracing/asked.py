"""What the standard OTEL_* variables ask of traces, events and metrics. Pure: the environment comes as a mapping.

Source: https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/ and the OTLP exporter's page.
An empty value is as good as none. Endpoints, headers, certificates and timeouts are read by the exporters themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from proxy.core.errors import GroundwireError
from proxy.core.http.trace_context import Tracing

Environ = Mapping[str, str]


class TracingError(GroundwireError):
    """Traces were asked for in a way that cannot be met; the message names the variable and the mend."""


class Way(StrEnum):
    """How telemetry leaves the process."""

    HTTP = "http/protobuf"
    GRPC = "grpc"
    CONSOLE = "console"


@dataclass(frozen=True, slots=True)
class Sending:
    """How one signal is sent: at most `queue_items_max` wait, sent each `delay_s` or when a batch is full."""

    way: Way
    queue_items_max: int = 2_048
    batch_items_max: int = 512
    delay_s: float = 5.0


@dataclass(frozen=True, slots=True)
class Asked:
    """`spans` of exchanges and actions; `events` are evaluations, None where no log endpoint is known."""

    tracing: Tracing
    spans: Sending
    events: Sending | None


_SIGNALS: Final = {"TRACES": "BSP", "LOGS": "BLRP"}  # and the prefix of its batch processor's variables
_DELAY_MS: Final = {"TRACES": 5_000, "LOGS": 1_000}
_WITHOUT_ARG: Final = {"always_on": 1.0, "always_off": 0.0}
_PARENT: Final = "parentbased_"
SAMPLERS: Final = tuple(f"{prefix}{name}" for prefix in ("", _PARENT) for name in (*_WITHOUT_ARG, "traceidratio"))


def asked_of(environ: Environ) -> Asked | None:
    """What is asked for; None where traces are off. Raises TracingError."""
    if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return None
    spans = _sending(environ, "TRACES")
    return None if spans is None else Asked(_sampler(environ), spans, _sending(environ, "LOGS"))


def metrics_of(environ: Environ) -> tuple[Way, float] | None:
    """How metrics leave and each how many seconds; None where they do not. Raises TracingError.

    `prometheus` is no way of leaving: the pages are always there.
    """
    asked = environ.get("OTEL_METRICS_EXPORTER", "").strip().lower()
    if asked == "prometheus" or environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return None
    way = _way(environ, "METRICS")
    return None if way is None else (way, _number(environ, "OTEL_METRIC_EXPORT_INTERVAL", 60_000) / 1_000)


def _sending(environ: Environ, signal: str) -> Sending | None:
    way = _way(environ, signal)
    return None if way is None else _bounded(environ, signal, way)


def _way(environ: Environ, signal: str) -> Way | None:
    exporter = environ.get(f"OTEL_{signal}_EXPORTER", "").strip().lower()
    endpoint = environ.get(f"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT") or environ.get("OTEL_EXPORTER_OTLP_ENDPOINT")
    if exporter == "none" or not (exporter or endpoint):
        return None
    if exporter not in ("", "otlp", "console"):
        raise TracingError(f"OTEL_{signal}_EXPORTER={exporter}: set otlp, console or none")
    return Way.CONSOLE if exporter == "console" else _protocol(environ, signal)


def _protocol(environ: Environ, signal: str) -> Way:
    name = f"OTEL_EXPORTER_OTLP_{signal}_PROTOCOL"
    if not environ.get(name):
        name = "OTEL_EXPORTER_OTLP_PROTOCOL"
    value = environ.get(name, "").strip().lower() or Way.HTTP.value
    if value not in (Way.HTTP, Way.GRPC):
        raise TracingError(f"{name}={value}: set http/protobuf or grpc")
    return Way(value)


def _bounded(environ: Environ, signal: str, way: Way) -> Sending:
    prefix = f"OTEL_{_SIGNALS[signal]}"
    queue = _number(environ, f"{prefix}_MAX_QUEUE_SIZE", 2_048)
    batch = _number(environ, f"{prefix}_MAX_EXPORT_BATCH_SIZE", min(512, queue))
    if batch > queue:
        raise TracingError(f"{prefix}_MAX_EXPORT_BATCH_SIZE={batch} is over {prefix}_MAX_QUEUE_SIZE={queue}")
    delay_ms = _number(environ, f"{prefix}_SCHEDULE_DELAY", _DELAY_MS[signal])
    return Sending(way, queue, batch, delay_ms / 1_000)


def _number(environ: Environ, name: str, default: int) -> int:
    text = environ.get(name, "").strip()
    if not text:
        return default
    if not text.isascii() or not text.isdigit() or not int(text):
        raise TracingError(f"{name}={text}: set a whole number above 0")
    return int(text)


def _sampler(environ: Environ) -> Tracing:
    name = environ.get("OTEL_TRACES_SAMPLER", "").strip().lower() or "parentbased_always_on"
    if name not in SAMPLERS:
        raise TracingError(f"OTEL_TRACES_SAMPLER={name}: set one of {', '.join(SAMPLERS)}")
    kind = name.removeprefix(_PARENT)
    share = _WITHOUT_ARG[kind] if kind in _WITHOUT_ARG else _share(environ)
    return Tracing(share, name.startswith(_PARENT))


def _share(environ: Environ) -> float:
    text = environ.get("OTEL_TRACES_SAMPLER_ARG", "").strip() or "1.0"
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0.0 <= share <= 1.0:
        raise TracingError(f"OTEL_TRACES_SAMPLER_ARG={text}: set a share from 0 to 1")
    return share
