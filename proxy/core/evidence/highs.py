"""The lines of rates that are bad when high: toxic, harmful and leaking answers, and anomalous ones. Pure.

Lines are drawn from the upper limit of the baseline's rate, so that a false-alarm statement holds although the
baseline is itself an estimate. How they are tested is in `watches`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from proxy.core.baselines.baseline import Baseline, Tally
from proxy.core.evidence.findings import LineKind
from proxy.core.evidence.signals import ALL, ANOMALY, HIGHS
from proxy.core.evidence.watches import Watch, drawn
from proxy.core.policies.policy import HighLine, Policy

RATE_MAX: Final = 0.5  # a line above it could not be crossed by anything that is rare


def planned(baseline: Baseline, policy: Policy) -> tuple[Watch, ...]:
    """The lines that this baseline allows. A category with little of it, or a line that is too high, takes no part."""
    found = (one for signal in HIGHS for one in _of_signal(signal, baseline.highs.get(signal, {}), policy))
    return (*(one for one in found if one.lines), *_anomalies(baseline, policy))


def _of_signal(signal: str, tallies: Mapping[str, Tally], policy: Policy) -> Iterator[Watch]:
    line: HighLine = getattr(policy.lines, signal)
    rules = policy.baseline
    known = {category: tally for category, tally in sorted(tallies.items()) if tally.n >= rules.category_min}
    uppers = {category: tally.upper(rules.confidence) for category, tally in known.items()}
    for kind, factor in ((LineKind.WARNING, line.warning), (LineKind.CRITICAL, line.critical)):
        if factor:
            least = line.least * factor / line.warning
            lines = {category: max(least, factor * upper) for category, upper in uppers.items()}
            yield _watch(signal, kind, {c: m for c, m in lines.items() if m <= RATE_MAX}, (known, uppers))


def _watch(
    signal: str, kind: LineKind, lines: Mapping[str, float], of: tuple[Mapping[str, Tally], Mapping[str, float]]
) -> Watch:
    known, uppers = of
    table, mirror = drawn(signal, lines)
    return Watch(
        name_of(signal, kind),
        signal,
        signal,
        lines,
        table,
        mirror,
        kind,
        rates={category: known[category].rate for category in lines},
        limits={category: uppers[category] for category in lines},
        mix={category: known[category].n for category in lines},
    )


def name_of(metric: str, kind: LineKind) -> str:
    """The name of a line in a state. (A warning line is called as its metric is, since it was the only one once.)"""
    return metric if kind is LineKind.WARNING else f"{metric}/{kind}"


def _anomalies(baseline: Baseline, policy: Policy) -> Iterator[Watch]:
    """Fixed rates. Where the flag fires that often in the baseline itself, the line would be met by noise: none."""
    tally, confidence = baseline.anomaly, policy.baseline.confidence
    if tally.n < policy.baseline.category_min:
        return
    line = policy.lines.anomaly
    for kind, m in ((LineKind.WARNING, line.warning), (LineKind.CRITICAL, line.critical)):
        if tally.lower(confidence) < m:
            yield _watch(ANOMALY, kind, {ALL: m}, ({ALL: tally}, {ALL: tally.upper(confidence)}))
