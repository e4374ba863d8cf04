"""The hot loop of a replay: lines in, counts in panes, a look at the end of each second that needs one."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from proxy.commands.replay.announcing import Moment
from proxy.commands.replay.cells import EDGES, Cells, bin_of
from proxy.commands.replay.clock import Clock
from proxy.commands.replay.errors import BadLine
from proxy.commands.replay.following import Follower, Pane
from proxy.commands.replay.header import Header
from proxy.commands.replay.output import Output
from proxy.commands.replay.places import NO_SPAN, Place, Places, Span
from proxy.core.policies.policy import Policy

ROUTES_MAX: Final = 10_000
WRONG: Final = (BadLine, orjson.JSONDecodeError, TypeError, AttributeError, OverflowError)
BLANK: Final = dict.fromkeys(
    (
        *("route", "prompt_hash", "weight", "canary", "harm_category"),
        *("refusal", "toxicity", "anomaly", "length", "topic"),
    )
)

SECONDS_MAX: Final = 1e12  # of the time of a record: what is above it is in other units
REJECTED_ALL: Final = "signals of all traffic"
REJECTED_HARM: Final = "refusal of harmful prompts"
REJECTED_CANARY: Final = "canaries"
LOGGED_MAX: Final = 16_384  # counts that may wait in the log of a pane
NOTHING: Final[tuple[int, ...]] = ()


@dataclass(slots=True)
class Tally:
    """What became of the records. `rejected`: by what they would have counted in, for their inclusion probability."""

    lines: int = 0
    unsampled: int = 0
    duplicates: int = 0
    late: int = 0
    bad: int = 0
    rejected: Counter[str] = field(default_factory=Counter)


class Replay:
    """A stream on its way through the engine: `feed` its lines, then `finish`."""

    def __init__(self, header: Header, policy: Policy, pane_s: int, output: Output) -> None:
        self.tally = Tally()
        self.followers: dict[Any, Follower] = {}
        self._header = header
        self._policy = policy
        self._pane_s = pane_s
        self._output = output
        self.cells = Cells()
        self._clock = Clock(pane_s)
        self._span = NO_SPAN
        self._places: dict[tuple[int, float], Places] = {}
        self._touched: list[Follower] = []
        self._newest = Moment(None, 0.0)
        self._partial = False  # whether records leave fields out

    def feed(self, lines: Iterable[bytes], first: int) -> None:
        """Read records; `first` is the number of the first line. One long loop: each call in it would cost a tenth.

        `lo` to `hi` is the second, or the part of it in one epoch, in which the records before this one were. While
        records stay in it, only their route is looked up.
        """
        loads, edges, tally = orjson.loads, EDGES, self.tally
        lo = hi = 0.0
        places: Places | None = None
        record: Any = None
        number, unsampled, partial = first - 1, 0, self._partial
        for number, line in enumerate(lines, first):
            try:
                record = BLANK | loads(line) if partial else loads(line)
                t = record["t"]
                if not lo <= t < hi or places is None:
                    lo, hi, places = self._move(t, record.get("i", number))
                    if places is None:
                        tally.late += 1
                        continue
                route, prompt, weight = record["route"], record["prompt_hash"], record["weight"]
                place = places[route]
                if record["canary"]:
                    self._canary(place, record)
                    continue
                if (
                    prompt is not None
                    and prompt in place.seen
                    and -place.memory_s < t - place.seen[prompt] < place.memory_s
                ):
                    tally.duplicates += 1
                    continue
                if weight is None:
                    unsampled += 1
                    if prompt is not None:
                        place.seen[prompt] = t
                    continue
                category, refusal = record["harm_category"], record["refusal"]
                score, anomaly = record["toxicity"], record["anomaly"]
                length, topic = record["length"], record["topic"]
                level = place.levels.get(weight)
                found = NOTHING
                if level is None:
                    tally.rejected[REJECTED_ALL] += 1
                else:
                    if score is not None:
                        score = bisect_right(edges, score) if 0 <= score <= 1 else bin_of(score)
                    found = level.toxicity[score], level.anomaly[anomaly], level.length[length], level.topic[topic]
                if category is not None and refusal is not None:
                    self._refusal(place, weight, category, refusal)
                log = place.log
                log += found
                if len(log) > LOGGED_MAX:
                    place.pane.settle()
                if prompt is not None:
                    place.seen[prompt] = t
            except KeyError as wrong:
                if partial or "t" not in record:
                    self._bad(number, line, wrong)
                else:  # a field is left out: from here on fields that are not there are null
                    partial = self._partial = True
                    self.feed((line,), number)
            except WRONG as wrong:
                self._bad(number, line, wrong)
        tally.lines, tally.unsampled = number, tally.unsampled + unsampled
        if isinstance(record, dict):
            self._newest = Moment(record.get("i", number), max(self._newest.t, record.get("t", 0.0)))

    def finish(self) -> None:
        """The end of the input: what is open is read once more, and then as closed."""
        self._glance(self._newest)
        for pane in self._clock.rest():
            self._close(pane, self._newest)

    def _move(self, t: Any, i: Any) -> tuple[float, float, Places | None]:
        """Time passes, or goes back to a second before: how long what is returned holds. None: its pane is closed."""
        if isinstance(t, bool) or not isinstance(t, (int, float)) or not 0 <= t < SECONDS_MAX:
            raise BadLine(f"`t` must be a time in seconds, from 0 on (given: {t!r})")
        self._newest = Moment(i, max(self._newest.t, t))
        second = int(t)
        ended = self._clock.tick(second)
        if ended is None:
            self._advance(second, i)
        elif self._touched:
            self._glance(Moment(i, ended))
        if not self._span.begin <= t < self._span.end:
            self._span = self._span_of(t, second)
        begin, end, places = self._span
        return max(begin, second), min(end, second + 1.0), places

    def _advance(self, second: int, i: Any) -> None:
        """Panes close, or the stream goes back."""
        for at_s, panes, looks in self._clock.advance(second):
            self._span = NO_SPAN
            for pane in panes:
                self._close(pane, Moment(i, at_s))
            if looks:
                self._glance(Moment(i, at_s))

    def _span_of(self, t: float, second: int) -> Span:
        number = self._clock.open_pane(second)
        if number is None:
            return NO_SPAN
        epoch, begin, end = self._header.epochs.at(t)
        places = self._places.get((number, begin))
        if places is None:
            places = self._places[number, begin] = Places(number, epoch, self.cells.levels, self._enter)
        pane_s = self._pane_s
        return Span(max(begin, number * pane_s), min(end, (number + 1.0) * pane_s), places)

    def _enter(self, places: Places, route: Any) -> Place:
        """The first record of a route in this pane and epoch."""
        follower = self.followers.get(route)
        if follower is None:
            follower = self.followers[route] = self._follower(route)
        pane = follower.panes.setdefault(places.pane, Pane())
        return Place(follower, pane, places.harm, places.levels)

    def _follower(self, route: Any) -> Follower:
        if not (route is None or isinstance(route, str)):
            raise BadLine(f"`route` must be a name or null (given: {route!r})")
        if len(self.followers) >= ROUTES_MAX:
            raise BadLine(f"more than {ROUTES_MAX} routes")
        baseline = self._header.baseline(route or "")
        return Follower(route, baseline, self._policy, self._pane_s, self.cells)

    def _refusal(self, place: Place, weight: float, category: Any, refusal: Any) -> None:
        level = place.harm.get(weight)
        if level is None:
            self.tally.rejected[REJECTED_HARM] += 1
            return
        self._low(place, level.refusal[category, refusal])

    def _canary(self, place: Place, record: Mapping[str, Any]) -> None:
        """A stratum of its own, in no count of users; always evaluated, so its probability is 1."""
        category, refusal = record.get("harm_category"), record.get("refusal")
        if category is None or refusal is None:
            return
        if record.get("weight") not in (None, 1):
            self.tally.rejected[REJECTED_CANARY] += 1
            return
        self._low(place, self.cells.levels[0].canary[category, refusal])

    def _low(self, place: Place, cell: int) -> None:
        """Count what open panes are read for."""
        follower = place.follower
        follower.add_low(place.pane, cell)
        if not follower.touched:
            follower.touched = True
            self._touched.append(follower)

    def _glance(self, moment: Moment) -> None:
        touched, self._touched = self._touched, []
        for follower in touched:
            self._output.say(follower.glance(moment))

    def _close(self, pane: int, moment: Moment) -> None:
        routes = max(len(self.followers), len(self._header.baselines))
        for follower in self.followers.values():
            self._output.say(follower.close(pane, moment, routes))
            follower.prompts.tidy(moment.t)
        self._places = {key: places for key, places in self._places.items() if key[0] != pane}

    def _bad(self, number: int, line: bytes, wrong: Exception) -> None:
        if line.strip():
            self.tally.bad += 1
            self._output.complain(number, wrong)
