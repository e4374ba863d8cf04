"""Metrics: what a declaration is, what a sample is. No metrics library: the traffic process may not carry one's memory.

A metric is declared once, under its Prometheus name, with its unit as OpenTelemetry writes units (UCUM): `s`, `By`, `1`
for a share from 0 to 1, `{exchange}` for things that are counted, "" for a state, a version or a number. Its name in
OTLP follows (`otel_name`): the prefix becomes a namespace, and what Prometheus spells out, the unit and `_total`, goes.
OpenTelemetry's rules for Prometheus lead back from there to the name that was declared; a test holds it.

Every label says what bounds it, and how many values it may have at most (`telemetry.bounding` sees to that).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import accumulate
from operator import itemgetter
from typing import Final

PREFIX: Final = "groundwire_"
# Parts of Groundwire that a name may begin with; in OTLP each is a namespace of its own.
NAMESPACES: Final = (
    *("analysis", "baseline", "classifier", "config", "link", "metrics", "otlp"),
    *("process", "remote", "route", "snapshot", "store", "tracing", "upstream"),
)
SPELT: Final = {"s": "_seconds", "By": "_bytes", "1": "_ratio"}  # units as Prometheus names end in them


class Kind(StrEnum):
    """Prometheus metric kinds that are used here."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True, eq=False)  # each is itself: they are looked up for every sample
class Label:
    """A label of a metric: `bounded_by` says in words what its values are of, `values_max` how many there may be.

    `otel` is the attribute's name in OTLP where it is not the label's own.
    """

    name: str
    bounded_by: str
    values_max: int
    otel: str = ""

    @property
    def attribute(self) -> str:
        """Its name in OTLP."""
        return self.otel or self.name


def one_of(name: str, *values: str, otel: str = "") -> Label:
    """A label with these values and no other."""
    return Label(name, ", ".join(values), len(values), otel)


@dataclass(frozen=True, slots=True, eq=False)
class Metric:
    """One declared metric. `buckets` are upper bounds of a histogram's buckets, in its unit; +Inf is implied.

    `otel` is its name in OTLP where that does not follow from `name`: for names that OpenTelemetry itself has chosen.
    """

    name: str
    kind: Kind
    unit: str
    help: str
    labels: tuple[Label, ...] = ()
    buckets: tuple[float, ...] = ()
    otel: str = ""

    @property
    def label_names(self) -> tuple[str, ...]:
        """In the order of the declaration."""
        return tuple(label.name for label in self.labels)

    @property
    def otel_name(self) -> str:
        """The name of the instrument in OTLP: `groundwire_route_exchanges_total` is `groundwire.route.exchanges`."""
        if self.otel:
            return self.otel
        name = self.name.removesuffix("_total") if self.kind is Kind.COUNTER else self.name
        name = name.removesuffix(SPELT.get(self.unit, ""))
        first, _, rest = name.removeprefix(PREFIX).partition("_")
        name = f"{first}.{rest}" if rest and first in NAMESPACES else name.removeprefix(PREFIX)
        return f"groundwire.{name}" if self.name.startswith(PREFIX) else name


@dataclass(slots=True)
class Distribution:
    """Values of a histogram as counts by bucket (`counts` has one more than the metric's `buckets`) and their sum."""

    counts: list[int]
    sum: float = 0.0

    @property
    def count(self) -> int:
        """How many values."""
        return sum(self.counts)

    def cumulative(self) -> list[int]:
        """How many values are at most each bound; the last is all of them."""
        return list(accumulate(self.counts))

    def add(self, other: Distribution) -> None:
        """The values of another with the same buckets."""
        self.counts = [mine + theirs for mine, theirs in zip(self.counts, other.counts, strict=True)]
        self.sum += other.sum


@dataclass(slots=True)
class Histogram:
    """The distributions of one metric, by its label values in order of declaration.

    `observe` may run in one thread while `samples` runs in another.
    """

    metric: Metric
    by_labels: dict[tuple[str, ...], Distribution] = field(default_factory=dict)

    def observe(self, value: float, *labels: str, weight: int = 1) -> None:
        """One value that stands for `weight` of them."""
        held = self.by_labels.get(labels)
        if held is None:
            held = self.by_labels[labels] = Distribution([0] * (len(self.metric.buckets) + 1))
        held.counts[bisect_left(self.metric.buckets, value)] += weight
        held.sum += weight * value

    def samples(self) -> list[Sample]:
        """What was observed so far."""
        names = self.metric.label_names
        return [
            Sample(self.metric, Distribution(list(held.counts), held.sum), dict(zip(names, labels, strict=True)))
            for labels, held in sorted(self.by_labels.items(), key=itemgetter(0))  # begins with a copy: see above
        ]


@dataclass(frozen=True, slots=True)
class Sample:
    """One value of a metric, a Distribution where it is a histogram; `labels` has exactly the declared names."""

    metric: Metric
    value: float | Distribution
    labels: Mapping[str, str]


def sample(metric: Metric, value: float, **labels: str) -> Sample:
    """A sample with its labels checked. Raises ValueError where they are not the declared ones."""
    if set(labels) != set(metric.label_names):
        raise ValueError(f"{metric.name} takes labels {metric.label_names}, not {tuple(labels)}")
    return Sample(metric, value, labels)
