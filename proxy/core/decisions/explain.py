"""A record in plain words: what was found, how sure, since when, and what was or would have been done. Pure.

Two words that must not be mixed: no text says "critical" alone; it says "critical line" or "severity critical".
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from proxy.core.decisions.record import Record, sharing
from proxy.core.decisions.shapes import shapes_of
from proxy.core.evidence.contexts import told
from proxy.core.evidence.findings import BAD_WHEN_LOW, bad_side
from proxy.core.evidence.signals import REFUSAL_IN, TRIGGER

DONE: Final = {
    "watch": "is watched",
    "limit": "is rate-limited",
    "revert": "is reverted to its base",
    "lift": "is eased to step {step}",
    "restore": "is restored to its candidate",
    "offline": "is taken offline",
}
WOULD: Final = {
    "watch": "would be watched",
    "limit": "would be rate-limited",
    "revert": "would be reverted to its base",
    "lift": "would be eased to step {step}",
    "restore": "would be restored",
    "offline": "would be taken offline",
}
CAUSES: Final = {
    "model": "the canaries fell too: the model changed",
    "prompts": "the canaries are steady: the prompts changed, not the model",
}
WORDS: Final = {"canary": "Refusal of canaries", "toxicity_p95": "Toxicity, 95th percentile,"}
SHAPES_MAX: Final = 3  # lines of shapes
WEIGHT_OF_LINE: Final = ("critical", "warning", "changed")


def explain(record: Record) -> str:
    """Several lines for a terminal."""
    return "\n".join(_lines(record))


def one_line(record: Record) -> str:
    """One sentence: the `reason` of an enforcement and of a log line."""
    decision, inputs = record.body["decision"], record.body["inputs"]
    if "order" in inputs:
        return f"{inputs['who']} ordered {inputs['order']}: {inputs['why']}"
    found = _worst(decision)
    head = f"severity {decision['severity']}"
    if decision["recovered"]:
        return f"{head}: recovery proved for {', '.join(decision['recovered'])}"
    return f"{head}: {_short(found)}" if found else f"{head}: {_without_finding(record)}"


def _lines(record: Record) -> Iterator[str]:
    decision, inputs = record.body["decision"], record.body["inputs"]
    context = inputs["context"]
    yield f"Decision {record.id}, {_time(record.at_s)}"
    yield f"Route {record.route} {_what(decision)}."
    if "order" in inputs:
        yield f"  Ordered by {inputs['who']}: {inputs['why']}"
        return
    if "shadow" in record.body:
        yield f"  Said by shadow policy {record.body['shadow']['policy']}, which changes nothing."
    yield f"  Severity {decision['severity']}; candidate {context['model']}; step {decision['step']}."
    yield from (f"  Not done: {reason}." for reason in decision["reasons"])
    yield from (f"  Recovery proved: {_recovered(name, decision)}." for name in decision["recovered"])
    yield from (f"  Note: {note}." for note in decision.get("notes", ()))
    yield from (f"  Flag: {name.replace('_', ' ')}." for name, is_set in context["flags"].items() if is_set)
    if decision["blind"]:
        yield f"  Blind: {decision['blind']}."
    for finding in _found(decision):
        yield from _paragraph(finding, inputs, decision)
    yield from _shapes(record)
    yield from _basis(inputs, decision)


def _what(decision: Mapping[str, Any]) -> str:
    if decision["action"]:
        return DONE[decision["action"]].format(step=decision["step"])
    if decision["would_action"]:
        return WOULD[decision["would_action"]].format(step=decision["would"])
    return f"stays at step {decision['step']}"


def _paragraph(finding: Mapping[str, Any], inputs: Mapping[str, Any], decision: Mapping[str, Any]) -> Iterator[str]:
    pane_s, limit = inputs["context"]["pane_s"], "at least" if _side(finding) == "below" else "at most"
    what = "evaluated harmful prompts" if finding["metric"] in BAD_WHEN_LOW else "answers"
    yield ""
    yield f"  {_claim(finding)}"
    if finding.get("note"):
        yield f"    of         {finding['note']}"
    if finding.get("cause"):
        yield f"    cause      {CAUSES[finding['cause']]}"
    if finding["bound"] is not None:
        yield f"    proved     {_proved(finding)}"
    estimate = finding["estimate"]
    if estimate is not None:
        yield f"    estimate   {estimate['rate']:.3f}, 95 % interval {estimate['low']:.3f} to {estimate['high']:.3f}"
        yield f"    seen       {estimate['n']:.0f} {what}, worth {estimate['n_eff']:.0f} (n_eff)"
    yield f"    line       {finding['m']:.3f}"
    yield f"    baseline   {finding['baseline']:.3f}, {limit} {finding['baseline_low']:.3f}"
    odds = f"{_odds(finding['ln_odds'])} : {_odds(finding['ln_limit'])}"
    yield f"    odds       {odds}, {_budget(finding, inputs, decision)}"
    if finding["status"] == "guarded":
        yield f"    guard      probability {finding['guard']:.3f} that the rate is below the critical line"
    if finding["since_pane"] is not None:
        yield f"    began      {_time(finding['since_pane'] * pane_s)}"
    if finding["crossed_pane"] is not None:
        yield f"    called     {_time(finding['crossed_pane'] * pane_s)}"


def _claim(finding: Mapping[str, Any]) -> str:
    where = _where(finding)
    if finding["status"] == "guarded":
        return f"{where}: surely below its warning line, probably below its critical line"
    if finding["line"] == "changed":
        return f"{where}: below its baseline"
    return f"{where}: {_side(finding)} its {finding['line']} line"


def _where(finding: Mapping[str, Any]) -> str:
    metric, stratum = finding["metric"], finding["stratum"]
    if metric == REFUSAL_IN:
        return f"Refusal of {told(stratum)}"
    if metric == TRIGGER:
        return f"Harm given trigger {stratum}"
    named = WORDS.get(metric, metric.replace("_", " ").capitalize())
    if finding.get("detail"):  # of drift: the group of bins that leads, after its side
        return f"{named}, share of {finding['detail'].partition(' ')[2]}"
    return f"{named} {'overall' if stratum == 'overall' else 'of category ' + stratum}"


def _recovered(name: str, decision: Mapping[str, Any]) -> str:
    """A stratum of refusal, or the name of a line that says its metric itself."""
    strata = {f["stratum"] for f in decision["findings"] if f["metric"] == "refusal"}
    return f"refusal {name}" if name in strata else name.replace("_", " ").replace("/", ", ")


def _short(finding: Mapping[str, Any]) -> str:
    what = "prompts" if finding["metric"] in BAD_WHEN_LOW else "answers"
    parts = [_claim(finding), f"{finding['line']} line {finding['m']:.3f}"]
    if finding["bound"] is not None:
        parts.append(f"proved {_proved(finding)}")
    if finding["estimate"] is not None:
        parts.append(f"estimate {finding['estimate']['rate']:.3f} over {finding['estimate']['n']:.0f} {what}")
    parts.append(f"odds {_odds(finding['ln_odds'])} : {_odds(finding['ln_limit'])}")
    return "; ".join(parts)


def _proved(finding: Mapping[str, Any]) -> str:
    return f"{_side(finding)} {finding['bound']:.3f}"


def _side(finding: Mapping[str, Any]) -> str:
    return bad_side(finding["metric"], finding.get("detail", ""))


def _without_finding(record: Record) -> str:
    flags = record.body["inputs"]["context"]["flags"]
    named = [name.replace("_", " ") for name, is_set in flags.items() if is_set]
    named += record.body["decision"].get("notes", ())
    return ", ".join(named) if named else "no line is crossed"


def _found(decision: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The heaviest line of each stratum that is not undecided: the heaviest first, overall first."""
    heaviest: dict[tuple[str, str], Mapping[str, Any]] = {}
    for finding in sorted(decision["findings"], key=lambda finding: WEIGHT_OF_LINE.index(finding["line"])):
        if finding["status"] != "undecided":
            heaviest.setdefault((finding["metric"], finding["stratum"]), finding)
    return list(heaviest.values())


def _worst(decision: Mapping[str, Any]) -> Mapping[str, Any] | None:
    found = [finding for finding in _found(decision) if finding["line"] != "changed"]
    strict = [finding for finding in found if finding["line"] == "critical" and finding["status"] == "crossed"]
    return next(iter(strict or found), None)


def _budget(finding: Mapping[str, Any], inputs: Mapping[str, Any], decision: Mapping[str, Any]) -> str:
    is_drift, routes = bool(finding.get("detail")), inputs["plan"].get("routes", 1)
    days = inputs["policy"]["budgets"]["drift_s" if is_drift else f"{finding['line']}_s"] / 86_400.0
    sharers = "signals of drift" if is_drift else f"{finding['line']} lines"
    over = f"{sharing(finding, inputs, decision)} {sharers}" + (f" on each of {routes} routes" if routes > 1 else "")
    return f"at most one false alarm in {days:.0f} days over {over}"


def _shapes(record: Record) -> Iterator[str]:
    """The shapes that are further from the baseline's than chance takes them; the furthest few."""
    told = [(name, one) for name, one in shapes_of(record).items() if one.tells][:SHAPES_MAX]
    if told:
        yield ""
        yield "  Shapes of these panes, furthest from the baseline's first:"
    for name, one in told:
        of = "of all hours" if one.hour is None else f"of hour {one.hour} of the week"
        yield f"    {name:<16} JS {one.js_bits:.3f} bits, KL {one.kl_bits:.3f}; worth {one.n_eff:.0f}; baseline {of}"


def _basis(inputs: Mapping[str, Any], decision: Mapping[str, Any]) -> Iterator[str]:
    """What it rests on: baseline, weights, policy, versions."""
    baseline = inputs["baseline"]
    yield ""
    if baseline is not None:
        n = sum(pair[1] for pair in baseline["refusals"].values())
        kind = f"{baseline['standing']}, {baseline['kind']}"
        yield f"  Baseline: {kind}, {n} evaluated harmful prompts; {baseline['why']}"
    yield from (f"  Without lines: {text}." for text in decision["skipped"])
    yield f"  Policy: {_mode(inputs)}, text SHA-256 {inputs['policy_sha256'][:16]}"
    versions = inputs["context"]["versions"]
    if versions:
        yield "  Versions: " + ", ".join(f"{name} {version}" for name, version in sorted(versions.items()))
    yield f"  Weights: a response counts 1 / its chance of being sampled; plan {inputs['plan']['id'] or 'none'}"


def _mode(inputs: Mapping[str, Any]) -> str:
    """The mode that held: an operator's word on this route goes before the policy's."""
    switched = inputs["context"]["enforce"]
    if switched is None:
        return f"mode {inputs['policy']['mode']}"
    word = "enforce for this route (armed" if switched else "shadow for this route (set"
    return f"mode {word} by an operator)"


def _odds(ln: float) -> str:
    """exp(ln) in three digits, for a number that may be too large or too small for a float."""
    if ln < -20.0:
        return "0"
    power = math.floor(ln / math.log(10.0))
    if -3 <= power < 6:
        return f"{math.exp(ln):.3g}"
    return f"{math.exp(ln - power * math.log(10.0)):.1f}e{power}"


def _time(at_s: float) -> str:
    return datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
