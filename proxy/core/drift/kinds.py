"""Four kinds of drift told apart (R5.1): of the input, of the output, of safety, of performance. Pure.

A signal belongs to one kind. What moved together says more than each alone: an output that moves while the input stays
put speaks of the model, one that moves with it may only follow. Canaries settle it, where there are some: they are the
same prompts for ever, so that a fall of their refusals is the model's doing, and their steadiness the prompts'.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from proxy.core.evidence.findings import Finding, LineKind, Status

CANARY: Final = "canary"


class Kind(StrEnum):
    """What moved."""

    INPUT = "input"
    OUTPUT = "output"
    SAFETY = "safety"
    PERFORMANCE = "performance"


_INPUTS: Final = ("prompt_length", "prompt_script", "topic", "harm_share", "attack", "prompt_embedding")
_OUTPUTS: Final = ("length", "diversity", "formatting", "script", "embedding", "tool_use", "hedging", "inconsistent")
_PERFORMANCE: Final = (
    *("finish", "ttft", "latency", "tokens_per_s"),
    *("json_valid", "tool_parse", "regenerated", "feedback"),
)
KINDS: Final[Mapping[str, Kind]] = {
    **dict.fromkeys(_INPUTS, Kind.INPUT),
    **dict.fromkeys(_OUTPUTS, Kind.OUTPUT),
    **dict.fromkeys(_PERFORMANCE, Kind.PERFORMANCE),
}


def kind_of(signal: str) -> Kind:
    """The kind of a signal; whatever is no drift signal is of safety."""
    return KINDS.get(signal, Kind.SAFETY)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What moved, and what that says.

    `signals`: by kind, those whose line is crossed. `model_moved`: what canaries say; None where they say nothing
    (there are none, or nothing else moved).
    """

    signals: Mapping[Kind, tuple[str, ...]]
    model_moved: bool | None = None

    @property
    def input_moved(self) -> bool:
        """Whether a signal of the input crossed its line."""
        return Kind.INPUT in self.signals

    @property
    def text(self) -> str:
        """For people; "" where nothing moved."""
        return "; ".join(part for part in (self._moved(), self._reason()) if part)

    def _moved(self) -> str:
        return ", ".join(f"{kind} drift ({' '.join(names)})" for kind, names in self.signals.items())

    def _reason(self) -> str:
        if not self.signals.keys() & {Kind.OUTPUT, Kind.SAFETY}:
            return ""
        if self.model_moved is not None:
            return "canaries fell too: the model changed" if self.model_moved else "canaries stand: the prompts changed"
        return "the input moved too: it may be the cause" if self.input_moved else "without a change of the input"


def drift_text(findings: Iterable[Finding]) -> str:
    """`Verdict.text` of these findings."""
    findings = tuple(findings)
    return told_apart(findings, has_canaries=any(finding.metric == CANARY for finding in findings)).text


def told_apart(findings: Iterable[Finding], *, has_canaries: bool = False) -> Verdict:
    """What the findings of one look amount to. `has_canaries`: canaries have lines of their own among them."""
    called = [one for one in findings if one.status is not Status.UNDECIDED and one.line is not LineKind.CHANGED]
    moved: dict[Kind, dict[str, None]] = {}
    for finding in called:
        if finding.metric != CANARY:
            moved.setdefault(kind_of(finding.metric), {})[finding.metric] = None
    fell = any(finding.metric == CANARY for finding in called)
    knows = has_canaries and bool(moved.keys() & {Kind.OUTPUT, Kind.SAFETY})
    return Verdict({kind: tuple(moved[kind]) for kind in Kind if kind in moved}, fell if knows else None)
