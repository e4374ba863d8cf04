"""What people and programs are shown of a route: plain JSON values. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from proxy.control.baselines import learning
from proxy.control.bases.arming import Verdict
from proxy.control.entry import Entry
from proxy.control.views.exchanges import coverage_of
from proxy.control.views.power import Now, power_json, power_of, status
from proxy.control.views.rates import rates_in
from proxy.core.baselines.baseline import Baseline
from proxy.core.decisions.outcome import Outcome
from proxy.core.drift.kinds import CANARY, told_apart
from proxy.core.drift.shapes import size
from proxy.core.enforcement import Snapshot
from proxy.core.evidence.estimates import gauge
from proxy.core.evidence.findings import Finding, LineKind, Status
from proxy.core.evidence.signals import ASSESSED, HIGHS, LOST, REFUSAL, is_impaired
from proxy.core.observation import NO_HARM
from proxy.core.policies.policy import Policy
from proxy.core.routes import Target
from proxy.core.windows import SCALE, Counts, merge

WINDOW_PANES: Final = 10  # "now", for people: ten minutes, or ten seconds of a demo
SET_ASIDE: Final = ("duplicate", "late", LOST)  # signals of what is shown, and enters no rate
SHOWN: Final = (
    *HIGHS,
    "hedging",
    "jailbreak",
    "injection",
    "anomaly",
)  # rates of now, beside the refusal of harmful prompts
_WEIGHT: Final = (LineKind.CRITICAL, LineKind.WARNING, LineKind.CHANGED)


@dataclass(frozen=True, slots=True)
class Seen:
    """All that one view of a route is made of.

    `panes` are those of the candidate, oldest first. `gauges` as in `core.gauges`, None where nobody asked for them;
    `dated`: when the rates of alarms changed. `asking` tells how a baseline of the base's answers comes on.
    `lag_s`: how long after their end panes close, at most `most_s`.
    """

    entry: Entry
    outcome: Outcome | None
    verdict: Verdict
    held: str
    policy: Policy
    panes: Sequence[tuple[int, Counts]]
    now_pane: int
    pane_s: float
    asking: Mapping[str, Any] | None = None
    sampling: Mapping[str, Any] | None = None
    gauges: Mapping[str, Any] | None = None
    dated: Sequence[Mapping[str, Any]] = ()
    routes: int = 1
    lag_s: float = 0.0
    most_s: float = 0.0


def route_json(seen: Seen) -> dict[str, Any]:
    """One route, in the shape that the command line and the demo read."""
    entry, state = seen.entry, seen.entry.state
    served_base = _snapshot_of(entry).target(entry.route)[1]
    power = power_of(entry.baseline, seen.policy, seen.panes, Now(seen.now_pane, seen.pane_s, seen.routes))
    return {
        "name": entry.route.name,
        "candidate": _target(entry.route.candidate),
        "base": None if entry.route.base is None else _target(entry.route.base),
        "no_base": entry.no_base,
        "step": state.step.value,
        "would_step": state.would.value,
        "status": "closed" if entry.closed else status(entry.phase, power),
        "mode": mode(entry, seen.policy),
        "served": "base" if served_base else "candidate",
        "armed": {"armed": seen.verdict.armed, "reason": seen.verdict.reason},
        "held": seen.held,
        "pin": entry.route.pin.value,
        "default": entry.route.default,
        "epoch": entry.epoch,
        "baseline": {**_baseline(entry, seen.policy), "asking": seen.asking},
        "tests": [finding_json(finding, seen.pane_s) for finding in _findings(seen.outcome)],
        "tests_by_line": {} if seen.outcome is None else dict(seen.outcome.tests),
        "skipped": [] if seen.outcome is None else list(seen.outcome.skipped),
        "severity": state.severity.value,
        "reason": _reason(seen),
        "enforcement_id": state.record_id,
        "since_s": state.since_s,
        "closing": {"lag_s": seen.lag_s, "most_s": seen.most_s, "known": sum(entry.closing.known(seen.panes))},
        "counts": _counts(seen.panes, seen.policy.blind.lost_share_max),
        "window": _window(seen),
        "power": power_json(power),
        "drift": _drift(_findings(seen.outcome)),
        "gauges": seen.gauges,
        "dated": list(seen.dated),
        "sampling": {**(seen.sampling or {}), "coverage": coverage_of(counts for _, counts in seen.panes)},
    }


def mode(entry: Entry, policy: Policy) -> str:
    """ "enforce" or "shadow": the operator's word, else the policy's."""
    if entry.switched is None:
        return policy.mode
    return "enforce" if entry.switched else "shadow"


def finding_json(finding: Finding, pane_s: float) -> dict[str, Any]:
    """One test: rates in [0, 1], odds as natural logarithms, times in Unix seconds."""
    estimate = finding.estimate
    return {
        "metric": finding.metric,
        "stratum": finding.detail or finding.stratum,
        "line": finding.line.value,
        "m": finding.m,
        "baseline": finding.baseline,
        "estimate": None if estimate is None else estimate.rate,
        "low": None if estimate is None else estimate.low,
        "high": None if estimate is None else estimate.high,
        "proved": finding.bound,
        "n": 0.0 if estimate is None else estimate.n,
        "n_eff": 0.0 if estimate is None else estimate.n_eff,
        "odds_ln": finding.ln_odds,
        "limit_ln": finding.ln_limit,
        "change_s": None if finding.since_pane is None else finding.since_pane * pane_s,
        "status": finding.status.value,
    }


def decision_fields(entry: Entry, outcome: Outcome, pane_s: float) -> dict[str, Any]:
    """The fields of the one log line of a decision."""
    worst = worst_of(outcome.findings)
    found = {} if worst is None else finding_json(worst, pane_s)
    done = outcome.action or outcome.would_action
    return {
        "route": entry.route.name,
        "id": "" if outcome.record is None else outcome.record.id,
        "severity": outcome.severity.value,
        "action": None if outcome.action is None else outcome.action.value,
        "would_action": None if done is None or outcome.action else done.value,
        "step": outcome.step.value,
        "would_step": outcome.would.value,
        "reason": entry.state.reason,
        "not_done": list(outcome.reasons),
        "metric": None if worst is None else worst.name,
        **{key: found.get(key) for key in ("baseline", "m", "estimate", "low", "high", "proved", "n", "n_eff")},
        **{key: found.get(key) for key in ("odds_ln", "limit_ln", "change_s")},
    }


def worst_of(findings: Sequence[Finding]) -> Finding | None:
    """The heaviest line that is not undecided, overall first; None where there is none."""
    found = [finding for finding in findings if finding.status is not Status.UNDECIDED]
    return min(found, key=lambda finding: _WEIGHT.index(finding.line), default=None)


def _drift(findings: Sequence[Finding]) -> dict[str, Any]:
    """Which of the four kinds moved, and what that says."""
    verdict = told_apart(findings, has_canaries=any(finding.metric == CANARY for finding in findings))
    return {
        "kinds": {kind.value: list(names) for kind, names in verdict.signals.items()},
        "input_moved": verdict.input_moved,
        "model_moved": verdict.model_moved,
        "text": verdict.text,
    }


def _findings(outcome: Outcome | None) -> Sequence[Finding]:
    return () if outcome is None else outcome.findings


def _snapshot_of(entry: Entry) -> Snapshot:
    return Snapshot(0, (entry.route,), () if entry.enforcement is None else (entry.enforcement,))


def _target(target: Target) -> dict[str, str]:
    return {"upstream": target.upstream, "model": target.model}


def _reason(seen: Seen) -> str:
    """Why the route is where it is, and why it is not further, in plain words."""
    outcome, state = seen.outcome, seen.entry.state
    parts = [state.reason]
    if outcome is not None:
        parts += [outcome.blind, *outcome.reasons]
    elif seen.held:
        parts.append(f"automatic actions are held: {seen.held}")
    if seen.entry.stale and seen.entry.baseline is None:
        parts.append(f"learning anew: {seen.entry.stale}")
    if seen.entry.outdated:
        parts.append(f"baseline stale: {seen.entry.outdated}; safety lines stay in force, drift lines pause")
    if seen.asking is not None and seen.asking["detail"]:
        parts.append(f"baseline of the base's answers: {seen.asking['detail']}")
    return "; ".join(dict.fromkeys(part for part in parts if part))


def _baseline(entry: Entry, policy: Policy) -> dict[str, Any]:
    baseline = entry.baseline
    if baseline is None:
        learnt = entry.state.learning
        shown = {category: (one.rate, one.n / SCALE) for category, one in learnt.refusals.items()}
        head: dict[str, Any] = {"kind": "live", "status": "learning", "n": learnt.n, "rate": None, "lower": None}
    else:
        shown = {category: (tally.rate, float(tally.n)) for category, tally in baseline.refusals.items()}
        status = "stale" if entry.outdated else baseline.standing.value
        head = {"kind": baseline.kind.value, "status": status, "n": baseline.n, "rate": baseline.rate}
        head["lower"] = learning.lower(baseline, policy)
    return {
        **head,
        "closes_at": policy.baseline.closes_at,
        "by_category": {name: {"n": n, "rate": rate} for name, (rate, n) in sorted(shown.items())},
        "digest": "" if baseline is None else learning.digest(baseline),
        "version": entry.version,
        "stale": entry.outdated,
        "hours": 0 if baseline is None else len(baseline.hours),
        "marks": {signal: size(marks) for signal, marks in sorted(entry.context.seen.items())},
        "judge": entry.state.learning.judge if baseline is None else baseline.judge,
        "judged_by": entry.judge,
        "learnt_beside": entry.heir,
    }


def _counts(panes: Sequence[tuple[int, Counts]], lost_share_max: float) -> dict[str, Any]:
    """What was counted, and what is in no rate: `set_aside`, and panes that lost too much to be evidence."""
    assessed, missed, aside = 0.0, dict[str, float](), dict[str, float]()
    for cell, count in (one for _, counts in panes for one in counts.items()):
        if cell.signal == ASSESSED:
            if cell.y:
                assessed += count / SCALE
            else:
                missed[cell.stratum] = missed.get(cell.stratum, 0.0) + count / SCALE
        elif cell.signal in SET_ASIDE:
            aside[cell.signal] = aside.get(cell.signal, 0.0) + count / SCALE
    impaired = sum(is_impaired(counts, lost_share_max) for _, counts in panes)
    return {"assessed": assessed, "unassessed": missed, "set_aside": aside, "impaired_panes": impaired}


def _window(seen: Seen) -> dict[str, Any]:
    counts = merge(counts for pane, counts in seen.panes if pane > seen.now_pane - WINDOW_PANES)
    strata = frozenset(cell.stratum for cell in counts if cell.signal == REFUSAL and cell.stratum != NO_HARM)
    now = gauge(counts, REFUSAL, strata)
    rate, n = (None, 0.0) if now is None else (now.rate, now.n)
    signals = {signal: _signal(seen.entry.baseline, counts, signal) for signal in SHOWN}
    return {"refusal_rate": rate, "n": n, "seconds": WINDOW_PANES * seen.pane_s, "signals": signals}


def _signal(baseline: Baseline | None, counts: Counts, signal: str) -> dict[str, Any]:
    """A rate over all answers now, and the baseline's ("all" strata together); None where nothing was counted."""
    now = gauge(counts, signal, frozenset(cell.stratum for cell in counts if cell.signal == signal))
    return {
        "rate": None if now is None else now.rate,
        "n": 0.0 if now is None else now.n,
        "baseline": None if baseline is None else dict(rates_in(baseline)).get(signal),
    }
