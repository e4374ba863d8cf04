"""The tables of `make bench-detect`, in Markdown. Pure: results in, lines out."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from bench.detect_oracle import TABLE, clairvoyant, observations_to_alarm
from bench.detect_run import Result
from bench.detect_streams import CHANGE_AT, NULLS, PLANTED, Scenario

OURS: Final = "Groundwire"
CHANGED: Final = "Groundwire, `changed` (pages nobody)"
QUICK_SHIFTS: Final = (0, 1, 3, 5, 7, 8)  # rows of the table of shifts for `--quick`: all but the smallest
RUNS: Final = 2_500  # of each shift: a mean within 2 %, since a delay spreads about as wide as it is long

Key = tuple[str, str]  # a detector and its setting
Found = Mapping[str, Mapping[Key, Sequence[Result]]]  # by scenario; one result for each seed


@dataclass(frozen=True, slots=True)
class Ran:
    """Everything that was run. `defaults`: peers as documented; `records` of one stream, and of a null."""

    found: Found
    defaults: Sequence[Key]
    records: int
    null_records: int

    def results(self, scenario: Scenario, key: Key) -> Sequence[Result]:
        """One for each seed; none where it did not run on this one."""
        return self.found[scenario.name].get(key, ())

    @property
    def peers(self) -> list[Key]:
        """Every peer at every setting that ran on everything."""
        return [key for key in next(iter(self.found.values())) if key != (OURS, "")]

    def pages(self, scenario: Scenario, key: Key) -> float:
        """Pages per million responses on a null. NaN where it did not run."""
        results = self.results(scenario, key)
        return (
            sum(len(one.pages) for one in results) / (self.null_records * len(results) / 1e6) if results else math.nan
        )

    def pages_on_nulls(self, key: Key) -> float:
        """The same over all nulls."""
        return statistics.mean(self.pages(one, key) for one in NULLS)

    def delay(self, scenario: Scenario, key: Key, *, changes: bool = False) -> float | None:
        """Mean delay in responses from the true crossing; None where a stream's change was missed.

        The first alarm of the scenario's signal counts from where the change begins: before the crossing it is early.
        """
        family, begins = scenario.signal.partition("_")[0], CHANGE_AT * self.records
        alarms = [one.changes if changes else one.pages for one in self.results(scenario, key)]
        firsts = [[i for i, signal in of if i >= begins and signal.startswith(family)] for of in alarms]
        if not all(firsts):
            return None
        return statistics.mean(found[0] for found in firsts) - scenario.crossed_at * self.records


def null_table(ran: Ran) -> Iterator[str]:
    """Pages where nobody needs to wake."""
    yield "| pages per million responses | " + " | ".join(one.name for one in NULLS) + " | all | critical |"
    yield "|---" * (len(NULLS) + 3) + "|"
    for key in ((OURS, ""), *ran.defaults):
        pages = [ran.pages(one, key) for one in NULLS]
        criticals = sum(result.criticals for one in NULLS for result in ran.results(one, key))
        cells = " | ".join("-" if math.isnan(n) else f"{n:.1f}" for n in (*pages, statistics.mean(pages)))
        yield f"| {key[0]} | {cells} | {criticals if key[0] == OURS else ''} |"


def delay_table(ran: Ran) -> Iterator[str]:
    """How long each took to page, and Groundwire to say that something changed."""
    yield "| delay in responses | " + " | ".join(one.name for one in PLANTED) + " |"
    yield "|---" * (len(PLANTED) + 1) + "|"
    for key in ((OURS, ""), *ran.defaults):
        yield f"| {key[0]} | " + " | ".join(_delay(ran, one, key) for one in PLANTED) + " |"
    cells = (_shown(ran.delay(one, (OURS, ""), changes=True)) for one in PLANTED if one.severity != "recovered")
    yield f"| {CHANGED} | " + " | ".join(cells) + " | - |"


def _delay(ran: Ran, scenario: Scenario, key: Key) -> str:
    if scenario.severity != "recovered":
        return _shown(ran.delay(scenario, key))
    found = [one.recovered_at for one in ran.results(scenario, key) if one.recovered_at is not None]
    return _shown(statistics.mean(found) - scenario.crossed_at * ran.records) if found else "-"


def _shown(delay: float | None) -> str:
    if delay is None:
        return "missed"
    return f"{delay:,.0f}" if delay >= 0 else f"{-delay:,.0f} early"


def rival_table(ran: Ran) -> Iterator[str]:
    """For each change, and for all of them at once, the peer and setting that pages least among those no slower."""
    yield "| change | Groundwire: delay, pages per million | best peer that is no slower | its delay, its pages |"
    yield "|---|---|---|---|"
    changes = [one for one in PLANTED if one.severity != "recovered" and ran.delay(one, (OURS, "")) is not None]
    pages = ran.pages_on_nulls((OURS, ""))
    for change in changes:
        best = _least(ran, [change])
        shown = "none | -" if best is None else f"{' '.join(best)} | {_delay(ran, change, best)}, {_pages(ran, best)}"
        yield f"| {change.name} | {_delay(ran, change, (OURS, ''))}, {pages:.1f} | {shown} |"
    best = _least(ran, changes)
    shown = "none | -" if best is None else f"{' '.join(best)} | {_pages(ran, best)}"
    yield f"| all of them | {pages:.1f} | {shown} |"


def _pages(ran: Ran, key: Key) -> str:
    return f"{ran.pages_on_nulls(key):.1f}"


def _least(ran: Ran, changes: Sequence[Scenario]) -> Key | None:
    """The peer that pages least on the nulls, of those that are no slower than Groundwire on each of these changes."""
    rivals = [key for key in ran.peers if all(_is_no_slower(ran, change, key) for change in changes)]
    return min(rivals, key=ran.pages_on_nulls, default=None)


def _is_no_slower(ran: Ran, change: Scenario, key: Key) -> bool:
    theirs, ours = ran.delay(change, key), ran.delay(change, (OURS, ""))
    return theirs is not None and ours is not None and theirs <= ours


def cost_table(ran: Ran) -> Iterator[str]:
    """Processor and memory."""
    yield "| cost | us a response | bytes of state a route |"
    yield "|---|---|---|"
    for key in ((OURS, ""), *ran.defaults):
        results = [one for scenario in PLANTED for one in ran.results(scenario, key)]
        each_us = statistics.mean(one.spent_s for one in results) / ran.records * 1e6
        yield f"| {key[0]} | {each_us:.2f} | {max(one.state_bytes for one in results):,} |"


def shift_table(*, quick: bool) -> Iterator[str]:
    """The table of detection section 5, computed anew."""
    yield "| line -> rate | clairvoyant CUSUM | e-detector: mean, p90 | ratio |"
    yield "|---|---|---|---|"
    for place in QUICK_SHIFTS if quick else range(len(TABLE)):
        shift = TABLE[place]
        best, found = clairvoyant(shift), observations_to_alarm(shift, RUNS, seed=place)
        mean, p90 = float(found.mean()), statistics.quantiles(found, n=10)[-1]
        yield f"| {shift.m} -> {shift.rate} | {best:,.0f} | {mean:,.0f}, {p90:,.0f} | {mean / best:.2f} |"
