"""A decision of the ladder as a span of its own, with links to the exchanges that were evidence for it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from proxy.core.decisions.outcome import Outcome
from proxy.core.evidence.findings import Finding, LineKind, Status
from proxy.core.evidence.signals import REFUSAL, REFUSAL_IN, TOXICITY, TOXICITY_BIN
from proxy.tracing.span import Kind, Link, Place, Span, Value

NAME: Final = "groundwire.action"
_READ_OF: Final = {REFUSAL_IN: REFUSAL, TOXICITY_BIN: TOXICITY, "canary": ""}  # metric -> signal; canaries have no span


@dataclass(frozen=True, slots=True)
class Decided:
    """`reason` is the sentence that people are told. `ended_s`: it was kept and told by then."""

    route: str
    reason: str
    outcome: Outcome
    ended_s: float


def fed_by(findings: Sequence[Finding]) -> tuple[str, ...]:
    """The signals of the lines that are crossed or guarded: a shard's line reads the signal itself."""
    metrics = [
        one.metric.partition("@")[0]
        for one in findings
        if one.status is not Status.UNDECIDED and one.line is not LineKind.CHANGED
    ]
    return tuple(dict.fromkeys(signal for metric in metrics if (signal := _READ_OF.get(metric, metric))))


def span_of(decided: Decided, place: Place, links: tuple[Link, ...]) -> Span | None:
    """The span of a step that changed, or in mode shadow would have; None where none did."""
    outcome = decided.outcome
    action, record = outcome.action or outcome.would_action, outcome.record
    if action is None or record is None:
        return None
    said: dict[str, Value] = {
        "groundwire.action": action.value,
        "groundwire.action.executed": outcome.action is not None,
        "groundwire.action.by": "operator" if _is_order(record.body) else "groundwire",
        "groundwire.route": decided.route,
        "groundwire.step": outcome.step.value,
        "groundwire.would_step": outcome.would.value,
        "groundwire.severity": outcome.severity.value,
        "groundwire.enforcement.id": record.id,
        "groundwire.reason": decided.reason,
    }
    if lines := tuple(one.name for one in outcome.findings if one.status is not Status.UNDECIDED):
        said["groundwire.lines"] = lines
    if outcome.reasons:
        said["groundwire.not_done"] = tuple(outcome.reasons)
    end_s = max(record.at_s, decided.ended_s)
    return Span(NAME, Kind.INTERNAL, place, "", record.at_s, end_s, said, links)


def _is_order(body: Any) -> bool:
    return "order" in body["inputs"]
