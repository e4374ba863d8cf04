"""PromQL over declared metrics: a query cannot name a metric, or group by a label, that is not there. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from proxy.telemetry.metrics import Kind, Metric

WINDOW: Final = "$__rate_interval"  # Grafana's own: at least four scrapes
SCRAPE: Final = ("namespace", "job", "instance")  # variables, and labels that Prometheus adds
_UNITS: Final = {"s": "s", "By": "bytes", "1": "percentunit"}
_RATES: Final = {"s": "percentunit", "By": "Bps", "{request}": "reqps", "{exchange}": "reqps"}


@dataclass(frozen=True, slots=True)
class Query:
    """One query of a panel. `unit` is Grafana's. `of`: the metrics that it reads.

    `needs` says what must be configured for it to return anything, "" nothing.
    """

    expr: str
    of: tuple[Metric, ...] = ()
    legend: str = ""
    unit: str = "short"
    needs: str = field(default="", kw_only=True)


def selected(metric: Metric, more: str = "", part: str = "") -> str:
    """The series of a metric that the variables of the dashboard choose. `part`: "_bucket" of a histogram."""
    names = (*SCRAPE, *(label for label in ("route",) if label in metric.label_names))
    inside = ",".join((*(f'{name}=~"${name}"' for name in names), *((more,) if more else ())))
    return f"{metric.name}{part}{{{inside}}}"


def gauge(metric: Metric, by: str = "", more: str = "", *, how: str = "max", needs: str = "") -> Query:
    """A gauge over instances, by these labels."""
    _check(metric, by)
    unit = _UNITS.get(metric.unit, "short")
    return Query(f"{how} by ({by}) ({selected(metric, more)})", (metric,), legend(by), unit, needs=needs)


def rate(metric: Metric, by: str = "", more: str = "", *, window: str = WINDOW, needs: str = "") -> Query:
    """A counter per second, summed over instances."""
    _check(metric, by)
    expr = f"sum by ({by}) (rate({selected(metric, more)}[{window}]))"
    return Query(expr, (metric,), legend(by), _RATES.get(metric.unit, "cps"), needs=needs)


def quantile(metric: Metric, q: float, by: str = "", more: str = "", *, window: str = WINDOW) -> Query:
    """A quantile of a histogram, over instances. Raises ValueError where it is none."""
    _check(metric, by)
    if metric.kind is not Kind.HISTOGRAM:
        raise ValueError(f"{metric.name} is no histogram")
    labels = ", ".join(part for part in ("le", by) if part)
    inner = f"sum by ({labels}) (rate({selected(metric, more, '_bucket')}[{window}]))"
    name = f"p{q * 100:g}" + (f" {legend(by)}" if by else "")
    return Query(f"histogram_quantile({q:g}, {inner})", (metric,), name, _UNITS.get(metric.unit, "short"))


def recorded(rule: str, metric: Metric, by: str, legend_text: str, more: str = "") -> Query:
    """A recording rule of the chart, whose level has the labels `by`."""
    names = ["namespace", "job", *(["route"] if "route" in by else [])]
    inside = ",".join((*(f'{name}=~"${name}"' for name in names), *((more,) if more else ())))
    return Query(f"max by ({by}) ({rule}{{{inside}}})", (metric,), legend_text, _UNITS.get(metric.unit, "percentunit"))


def legend(by: str) -> str:
    """ "{{route}} {{step}}" of "route, step"."""
    return " ".join(f"{{{{{label.strip()}}}}}" for label in by.split(",") if label.strip())


def _check(metric: Metric, by: str) -> None:
    """Raises ValueError where the metric has no such label."""
    known = {*metric.label_names, *SCRAPE}
    unknown = {label.strip() for label in by.split(",") if label.strip()} - known
    if unknown:
        raise ValueError(f"{metric.name} has no label {', '.join(sorted(unknown))}")
