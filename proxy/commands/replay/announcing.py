"""The lines that a replay prints: one for each line of a metric that was crossed, and one for each recovery."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeAlias

import orjson

from proxy.core.evidence.estimates import add_up, estimate
from proxy.core.evidence.findings import OVERALL, Finding, LineKind, Status
from proxy.core.evidence.plan import CANARIES
from proxy.core.evidence.signals import ANOMALY, CANARY, REFUSAL
from proxy.core.evidence.tail import TOXICITY_P95
from proxy.detectors.e_process import Bets, best

RECOVERED: Final = "recovered"
GUARDED_MARK: Final = "*"
NAMES: Final = {TOXICITY_P95: "tox"}
ALONE: Final = (TOXICITY_P95, ANOMALY)  # each line of these has a latch and a recovery of its own
DIGITS: Final = 6
RANK: Final = {Status.UNDECIDED: 0, Status.GUARDED: 1, Status.CROSSED: 2}


Lines: TypeAlias = list[bytes]


class Moment(NamedTuple):
    """When a look is taken: `i` of the newest record that was read, and the time of the stream in seconds."""

    i: Any
    t: float


class Announcer:
    """Says of one route what is new in a look."""

    def __init__(self, route: str | None, pane_s: float) -> None:
        self._route = route
        self._pane_s = pane_s
        self._told: dict[tuple[str, str, LineKind], Status] = {}

    def lines(self, recovered: Mapping[str, Bets], found: Sequence[Finding], moment: Moment) -> Lines:
        """What to print, in order. `recovered`: mirrored tests by their names; `found`: the findings after a look."""
        news = [*self._recoveries(recovered, found), *self._crossings(found)]
        return [
            orjson.dumps({"i": moment.i, **one, "t": moment.t, "route": self._route}, option=orjson.OPT_APPEND_NEWLINE)
            for one in news
        ]

    def _crossings(self, found: Sequence[Finding]) -> Iterator[dict[str, Any]]:
        for finding in found:
            key = (finding.metric, finding.stratum, finding.line)
            told = self._told.get(key, Status.UNDECIDED)
            self._told[key] = finding.status
            if RANK[finding.status] > RANK[told]:
                yield crossed(finding, self._pane_s)

    def _recoveries(self, recovered: Mapping[str, Bets], found: Sequence[Finding]) -> Iterator[dict[str, Any]]:
        """One for each warning line whose mirrored test says so. What was told of it may be told again."""
        for name, mirror in recovered.items():
            metric, stratum, line = place_of(name, found)
            for kind in (line,) if metric in ALONE else LineKind:
                self._told.pop((metric, stratum, kind), None)
            if line is LineKind.WARNING:
                warning = next((f for f in found if (f.metric, f.stratum, f.line) == (metric, stratum, line)), None)
                yield self._recovered(warning, signal(metric, stratum), mirror)

    def _recovered(self, warning: Finding | None, name: str, mirror: Bets) -> dict[str, Any]:
        bet = best(mirror)
        seen = estimate(add_up(bet.sums))
        return {
            "signal": name,
            "severity": RECOVERED,
            "estimate": _rounded(seen.rate if seen else None),
            "bound": None,
            "line": _rounded(warning.m if warning else None),
            "change_t": _since(bet.start if bet.sums else None, self._pane_s),
        }


def crossed(finding: Finding, pane_s: float) -> dict[str, Any]:
    """A line that is called crossed."""
    return {
        "signal": signal(finding.metric, finding.stratum),
        "severity": finding.line + (GUARDED_MARK if finding.status is Status.GUARDED else ""),
        "estimate": _rounded(finding.estimate.rate if finding.estimate else None),
        "bound": _rounded(finding.bound),
        "line": _rounded(finding.m),
        "change_t": _since(finding.since_pane, pane_s),
    }


def signal(metric: str, stratum: str) -> str:
    """The protocol's name: "refusal", "refusal_catK", "tox", "anomaly", ..."""
    if metric == REFUSAL and stratum != OVERALL:
        return f"{REFUSAL}_cat{stratum}"
    return NAMES.get(metric, metric)


def place_of(name: str, found: Sequence[Finding]) -> tuple[str, str, LineKind]:
    """(metric, stratum, line) of a name in `recovered`: a place of `Test`, a `Watch`, or a drift signal."""
    if name.startswith(CANARIES):
        return CANARY, name.removeprefix(CANARIES), LineKind.WARNING
    metric, _, line = name.partition("/")
    if any(one.metric == metric for one in found if one.metric != REFUSAL):
        return metric, OVERALL, LineKind(line or LineKind.WARNING)
    return REFUSAL, name, LineKind.WARNING


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, DIGITS)


def _since(pane: int | None, pane_s: float) -> float | None:
    return None if pane is None else pane * pane_s
