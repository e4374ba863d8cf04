"""Holds labels to the bounds that they are declared with, whatever names are thrown at Groundwire.

Values are admitted in the order in which they come, and stay admitted as long as they are there. Over the bound a value
is called `other`: counters and histograms of such values are added up, so that sums over the label stay right; a gauge
of several things at once means nothing, and is left out. How many series this met is a metric.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from typing import Final

from proxy.telemetry.both import OVERFLOWED
from proxy.telemetry.metrics import Distribution, Kind, Label, Sample

OTHER: Final = "other"
_NONE: Final[frozenset[str]] = frozenset()
_Place = tuple[str, tuple[str, ...]]


class Bounds:
    """One for each page; `hold` is called for each reading of it."""

    def __init__(self) -> None:
        self._admitted: dict[Label, set[str]] = {}

    def hold(self, samples: Iterable[Sample]) -> Iterator[Sample]:
        """The samples within bounds, then those of `other`, then how many series were over a bound."""
        read = list(samples)
        self._admitted = admitted = _admit(read, self._admitted)
        summed: dict[_Place, Sample] = {}
        over = 0
        for one in read:
            values = {
                label.name: _named(one.labels[label.name], admitted.get(label, _NONE)) for label in one.metric.labels
            }
            is_over = values != one.labels
            over += is_over
            if one.metric.kind is not Kind.GAUGE and OTHER in values.values():
                _add(summed, Sample(one.metric, one.value, values))
            elif not is_over:
                yield one
        yield from summed.values()
        yield Sample(OVERFLOWED, over, {})


def _admit(samples: Sequence[Sample], before: Mapping[Label, Set[str]]) -> dict[Label, set[str]]:
    """The values that have room: those of before first, as far as they are still there, then as they come."""
    present: dict[Label, dict[str, None]] = {}
    for one in samples:
        for label in one.metric.labels:
            if value := one.labels[label.name]:  # an empty label is none
                present.setdefault(label, {})[value] = None
    return {label: _first(label, values, before.get(label, _NONE)) for label, values in present.items()}


def _first(label: Label, values: Mapping[str, None], before: Set[str]) -> set[str]:
    if len(values) <= label.values_max:
        return set(values)
    kept = [value for value in values if value in before]
    return set((*kept, *(value for value in values if value not in before))[: label.values_max])


def _named(value: str, admitted: Set[str]) -> str:
    return value if not value or value in admitted else OTHER


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
