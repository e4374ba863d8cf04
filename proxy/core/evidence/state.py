"""What is remembered of a route between two looks, and its JSON. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from proxy.core.baselines import learning
from proxy.core.baselines.learning import Learning
from proxy.core.decisions.blindness import Sight
from proxy.core.decisions.severity import Severity
from proxy.core.drift import as_json as drift_json
from proxy.core.drift.shares import Drifts
from proxy.core.enforcement import Step
from proxy.core.errors import StateError
from proxy.core.evidence.findings import Status
from proxy.core.evidence.outputs import NEVER, NEVER_TO_ANY
from proxy.core.evidence.refusal import Evidence, Lines, LineState
from proxy.core.evidence.tenants import NOTHING_SEEN, Tenants
from proxy.core.evidence.watches import Raised
from proxy.core.tenant_shard import SHARDS
from proxy.detectors.e_process import BETS, FRESH, Bet, Bets

FORMAT: Final = 1
NO_PANE: Final = -1


@dataclass(frozen=True, slots=True)
class RouteState:
    """All that is remembered of a route.

    `last_pane`: the last closed pane that was consumed, -1 before the first. `seen_pane`: the last pane with an
    evaluated response (at first: the pane of the first look). `step` is in force; `would` is what a policy that
    enforces would have reached. `record_id`, `reason` and `since_s` (Unix time) belong to the last change of step,
    would or severity. `raised`: by name, the lines that closed panes alone are read for; `drifts`: of shapes.
    `tenants`: the lines without any one shard of tenants. `harmful_pane`: the last pane with a harmful output that
    still counts, -1 none. `steady`: the test that canaries are well, while users' refusals are not.
    """

    last_pane: int = NO_PANE
    seen_pane: int = NO_PANE
    step: Step = Step.STEADY
    would: Step = Step.STEADY
    severity: Severity = Severity.UNDECIDED
    record_id: str = ""
    reason: str = ""
    since_s: float = 0.0
    evidence: Evidence = Evidence()
    sight: Sight = Sight()
    learning: Learning = Learning()
    raised: Mapping[str, Raised] = field(default_factory=dict)
    drifts: Drifts = field(default_factory=dict)
    tenants: Tenants = Tenants()
    harmful_pane: int = NEVER
    steady: Bets = FRESH


def restarted(state: RouteState) -> RouteState:
    """The same route with its evidence forgotten, but not who asks: for a restored candidate."""
    return RouteState(
        last_pane=state.last_pane,
        seen_pane=state.seen_pane,
        step=state.step,
        would=state.would,
        record_id=state.record_id,
        reason=state.reason,
        since_s=state.since_s,
        learning=state.learning,
        tenants=Tenants(state.tenants.seen, answered=state.tenants.answered),
    )


def to_json(state: RouteState) -> dict[str, Any]:
    """Plain JSON values; `from_json` is the inverse."""
    return {
        "format": FORMAT,
        "last_pane": state.last_pane,
        "seen_pane": state.seen_pane,
        "step": state.step.value,
        "would": state.would.value,
        "severity": state.severity.value,
        "record_id": state.record_id,
        "reason": state.reason,
        "since_s": state.since_s,
        "evidence": _evidence_json(state.evidence),
        "sight": [_bets_json(state.sight.bets), _bets_json(state.sight.mirror), state.sight.halved],
        "learning": learning.to_json(state.learning),
        "raised": {
            signal: [_bets_json(one.bets), _bets_json(one.mirror), one.crossed_pane]
            for signal, one in sorted(state.raised.items())
        },
        **_later_json(state),
        **({"drifts": drift_json.state_json(state.drifts)} if state.drifts else {}),
    }


def _later_json(state: RouteState) -> dict[str, Any]:
    """What version 0.1 did not have; left out where there is nothing to say."""
    parts = state.tenants
    found: dict[str, Any] = {}
    if parts != Tenants():
        left_out = [_lines_json(lines) for lines in parts.left_out]
        found["tenants"] = [list(parts.seen), left_out, list(parts.answered), list(parts.harmed)]
    if state.harmful_pane != NEVER:
        found["harmful_pane"] = state.harmful_pane
    if state.steady != FRESH:
        found["steady"] = _bets_json(state.steady)
    return found


def from_json(data: Any) -> RouteState:
    """Read a state. Raises StateError."""
    try:
        if data["format"] != FORMAT:
            raise StateError(f"route state has format {data['format']!r}, this version reads {FORMAT}")
        return _state(data)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as wrong:
        raise StateError(f"route state cannot be read: {wrong!r}") from wrong


def _state(data: Mapping[str, Any]) -> RouteState:
    bets, mirror, halved = data["sight"]
    return RouteState(
        last_pane=int(data["last_pane"]),
        seen_pane=int(data["seen_pane"]),
        step=Step(data["step"]),
        would=Step(data["would"]),
        severity=Severity(data["severity"]),
        record_id=str(data["record_id"]),
        reason=str(data["reason"]),
        since_s=float(data["since_s"]),
        evidence=_evidence(data["evidence"]),
        sight=Sight(_bets(bets), _bets(mirror), bool(halved)),
        learning=learning.from_json(data["learning"]),
        raised={
            str(signal): Raised(_bets(bets), _bets(mirror), int(pane))
            for signal, (bets, mirror, pane) in data.get("raised", {}).items()
        },
        drifts=drift_json.state_from_json(data.get("drifts", {})),
        tenants=_tenants(data.get("tenants", (NOTHING_SEEN, ()))),
        harmful_pane=int(data.get("harmful_pane", NEVER)),
        steady=_bets(data.get("steady")),
    )


def _tenants(data: Any) -> Tenants:
    seen, left_out, *more = data
    answered, harmed = more or (NOTHING_SEEN, NEVER_TO_ANY)  # an older state has neither
    if {len(seen), len(answered), len(harmed)} != {SHARDS} or len(left_out) not in {0, SHARDS}:
        raise ValueError(f"{len(seen)} shards of tenants with lines of {len(left_out)}")
    counts = [tuple(map(int, one)) for one in (seen, answered, harmed)]
    return Tenants(counts[0], tuple(map(_lines, left_out)), counts[1], counts[2])


def _evidence_json(evidence: Evidence) -> dict[str, Any]:
    return {
        "plan": evidence.plan_id,
        "panes": evidence.panes,
        "unlined": list(evidence.unlined),
        "lines": _lines_json(evidence.lines),
        "recoveries": {stratum: _bets_json(bets) for stratum, bets in sorted(evidence.recoveries.items())},
    }


def _evidence(data: Mapping[str, Any]) -> Evidence:
    return Evidence(
        plan_id=str(data["plan"]),
        lines=_lines(data["lines"]),
        recoveries={stratum: _bets(bets) for stratum, bets in data["recoveries"].items()},
        panes=int(data["panes"]),
        unlined=tuple(str(category) for category in data["unlined"]),
    )


def _lines_json(lines: Lines) -> dict[str, Any]:
    return {key: [_bets_json(one.bets), one.status.value, one.crossed_pane] for key, one in sorted(lines.items())}


def _lines(data: Mapping[str, Any]) -> Lines:
    return {k: LineState(_bets(bets), Status(status), int(pane)) for k, (bets, status, pane) in data.items()}


def _bets_json(bets: Bets) -> list[Any]:
    if bets == FRESH:
        return []
    return [[b.log_r, b.climb, b.start, [[*key, count] for key, count in sorted(b.sums.items())]] for b in bets]


def _bets(data: Any) -> Bets:
    if not data:
        return FRESH
    if len(data) != BETS:
        raise ValueError(f"{len(data)} bets, not {BETS}")
    return tuple(
        Bet(int(log_r), int(climb), int(start), {(str(s), int(r), int(y)): int(n) for s, r, y, n in sums})
        for log_r, climb, start, sums in data
    )
