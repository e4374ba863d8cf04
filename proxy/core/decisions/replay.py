"""From a look and its outcome to an evidence record, and from the record back to the same outcome. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any, Final

from proxy.core.baselines import baseline as baselines
from proxy.core.baselines.baseline import Baseline
from proxy.core.decisions import ladder
from proxy.core.decisions.decide import Look, Pane, decide
from proxy.core.decisions.ladder import Command
from proxy.core.decisions.outcome import Context, Outcome
from proxy.core.decisions.record import Record, panes_from_json, panes_json, seal
from proxy.core.decisions.severity import Flags
from proxy.core.drift import as_json as drift_json
from proxy.core.drift.kinds import KINDS
from proxy.core.enforcement import Step
from proxy.core.errors import StateError
from proxy.core.evidence import canaries, findings, signals
from proxy.core.evidence import plan_json as plans
from proxy.core.evidence import state as states
from proxy.core.evidence.signals import ALL, TOXICITY_BIN, TRIGGER, read
from proxy.core.evidence.state import RouteState
from proxy.core.policies.policy import (
    BaselineRules,
    Blind,
    Budgets,
    DriftLine,
    Fault,
    HighLine,
    Limited,
    Line,
    Lines,
    Policy,
    RateLine,
    TailLine,
    TriggerLine,
)
from proxy.core.routes import Pin
from proxy.detectors.e_process import Key

_LINES: Final[Mapping[str, type]] = {"toxicity_p95": TailLine, "anomaly": RateLine, "trigger": TriggerLine}
_AS_IT_WAS: Final = {"tenant_rule": "off", "harmful_output_s": 0.0}  # in records of before these were there
USED: Final = signals.USED | frozenset(KINDS)


def record_of(look: Look, outcome: Outcome) -> Record:
    """The record of a decision on evidence. `outcome` has its findings."""
    context = look.context
    body = {"inputs": _look_json(look), "decision": _outcome_json(outcome)}
    return seal(context.route, context.now_s, body)


def record_of_order(
    before: RouteState, order: Command, context: Context, by: tuple[str, str], outcome: Outcome
) -> Record:
    """The record of an operator's order; `by` is who and why."""
    who, why = by
    inputs = {
        "order": order.value,
        "who": who,
        "why": why,
        "step": before.step.value,
        "would": before.would.value,
        "context": _context_json(context),
    }
    return seal(context.route, context.now_s, {"inputs": inputs, "decision": _outcome_json(outcome)})


def recompute(record: Record) -> dict[str, Any]:
    """The decision, computed again from the record's inputs and its stored tables. Raises StateError."""
    try:
        inputs = record.body["inputs"]
        if "order" in inputs:
            return _recompute_order(record.body)
        return _outcome_json(decide(_look(inputs)))
    except (KeyError, TypeError, ValueError) as wrong:
        raise StateError(f"evidence record {record.id} cannot be computed again: {wrong!r}") from wrong


def differences(record: Record) -> tuple[str, ...]:
    """The keys of the decision that come out otherwise than recorded; none where it holds. Raises StateError."""
    again, recorded = recompute(record), record.body["decision"]
    return tuple(sorted(key for key in {*again, *recorded} if again.get(key) != recorded.get(key)))


def _recompute_order(body: Mapping[str, Any]) -> dict[str, Any]:
    inputs = body["inputs"]
    move = ladder.command(Step(inputs["step"]), Command(inputs["order"]))
    again = {
        "step": move.step.value,
        "would": move.would.value,
        "action": move.action.value if move.action else None,
        "would_action": move.would_action.value if move.would_action else None,
    }
    return {**body["decision"], **again}


def _outcome_json(outcome: Outcome) -> dict[str, Any]:
    """The decision as plain JSON values, exactly as they are read back."""
    decision = {
        "phase": outcome.phase,
        "severity": outcome.severity,
        "step": outcome.step,
        "would": outcome.would,
        "action": outcome.action,
        "would_action": outcome.would_action,
        "reasons": outcome.reasons,
        "blind": outcome.blind,
        "skipped": outcome.skipped,
        "tests": outcome.tests,
        "recovered": outcome.recovered,
        "findings": [findings.to_json(finding) for finding in outcome.findings],
        **({"notes": outcome.notes} if outcome.notes else {}),
    }
    plain: dict[str, Any] = json.loads(json.dumps(decision))
    return plain


def _look_json(look: Look) -> dict[str, Any]:
    panes = [_trimmed(pane) for pane in look.panes]
    opened = None if look.open_pane is None else _trimmed(look.open_pane)
    used = frozenset(_keys([*panes, *([opened] if opened else [])]))
    text = look.context.policy_text
    return {
        "state": states.to_json(look.state),
        "panes": panes_json(panes),
        "open_pane": panes_json([opened])[0] if opened else None,
        "plan": {
            **plans.to_json(look.plan, used),
            "drift": drift_json.plan_json(look.plan.drift, [*panes, *([opened] if opened else [])]),
        },
        "baseline": None if look.baseline is None else baselines.to_json(look.baseline),
        "policy": asdict(look.policy),
        "policy_text": text,
        "policy_sha256": hashlib.sha256(text.encode()).hexdigest(),
        "context": _context_json(look.context),
    }


def _look(inputs: Mapping[str, Any]) -> Look:
    opened = inputs["open_pane"]
    return Look(
        state=states.from_json(inputs["state"]),
        panes=panes_from_json(inputs["panes"]),
        open_pane=None if opened is None else panes_from_json([opened])[0],
        plan=plans.from_json(inputs["plan"]),
        baseline=_baseline(inputs["baseline"]),
        policy=_policy(inputs["policy"]),
        context=_context(inputs["context"], inputs["policy_text"]),
    )


def _baseline(data: Any) -> Baseline | None:
    return None if data is None else baselines.from_json(data, "record")


def _policy(data: Mapping[str, Any]) -> Policy:
    return Policy(
        **{
            **_AS_IT_WAS,
            **data,
            "lines": _lines(data["lines"]),
            "budgets": Budgets(**data["budgets"]),
            "limited": Limited(**data["limited"]),
            "baseline": BaselineRules(**data["baseline"]),
            "blind": Blind(**data["blind"]),
            "fault": Fault(**data["fault"]),
        }
    )


def _lines(data: Mapping[str, Any]) -> Lines:
    """Records of before had fewer lines."""
    return Lines(**{name: _kind_of_line(name, one)(**one) for name, one in data.items()})


def _kind_of_line(name: str, data: Mapping[str, Any]) -> type:
    if "tolerance" in data:
        return DriftLine
    return _LINES.get(name, HighLine if "least" in data else Line)


def _context_json(context: Context) -> dict[str, Any]:
    plain = {key: value for key, value in asdict(context).items() if key != "policy_text"}
    return {**plain, "pin": context.pin.value, "versions": dict(context.versions)}


def _context(data: Mapping[str, Any], policy_text: str) -> Context:
    return Context(**{**data, "pin": Pin(data["pin"]), "flags": Flags(**data["flags"]), "policy_text": policy_text})


def _trimmed(pane: Pane) -> Pane:
    """A pane with the signals that take part in decisions, and no others."""
    number, counts = pane
    return number, {cell: count for cell, count in counts.items() if cell.signal in USED}


def _keys(panes: list[Pane]) -> Iterator[Key]:
    """Every key that any table is asked for."""
    for _, counts in panes:
        reading = read(counts)
        yield from reading.assessed
        yield from canaries.merged(reading)
        for signal, part in reading.parts.items():
            yield from part
            if signal in {TRIGGER, TOXICITY_BIN}:  # watched under one stratum
                yield from ((ALL, r, y) for _, r, _ in part for y in (0, 1))
