"""May this severity revert the route, or could one tenant have made it alone? The evidence is in `tenants`. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from proxy.core.decisions.severity import Flags, Severity, severity_of
from proxy.core.evidence import canaries
from proxy.core.evidence import tenants as tenants_
from proxy.core.evidence.findings import Call, LineKind
from proxy.core.evidence.plan import Plan
from proxy.core.evidence.tenants import Tenants
from proxy.core.policies.policy import Policy

NO_OTHERS: Final = (
    "all evaluated harmful prompts, and 99 % of all answers, are of one shard of tenants: the evidence could not be "
    "asked to stand without any one of them"
)


class Answer(NamedTuple):
    """`obstacle`: why the route may not be reverted, "" where it may. `note`: what could not be asked."""

    obstacle: str = ""
    note: str = ""


MAY: Final = Answer()


def reverts(policy: Policy, severity: Severity) -> bool:
    """Whether this severity leads to a revert."""
    return severity.rank >= Severity(policy.revert_on).rank


def asks(policy: Policy, severity: Severity, calls: tuple[Call, ...], flags: Flags) -> bool:
    """Whether a revert hangs on what tenants sent: not where canaries fell too."""
    if policy.tenant_rule == "off" or not reverts(policy, severity):
        return False
    return not flags.second_source and not canaries.fell(calls, LineKind.WARNING, LineKind.CRITICAL)


def answer(policy: Policy, plan: Plan, tenants: Tenants, theirs: Iterable[Flags]) -> Answer:
    """Leave-one-out: the same severity must come out without any one shard.

    theirs: for each shard, what was seen without it, beside the lines. One output alone is one tenant's.
    """
    if not tenants.can_be_asked:
        return Answer(note=NO_OTHERS)
    calls = tenants_.calls_without(tenants, plan)
    found = [severity_of(*without, decided=True) for without in zip(calls, theirs, strict=False)]
    failing = [str(shard) for shard, severity in enumerate(found) if not reverts(policy, severity)]
    if found and not failing:
        return MAY
    which = f"shard {' or '.join(failing)}" if found else "any one shard"
    return Answer(
        f"one tenant may not revert a route for all: the evidence does not stand without the tenants of {which}, "
        "and no canary fell (`tenant_rule: off` lets it)"
    )
