"""The lines that a replay prints: one for each line of a metric that was crossed, and one for each recovery."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import orjson

from proxy.core.estimates import add_up, estimate
from proxy.core.findings import OVERALL, Finding, LineKind, Status
from proxy.core.outcome import Outcome
from proxy.core.signals import REFUSAL, TOXICITY
from proxy.core.state import RouteState
from proxy.detectors.e_process import FRESH, best

RECOVERED: Final = "recovered"
GUARDED_MARK: Final = "*"
NAMES: Final = {TOXICITY: "tox"}
DIGITS: Final = 6
RANK: Final = {Status.UNDECIDED: 0, Status.GUARDED: 1, Status.CROSSED: 2}


class Moment(NamedTuple):
    """When a look is taken: `i` of the newest record that was read, and the time of the stream in seconds."""

    i: Any
    t: float


class Announcer:
    """Says of one route what is new in an outcome."""

    def __init__(self, route: str | None, pane_s: float) -> None:
        self._route = route
        self._pane_s = pane_s
        self._told: dict[tuple[str, str, LineKind], Status] = {}

    def lines(self, before: RouteState, outcome: Outcome, moment: Moment) -> list[bytes]:
        """What to print, in order."""
        news = [*self._recoveries(before, outcome), *self._crossings(outcome)]
        return [orjson.dumps(self._line(one, moment), option=orjson.OPT_APPEND_NEWLINE) for one in news]

    def _line(self, news: dict[str, Any], moment: Moment) -> dict[str, Any]:
        return {"i": moment.i, **news, "t": moment.t, "route": self._route}

    def _crossings(self, outcome: Outcome) -> Iterator[dict[str, Any]]:
        for finding in outcome.findings:
            key = (finding.metric, finding.stratum, finding.line)
            told = self._told.get(key, Status.UNDECIDED)
            self._told[key] = finding.status
            if RANK[finding.status] > RANK[told]:
                yield crossed(finding, self._pane_s)

    def _recoveries(self, before: RouteState, outcome: Outcome) -> Iterator[dict[str, Any]]:
        """One for each stratum, or signal that is bad when high, whose mirrored test says so."""
        for stratum in outcome.recovered:
            finding = _warning_of(outcome, stratum)
            bets = before.evidence.recoveries.get(stratum, FRESH)
            if stratum in before.raised:
                bets = before.raised[stratum].mirror
            bet = best(bets)
            seen = estimate(add_up(bet.sums))
            self._forget(stratum)
            yield {
                "signal": signal(finding.metric, finding.stratum) if finding else stratum,
                "severity": RECOVERED,
                "estimate": _rounded(seen.rate if seen else None),
                "bound": None,
                "line": _rounded(finding.m if finding else None),
                "change_t": _since(bet.start if bet.sums else None, self._pane_s),
            }

    def _forget(self, stratum: str) -> None:
        """What was told of a stratum of refusal, or of a signal, may be told again."""
        for key in [key for key in self._told if stratum in (key[0], key[1] if key[0] == REFUSAL else "")]:
            del self._told[key]


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


def _warning_of(outcome: Outcome, stratum: str) -> Finding | None:
    """The warning line that a name in `outcome.recovered` stands for: a stratum of refusal, or a signal."""
    for finding in outcome.findings:
        named = finding.stratum if finding.metric == REFUSAL else finding.metric
        if finding.line is LineKind.WARNING and named == stratum:
            return finding
    return None


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, DIGITS)


def _since(pane: int | None, pane_s: float) -> float | None:
    return None if pane is None else pane * pane_s
