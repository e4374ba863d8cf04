"""What two policies did differently on the same panes: spans of time in which severity or step were not the same. Pure.

Severities below medium are one here: nothing is recorded when `undecided` becomes `low`, and neither asks for anything.
The step compared is `would`: where each policy stands if it enforces and nothing is in its way.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from heapq import merge
from typing import Any, Final

from proxy.core.decisions.record import Record
from proxy.core.decisions.severity import Severity
from proxy.core.enforcement import Step

QUIET: Final = Severity.LOW


@dataclass(frozen=True, slots=True)
class Stand:
    """What a policy says of a route from `at_s` (Unix time) on; `record_id` is the evidence, "" where there is none."""

    at_s: float
    severity: Severity = QUIET
    step: Step = Step.STEADY
    record_id: str = ""

    @property
    def said(self) -> tuple[Severity, Step]:
        """What is compared."""
        return (QUIET if self.severity.rank < Severity.MEDIUM.rank else self.severity), self.step


@dataclass(frozen=True, slots=True)
class Difference:
    """A span in which the two said different things; `until_s` is None while they still do."""

    from_s: float
    until_s: float | None
    live: Stand
    shadow: Stand


def stand_of(record: Record) -> Stand:
    """What a decision left the route at."""
    decision = record.body["decision"]
    return Stand(record.at_s, Severity(decision["severity"]), Step(decision["would"]), record.id)


def differences(
    begin: tuple[Stand, Stand], live: Sequence[Stand], shadow: Sequence[Stand], least_s: float = 0.0
) -> list[Difference]:
    """Oldest first. `begin`: what live and shadow said at first; the others follow in order of time.

    Spans shorter than `least_s` are left out: two replicas may look at the same pane a moment apart.
    """
    spans = _spans(begin, live, shadow)
    return [one for one in spans if one.until_s is None or one.until_s - one.from_s >= least_s]


def _spans(begin: tuple[Stand, Stand], live: Sequence[Stand], shadow: Sequence[Stand]) -> Iterator[Difference]:
    begun, now = max(one.at_s for one in begin), begin
    for at_s, after in _moments(begin, live, shadow):
        if _said(after) == _said(now):
            continue  # the first record that says so is the one to look at
        if _differ(now) and at_s > begun:
            yield Difference(begun, at_s, *now)
        begun, now = max(begun, at_s), after
    if _differ(now):
        yield Difference(begun, None, *now)


def _moments(
    begin: tuple[Stand, Stand], live: Sequence[Stand], shadow: Sequence[Stand]
) -> Iterator[tuple[float, tuple[Stand, Stand]]]:
    """(time, both stands) after each time at which one of them changed; changes of one moment are one."""
    one, other = begin
    marked = (((s.at_s, 0, s) for s in live), ((s.at_s, 1, s) for s in shadow))
    changes = list(merge(*marked, key=lambda item: item[0]))
    for place, (at_s, whose, stand) in enumerate(changes):
        one, other = (stand, other) if whose == 0 else (one, stand)
        if place + 1 == len(changes) or changes[place + 1][0] > at_s:
            yield at_s, (one, other)


def _said(pair: tuple[Stand, Stand]) -> tuple[tuple[Severity, Step], tuple[Severity, Step]]:
    return pair[0].said, pair[1].said


def _differ(pair: tuple[Stand, Stand]) -> bool:
    return pair[0].said != pair[1].said


def to_json(difference: Difference) -> dict[str, Any]:
    """For people and programs."""
    return {
        "from_s": difference.from_s,
        "until_s": difference.until_s,
        "live": _stand_json(difference.live),
        "shadow": _stand_json(difference.shadow),
    }


def _stand_json(stand: Stand) -> dict[str, Any]:
    return {"severity": stand.said[0].value, "step": stand.step.value, "record": stand.record_id}
