"""docs/metrics.md, made of the declarations: `python -m proxy.telemetry.page > docs/metrics.md`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Final

from proxy.telemetry import analysis, both, control, exports, gen_ai, reasons, remote, stores, tracing, traffic
from proxy.telemetry.metrics import Label, Metric
from proxy.telemetry.registry import METRICS, declared_in

HEAD: Final = """# Metrics

Every metric of Groundwire, from the declarations in `proxy/telemetry` (`make docs`). A test starts both processes,
sends traffic, and fails on a metric that is missing or that is not on this page.

## Scraping

| process | page | setting |
|---|---|---|
| traffic: what clients see | `http://HOST:8901/metrics` | `listen.health` |
| analysis: what is found and decided | `http://HOST:8902/metrics` | `listen.analysis_health` |

Scrape both, as two targets: where analysis is down, traffic goes on and its page says so (`groundwire_link_connected`).
With the chart, `monitoring.enabled` does it. By hand:

```yaml
scrape_configs:
  - job_name: groundwire
    static_configs:
      - targets: [groundwire:8901, groundwire:8902]
```

The pages are in Prometheus' text format, and in OpenMetrics 1.0 where a scraper asks for that. The page of analysis is
compressed where the scraper asks; the page of traffic never is, since that takes time from requests. With more than one
replica each has pages of its own: counters of traffic and analysis are to be added up over replicas; what is decided
(`groundwire_route_step` of analysis and its like) is the same in each replica with a shared store, so take `max`.

Counters begin at 0 when a process starts (`groundwire_start_time_seconds`); use `rate` or `increase`.

## OTLP

The analysis process exports the same values, of both processes, where the standard variables ask for it in its
environment:

| variable | meaning |
|---|---|
| `OTEL_EXPORTER_OTLP_ENDPOINT`, `OTEL_EXPORTER_OTLP_METRICS_ENDPOINT` | where to; either one turns export on |
| `OTEL_METRICS_EXPORTER` | `otlp`, `console`, `none`; `prometheus` exports nothing: the pages are there |
| `OTEL_EXPORTER_OTLP_PROTOCOL`, `OTEL_EXPORTER_OTLP_METRICS_PROTOCOL` | `http/protobuf`; `grpc` is an extra |
| `OTEL_METRIC_EXPORT_INTERVAL` | milliseconds between two exports, 60000 |
| `OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES` | the resource; `service.name` is `groundwire` |
| `OTEL_EXPORTER_OTLP_HEADERS`, `_TIMEOUT`, `_CERTIFICATE`, `_COMPRESSION` | as everywhere |
| `OTEL_SDK_DISABLED` | `true` turns all of it off |

Each process is a resource of its own: `groundwire.process` is `traffic` or `analysis`, and `service.instance.id` ends
in the process and its id. Values are totals (cumulative); for a backend that wants differences use the collector's
processor `cumulativetodelta`. Export runs in a thread and never holds up anything: one that fails is counted
(`groundwire_otlp_metric_exports_total`), and the next one has all that it had. Traffic's values come up the link
every ten seconds, or as often as they are exported, so they may be that much older.

A name in OTLP is that of Prometheus without what Prometheus spells out: the unit and `_total` go, the first part
becomes a namespace. By OpenTelemetry's own rules for Prometheus a collector's exporter gives back the name in the first
column.

## Labels

Every label has a bound, which holds whatever names clients send. A value over it is counted under `other`: counters and
histograms of such values are added up there, gauges of them are left out, and `groundwire_metrics_overflowed_series`
says how many series that met. No label holds a text or the name of a user; a system prompt is a keyed hash (`stratum`).

## Metrics of model servers

`gen_ai_*` follow OpenTelemetry's conventions for generative AI (in development there; names may change with them). They
are of the exchanges that reach analysis. Where coverage is thinned to 2^-k, each exchange counts for 2^k, so that rates
stay true; an exchange that traffic had to drop (`groundwire_exchanges_dropped_total`) is in none of them. A stream's
first token is the first byte of its body. Tokens are those that the server itself reports: ask streams for
`stream_options: {include_usage: true}`, else they are not in it.
"""

PARTS: Final[tuple[tuple[str, ModuleType], ...]] = (
    ("Both processes", both),
    ("Traffic", traffic),
    ("Analysis", analysis),
    ("Decisions", control),
    ("Reasons", reasons),
    ("Model servers", gen_ai),
    ("Shared store", stores),
    ("Classifiers elsewhere", remote),
    ("Traces", tracing),
    ("Export", exports),
)
PORTS: Final = {both: "8901 and 8902", traffic: "8901"}


def page() -> str:
    """The whole page."""
    return "\n".join([HEAD, *(line for part in PARTS for line in _part(*part)), *_labels()])


def _part(title: str, module: ModuleType) -> Iterator[str]:
    yield f"## {title}\n\nPort {PORTS.get(module, '8902')}.\n"
    yield "| metric | in OTLP | kind | unit | labels | meaning |\n|---|---|---|---|---|---|"
    yield from map(_row, declared_in(module))
    yield ""


def _row(metric: Metric) -> str:
    labels = ", ".join(f"`{name}`" for name in metric.label_names)
    buckets = f" Buckets: {', '.join(f'{bound:g}' for bound in metric.buckets)}." if metric.buckets else ""
    unit = f"`{metric.unit}`" if metric.unit else ""
    told = metric.help.replace("|", r"\|")
    return f"| `{metric.name}` | `{metric.otel_name}` | {metric.kind} | {unit} | {labels} | {told}{buckets} |"


def _labels() -> Iterator[str]:
    """Each label as it is bounded; one name may have several bounds."""
    users: dict[Label, list[str]] = {}
    for metric in METRICS:
        for label in metric.labels:
            users.setdefault(label, []).append(metric.name)
    yield "## What bounds each label\n\n| label | values at most | which | on |\n|---|---|---|---|"
    for label in sorted(users, key=lambda one: (one.name, users[one])):
        names = users[label]
        where = ", ".join(f"`{name}`" for name in names) if len(names) <= 2 else f"{len(names)} metrics"
        yield f"| `{label.name}` | {label.values_max} | {label.bounded_by} | {where} |"
    yield ""


if __name__ == "__main__":
    sys.stdout.write(page())
