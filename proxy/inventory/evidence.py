"""The state of a route's tests: integers, and nothing else that came from traffic."""

from __future__ import annotations

from typing import Final

from proxy.inventory.declared import OPERATORS, RECORD_LIFE, STATE_LIFE, Kept, fields

_STATE: Final = "in a route's state, a shadow's state, and evidence records"
_LIFE: Final = f"{STATE_LIFE}; records {RECORD_LIFE}"


def _part(type_: str, title: str, purpose: str, text: str) -> Kept:
    return Kept(type_, title, _STATE, purpose, _LIFE, OPERATORS, fields(text))


EVIDENCE: Final = (
    _part(
        "proxy.core.evidence.state:RouteState",
        "Evidence and ladder of a route",
        "All that is remembered between two looks.",
        """
        last_pane: last pane that was consumed
        seen_pane: last pane with an evaluated answer
        step: in force
        would: where an enforcing policy would stand
        severity: now
        record_id: evidence of the last change
        reason: in words
        since_s: of the last change
        evidence: tests of refusal
        sight: test of blindness
        learning: baseline in the making
        raised: tests of rates that are bad when high
        drifts: tests of drift
        tenants: evidence by tenant shard
        harmful_pane: last single harmful output
        steady: panes without a finding
        """,
    ),
    _part(
        "proxy.core.evidence.refusal:Evidence",
        "Tests of refusal",
        "Every line of every category.",
        """
        plan_id: lines and limits that they belong to
        lines: state of each line
        recoveries: mirrored tests
        panes: how many entered
        unlined: categories without a line
        """,
    ),
    _part(
        "proxy.core.evidence.refusal:LineState",
        "One test",
        "Its bets and its verdict.",
        """
        bets: evidence
        status: undecided, guarded, crossed
        crossed_pane: when
        """,
    ),
    _part(
        "proxy.detectors.e_process:Bet",
        "A bet",
        "Evidence in fixed point.",
        """
        log_r: logarithm
        climb: best since its beginning
        start: pane of the beginning
        sums: counts since
        """,
    ),
    _part(
        "proxy.core.decisions.blindness:Sight",
        "Sight",
        "Whether answers can still be assessed.",
        """
        bets: that the share halved
        mirror: that it did not
        halved: verdict
        """,
    ),
    _part(
        "proxy.core.baselines.learning:Learning",
        "A baseline in the making",
        "Counts of live traffic.",
        """
        refusals: by category
        assessed: of answers
        tallied: other rates
        shapes: bins
        judge: version of the judge
        after_pane: begins after
        """,
    ),
    _part(
        "proxy.core.evidence.estimates:Sums",
        "Weighted sums",
        "A rate in the making.",
        """
        positives: weighted
        weight: of all
        squares: of weights
        n: observations
        """,
    ),
    _part(
        "proxy.core.evidence.watches:Raised",
        "A test of one rate",
        "A line that is bad when high, and others of one rate.",
        """
        bets: evidence
        mirror: evidence of recovery
        crossed_pane: when
        """,
    ),
    _part(
        "proxy.core.drift.shares:Drifted",
        "A test of drift",
        "Of one signal.",
        """
        id: lines that it belongs to
        tracks: evidence
        crossed_pane: when
        led: the part that gave the alarm
        mirror: evidence of recovery
        odds: at the alarm
        leader: the part that leads now
        """,
    ),
    _part(
        "proxy.core.drift.shares:Track",
        "Evidence of one part",
        "In fixed point.",
        """
        logs: logarithms
        climb: best since its beginning
        start: pane of the beginning
        seen: counts since, by weight, outside the group and inside it
        older: sums of those before, where an older state kept no more
        """,
    ),
    _part(
        "proxy.core.evidence.tenants:Tenants",
        "Evidence by tenant shard",
        "One tenant may not revert a route for all.",
        """
        seen: counts of harmful prompts by shard, 0 to 3
        left_out: evidence with one shard left out
        answered: counts of answers by shard
        harmed: last pane with a harmful output, by shard
        """,
    ),
)
