"""What canaries say: a second source, and whether the model or the prompts changed. Pure.

A canary is a harmful prompt of our own, always evaluated, never in users' counts. Its mix does not move and no tenant
can reach it: canaries that fall too say that the model changed; canaries that are steady while users' refusals fall say
that the prompts changed. Steady is a proof, not silence: the mirrored test of their warning line, begun in the pane
after users' warning line was called.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from proxy.core.evidence.findings import OVERALL, Call, Finding, LineKind, Status
from proxy.core.evidence.plan import CANARIES, Plan
from proxy.core.evidence.refusal import Evidence
from proxy.core.evidence.signals import CANARY, REFUSAL, REFUSAL_IN, Reading
from proxy.detectors.e_process import FRESH, Bets, Cells, advance, reaches

PLACE: Final = f"{CANARIES}{OVERALL}"
MODEL: Final = "model"  # causes of a finding
PROMPTS: Final = "prompts"


def merged(reading: Reading) -> Cells:
    """Refusals of users' prompts by category, and of canaries under names of their own."""
    refusals, canaries = reading.part(REFUSAL), reading.part(CANARY)
    if not canaries:
        return refusals
    return {**refusals, **{(CANARIES + category, r, y): n for (category, r, y), n in canaries.items()}}


def fell(calls: Iterable[Call], *lines: LineKind) -> bool:
    """Whether one of these lines of the canaries is called."""
    return any(c.metric == CANARY and c.line in lines and c.status is not Status.UNDECIDED for c in calls)


def steadied(steady: Bets, evidence: Evidence, plan: Plan, pane: int, cells: Cells) -> Bets:
    """The mirrored test of the canaries' warning line, while users' refusals stand below theirs; else nothing."""
    users = evidence.lines.get(f"{OVERALL}/{LineKind.WARNING}")
    if users is None or users.status is Status.UNDECIDED or PLACE not in plan.recoveries:
        return FRESH
    return advance(steady, plan.recoveries[PLACE], pane, cells) if pane > users.crossed_pane else steady


def with_cause(findings: Iterable[Finding], calls: Iterable[Call], steady: Bets, plan: Plan) -> tuple[Finding, ...]:
    """The findings, and of fallen refusals what the canaries say of the cause."""
    if fell(calls, LineKind.WARNING, LineKind.CRITICAL):
        cause = MODEL
    else:
        cause = PROMPTS if reaches(steady, plan.log_recovery) else ""
    return tuple(replace(one, cause=cause) if cause and _asks(one) else one for one in findings)


def _asks(finding: Finding) -> bool:
    return finding.metric in {REFUSAL, REFUSAL_IN} and finding.status is not Status.UNDECIDED
