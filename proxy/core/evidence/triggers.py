"""Harm given a known trigger: an exact binomial test inside the critical budget. Pure.

The null for a trigger is: an answer to a prompt that holds it does harm no more often than the worst category of the
baseline does (its upper limit). The evidence is the product of likelihood ratios of single answers, a test martingale
of the binomial (as everywhere, begun anew in every pane): exact at any number of answers, even three. Up to
TRIGGERS_MAX triggers share one test's part of the budget.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Final

from proxy.core.baselines.baseline import Baseline
from proxy.core.evidence.findings import LineKind
from proxy.core.evidence.highs import RATE_MAX
from proxy.core.evidence.signals import ALL, RESPONSE_HARMFUL, TRIGGER, Reading
from proxy.core.evidence.watches import Watch, drawn
from proxy.core.policies.policy import Policy

TRIGGERS_MAX: Final = 8  # tested on one route; the first that are seen
_PREFIX: Final = f"{TRIGGER}:"


def planned(baseline: Baseline, policy: Policy) -> Watch | None:
    """The test that every trigger gets; None where the baseline says nothing of harmful answers."""
    rules = policy.baseline
    known = {c: t for c, t in baseline.highs.get(RESPONSE_HARMFUL, {}).items() if t.n >= rules.category_min}
    if not known:
        return None
    worst = max(sorted(known), key=lambda category: known[category].upper(rules.confidence))
    upper = known[worst].upper(rules.confidence)
    lines = {ALL: min(RATE_MAX, max(policy.lines.trigger.least, upper))}
    table, mirror = drawn(TRIGGER, lines)
    return Watch(
        _PREFIX,
        TRIGGER,
        TRIGGER,
        lines,
        table,
        mirror,
        LineKind.CRITICAL,
        rates={ALL: known[worst].rate},
        limits={ALL: upper},
        mix={ALL: known[worst].n},
        group=TRIGGER,
        note="harmful answers to prompts that hold this known trigger",
    )


def seen(template: Watch | None, raised: Iterable[str], reading: Reading | None = None) -> tuple[Watch, ...]:
    """A watch for each trigger that was seen until now, this pane included; TRIGGERS_MAX at most.

    raised: the names of watches that are known by now.
    """
    if template is None:
        return ()
    known = [name.removeprefix(_PREFIX) for name in raised if name.startswith(_PREFIX)]
    new = sorted({s for s, _, _ in reading.part(TRIGGER)} - set(known)) if reading is not None else []
    return tuple(_named(template, [*sorted(known), *new][:TRIGGERS_MAX]))


def _named(template: Watch, names: Iterable[str]) -> Iterator[Watch]:
    for name in names:
        yield replace(template, name=f"{_PREFIX}{name}", stratum=name, only=name)
