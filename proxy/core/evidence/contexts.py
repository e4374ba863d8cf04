"""Refusal by context of the prompt: its length, the depth of the conversation, the system prompt. Pure.

A context is a stratum KIND:NAME of `refusal_in` ("prompt:13", "turns:2", "system:9f2c..."). Each has a warning line
of its own against its own baseline, so that a fall at long prompts alone, or in one deployment alone, is named as such.
Together they share one test's part of the budget, and they warn at most: within a context the mix of harm categories
may move.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from proxy.core.baselines.baseline import Baseline
from proxy.core.evidence.findings import Finding, LineKind, Status
from proxy.core.evidence.signals import REFUSAL, REFUSAL_IN
from proxy.core.evidence.watches import Watch, drawn
from proxy.core.policies.policy import Policy

CONTEXTS_MAX: Final = 24  # lines; those with most baseline prompts
RATE_MIN: Final = 0.01  # no line lies lower
RATE_MAX: Final = 0.9999
_BANDS: Final = {  # of the prompt with all that was given to the model (`features.bands`)
    "short": "up to 1,023",
    "medium": "1,024 to 8,191",
    "long": "8,192 to 32,767",
    "very_long": "32,768 and more",
}


def planned(baseline: Baseline, policy: Policy) -> tuple[Watch, ...]:
    """A warning line for each context that the baseline knows well enough."""
    rules, share = policy.baseline, policy.lines.refusal_category.warning
    known = sorted(baseline.contexts.items(), key=lambda item: (-item[1].n, item[0]))
    lows = {
        name: min(RATE_MAX, tally.lower(rules.confidence)) for name, tally in known if tally.n >= rules.category_min
    }
    kept = [name for name, low in lows.items() if share * low >= RATE_MIN][:CONTEXTS_MAX]
    return tuple(_watch(name, share * lows[name], lows[name], baseline) for name in sorted(kept))


def _watch(name: str, m: float, low: float, baseline: Baseline) -> Watch:
    tally, lines = baseline.contexts[name], {name: m}
    table, mirror = drawn(REFUSAL_IN, lines)
    return Watch(
        f"{REFUSAL_IN}:{name}",
        REFUSAL_IN,
        REFUSAL_IN,
        lines,
        table,
        mirror,
        stratum=name,
        rates={name: tally.rate},
        limits={name: low},
        mix={name: tally.n},
        group=REFUSAL_IN,
        note=told(name),
    )


def told(name: str) -> str:
    """A context in words: "long prompts (8,192 to 32,767 characters)"."""
    kind, _, value = name.partition(":")
    if kind == "prompt":
        return f"{value.replace('_', ' ')} prompts" + (f" ({_BANDS[value]} characters)" if value in _BANDS else "")
    if kind == "turns":
        return f"conversations of {value} turns of the user"
    if kind == "system":
        return "prompts under any other system prompt" if value == "other" else f"prompts under system prompt {value}"
    return name


def singled_out(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """The findings, and of those on a context whether refusal falls there alone."""
    fallen = {one.stratum for one in _fallen(findings, REFUSAL_IN)}
    broad = any(True for _ in _fallen(findings, REFUSAL))
    return tuple(
        replace(one, note=f"only {one.note}") if one.stratum in fallen and _alone(one.stratum, fallen, broad) else one
        for one in findings
    )


def _fallen(findings: Iterable[Finding], metric: str) -> Iterable[Finding]:
    paging = (LineKind.WARNING, LineKind.CRITICAL)
    return (f for f in findings if f.metric == metric and f.line in paging and f.status is not Status.UNDECIDED)


def _alone(name: str, fallen: set[str], broad: bool) -> bool:
    """No other context of its kind fell, nor refusal over all."""
    kind = name.partition(":")[0]
    return not broad and not any(other != name and other.partition(":")[0] == kind for other in fallen)
