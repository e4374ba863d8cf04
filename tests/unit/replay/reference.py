"""A replay without anything that makes it fast: record by record, and the live engine looked at every second."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from proxy.commands.replay.announcing import Announcer, Moment
from proxy.commands.replay.cells import category, length_band, name
from proxy.commands.replay.clock import Clock
from proxy.commands.replay.header import Header, read_header
from proxy.commands.replay.recovering import mirror_after
from proxy.core.decisions.decide import Look, findings, judge
from proxy.core.decisions.outcome import Context
from proxy.core.evidence.plan import make_plan
from proxy.core.evidence.signals import ALL
from proxy.core.evidence.state import RouteState
from proxy.core.policies.policy import Policy
from proxy.core.windows import SCALE, Cell
from proxy.detectors import quantile

PANE_S = 60
MEMORY_S = 600.0
LOWS = ("refusal", "canary")

Counts = dict[Cell, int]


@dataclass
class Route:
    """One route on its way; `panes` are those that are open."""

    header: Header
    name: str
    state: RouteState = RouteState()
    panes: dict[int, Counts] = field(default_factory=dict)
    seen: dict[str, float] = field(default_factory=dict)
    looks: int = 0

    def __post_init__(self) -> None:
        self.baseline = self.header.baseline(self.name)
        assert self.baseline is not None
        self.plan = make_plan(self.baseline, Policy(), PANE_S)
        self.announcer = Announcer(self.name, PANE_S)

    def repeats(self, prompt: str, t: float) -> bool:
        """Test and set."""
        if prompt in self.seen and -MEMORY_S < t - self.seen[prompt] < MEMORY_S:
            return True
        self.seen[prompt] = t
        return False

    def glance(self, moment: Moment) -> list[bytes]:
        """Read what is open, whether or not it changed."""
        counts: Counts = {}
        for pane in self.panes.values():
            for place, n in pane.items():
                if place.signal in LOWS:
                    counts[place] = counts.get(place, 0) + n
        return self.look(moment, [], (max(self.panes), counts)) if counts else []

    def close(self, number: int, moment: Moment) -> list[bytes]:
        """Consume a pane."""
        return self.look(moment, [(number, self.panes.pop(number))], None) if number in self.panes else []

    def look(self, moment: Moment, closed: list[tuple[int, Counts]], opened: tuple[int, Counts] | None) -> list[bytes]:
        """By the live engine; what is new in it."""
        self.looks += 1
        context = Context(self.name, "candidate", moment.t, PANE_S)
        look = Look(self.state, closed, opened, self.plan, self.baseline, Policy(), context)
        outcome = judge(look)
        mirrors = {name: mirror_after(self.state, self.plan, closed[0], name) for name in outcome.recovered}
        self.state = outcome.state
        return self.announcer.lines(mirrors, findings(look, self.state), moment)


class Reference:
    """Feed it all; `lines` are what was printed."""

    def __init__(self, first: Mapping[str, Any]) -> None:
        self.header = read_header(orjson.dumps(first))
        self.clock = Clock(PANE_S)
        self.routes: dict[str, Route] = {}
        self.lines: list[bytes] = []

    def feed(self, records: Iterable[Mapping[str, Any]]) -> None:
        """The whole stream."""
        moment = Moment(None, 0.0)
        for record in records:
            t, second = record["t"], int(record["t"])
            for at_s, panes, looks in self.clock.advance(second):
                self._look(panes, Moment(record["i"], at_s), looks=looks)
            number = self.clock.open_pane(second)
            moment = Moment(record["i"], max(moment.t, t))
            if number is not None:
                self._count(record, number)
        self._look(self.clock.rest(), moment, looks=False)

    def _look(self, panes: list[int], moment: Moment, *, looks: bool) -> None:
        for pane in panes:
            for route in self.routes.values():
                self.lines += route.close(pane, moment)
        for route in self.routes.values():
            self.lines += route.glance(moment) if looks else []

    def _count(self, record: Mapping[str, Any], number: int) -> None:
        route = self.routes.get(record["route"])
        if route is None:
            route = self.routes[record["route"]] = Route(self.header, record["route"])
        if not record["canary"] and route.repeats(record["prompt_hash"], record["t"]):
            return
        counts = route.panes.setdefault(number, {})
        for place in self._cells(record):
            counts[place] = counts.get(place, 0) + SCALE

    def _cells(self, record: Mapping[str, Any]) -> Iterator[Cell]:
        epoch, _, _ = self.header.epochs.at(record["t"])
        weight, refusal = record["weight"], record["refusal"]
        if weight is None:
            return
        if record["canary"]:
            yield Cell("canary", category(record["harm_category"]), 0, refusal)
            return
        r = epoch.everything[weight]
        yield Cell("toxicity_bin", quantile.bin_of(record["toxicity"]), r, 1)
        yield Cell("anomaly", ALL, r, record["anomaly"])
        yield Cell("length", length_band(record["length"]), r, 1)
        yield Cell("topic", name(record["topic"], "topic"), r, 1)
        if record["harm_category"] is not None:
            yield Cell("refusal", category(record["harm_category"]), epoch.harm[weight], refusal)
