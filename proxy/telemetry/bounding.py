"""Holds labels to the bounds that they are declared with, whatever names are thrown at Groundwire.

Values are admitted in the order in which they come, and stay admitted as long as they are there. Over the bound a value
is called `other`: counters and histograms of such values are added up, so that sums over the label stay right; a gauge
of several things at once means nothing, and is left out. How many series this met is a metric.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from typing import Final

from proxy.telemetry.both import OVERFLOWED
from proxy.telemetry.metrics import Distribution, Kind, Label, Sample

OTHER: Final = "other"
_Place = tuple[str, tuple[str, ...]]


class Bounds:
    """One for each page; `hold` is called for each reading of it."""

    def __init__(self) -> None:
        self._admitted: dict[Label, dict[str, None]] = {}

    def hold(self, samples: Iterable[Sample]) -> Iterator[Sample]:
        """The samples within bounds, then those of `other`, then how many series were over a bound."""
        read = list(samples)
        present = _present(read)
        before, self._admitted = self._admitted, present
        full = [label for label, values in present.items() if len(values) > label.values_max]
        for label in full:
            self._admitted[label] = _first(label, present[label], before.get(label, {}))
        over = 0
        if full:
            within, summed, over = _parted(read, {label: self._admitted[label] for label in full})
            read = [*within, *summed]
        yield from read
        yield Sample(OVERFLOWED, over, {})


def _present(samples: Sequence[Sample]) -> dict[Label, dict[str, None]]:
    """The values of each label, in the order in which they come; an empty one is none."""
    present: dict[Label, dict[str, None]] = {}
    for one in samples:
        for label in one.metric.labels:
            if value := one.labels[label.name]:
                present.setdefault(label, {})[value] = None
    return present


def _parted(
    samples: Sequence[Sample], admitted: Mapping[Label, Container[str]]
) -> tuple[list[Sample], Iterable[Sample], int]:
    """Samples within bounds, those of `other`, and how many series went into them or were left out."""
    within: list[Sample] = []
    summed: dict[_Place, Sample] = {}
    over = 0
    for one in samples:
        values = {label.name: _named(one.labels[label.name], admitted.get(label)) for label in one.metric.labels}
        is_over = values != one.labels
        over += is_over
        if one.metric.kind is not Kind.GAUGE and OTHER in values.values():
            _add(summed, Sample(one.metric, one.value, values))
        elif not is_over:
            within.append(one)
    return within, summed.values(), over


def _first(label: Label, values: Mapping[str, None], before: Mapping[str, None]) -> dict[str, None]:
    """As many as there is room for: those of before first."""
    kept = [value for value in values if value in before]
    return dict.fromkeys((*kept, *(value for value in values if value not in before))[: label.values_max])


def _named(value: str, admitted: Container[str] | None) -> str:
    return value if admitted is None or not value or value in admitted else OTHER


def _add(summed: dict[_Place, Sample], one: Sample) -> None:
    place = (one.metric.name, tuple(one.labels[name] for name in one.metric.label_names))
    held = summed.get(place)
    if held is None:
        value = (
            Distribution(list(one.value.counts), one.value.sum) if isinstance(one.value, Distribution) else one.value
        )
        summed[place] = Sample(one.metric, value, one.labels)
    elif isinstance(held.value, Distribution) and isinstance(one.value, Distribution):
        held.value.add(one.value)
    elif not isinstance(held.value, Distribution) and not isinstance(one.value, Distribution):
        summed[place] = Sample(one.metric, held.value + one.value, one.labels)
