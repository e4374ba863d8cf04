"""A record as plain JSON values for programs: the same facts that `explain` says in words. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from proxy.core.decisions.record import Record, sharing
from proxy.core.decisions.shapes import shapes_of
from proxy.core.evidence.signals import REFUSAL
from proxy.core.windows import SCALE


def explained(record: Record) -> dict[str, Any]:
    """What was decided, on what, and what was done.

    Rates are in [0, 1], odds natural logarithms, times Unix seconds. `weights`: observations of refusal in the panes
    of this look by their weight, relative to the heaviest. `group`: of a drift signal, whose share it is, and the side
    of the line that is bad ("above 09-10"). `shapes`: as in
    `drift.apart`, the furthest first. An operator's order has no findings, and `ordered` instead.
    """
    decision, inputs = record.body["decision"], record.body["inputs"]
    told = {
        "route": record.route,
        "at_s": record.at_s,
        "done": _done(decision),
        "not_done": list(decision["reasons"]),
        "severity": decision["severity"],
        "step": decision["step"],
        "would_step": decision["would"],
        "versions": dict(inputs["context"]["versions"]),
    }
    if "order" in inputs:
        return {**told, "ordered": {key: inputs[key] for key in ("order", "who", "why")}}
    pane_s = inputs["context"]["pane_s"]
    return {
        **told,
        "findings": [_finding(one, pane_s, sharing(one, inputs, decision)) for one in decision["findings"]],
        "shapes": [{"signal": name, **asdict(one)} for name, one in shapes_of(record).items()],
        "weights": _weights(inputs),
        "baseline": inputs["baseline"],
        "policy": {"sha256": inputs["policy_sha256"], "mode": inputs["policy"]["mode"], "plan": inputs["plan"]["id"]},
    }


def _done(decision: Mapping[str, Any]) -> dict[str, Any]:
    return {"action": decision["action"], "would_action": decision["would_action"]}


def _finding(finding: Mapping[str, Any], pane_s: float, tests: int) -> dict[str, Any]:
    estimate = finding["estimate"] or {}
    return {
        **{key: finding[key] for key in ("metric", "stratum", "line", "status")},
        "group": finding.get("detail", ""),
        "at": finding["m"],
        "baseline": finding["baseline"],
        "baseline_limit": finding["baseline_low"],
        "proved_bound": finding["bound"],
        "estimate": estimate.get("rate"),
        "interval_95": [estimate["low"], estimate["high"]] if estimate else None,
        "n": estimate.get("n", 0.0),
        "n_eff": estimate.get("n_eff", 0.0),
        "odds_ln": finding["ln_odds"],
        "limit_ln": finding["ln_limit"],
        "tests": tests,
        "guard_probability": finding["guard"],
        "change_s": _time(finding["since_pane"], pane_s),
        "called_s": _time(finding["crossed_pane"], pane_s),
    }


def _time(pane: int | None, pane_s: float) -> float | None:
    return None if pane is None else pane * pane_s


def _weights(inputs: Mapping[str, Any]) -> dict[str, float]:
    seen: Counter[int] = Counter()
    opened = inputs["open_pane"]
    for _, cells in (*inputs["panes"], *([opened] if opened else [])):
        for signal, _, r, _, count in cells:
            if signal == REFUSAL:
                seen[r] += count
    return {f"{2.0**-r:g}": count / SCALE for r, count in sorted(seen.items())}
