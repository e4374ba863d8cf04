"""Evidence records, from which a decision is computed again; the journal; what policies said."""

from __future__ import annotations

from typing import Final

from proxy.inventory.declared import OPERATORS, RECORD_LIFE, Kept, fields

_RECORD: Final = "store, records of kind `decision` and `shadow`; `groundwire explain ID --json`"


def _part(type_: str, title: str, purpose: str, text: str) -> Kept:
    return Kept(type_, title, _RECORD, purpose, RECORD_LIFE, OPERATORS, fields(text))


RECORDS: Final = (
    _part(
        "proxy.core.decisions.record:Record",
        "An evidence record",
        "Why a decision was taken. About 120 KB, 480 KB where all eight weights occur, at most 8 MiB.",
        """
        id: digest of its content
        at_s: when
        route: route
        body: inputs and decision, as below; for an order **name of the operator** and reason
        """,
    ),
    _part(
        "proxy.core.decisions.decide:Look",
        "What was looked at",
        "Inputs of the decision.",
        """
        state: before
        panes: counts that took part
        open_pane: counts of now
        plan: lines, limits and tables
        baseline: counts
        policy: values and text
        context: what else was true
        """,
    ),
    _part(
        "proxy.core.decisions.outcome:Context",
        "What else was true",
        "Inputs besides counts.",
        """
        route: route
        model: candidate
        now_s: time of the look
        pane_s: length of a pane
        armed: whether the base passed its check
        unarmed_reason: why not
        enforce: an operator's word
        held: why actions were held; may hold the **name of an operator**
        pin: by config
        flags: evidence from elsewhere
        policy_text: text of the policy
        versions: of program and judge
        stale: why the baseline is
        routes: how many share the budget
        """,
    ),
    _part(
        "proxy.core.decisions.severity:Flags",
        "Flags",
        "Evidence that is no rate.",
        """
        harmful_output: one was seen
        triggered_harm: proved
        second_source: canaries agree
        """,
    ),
    _part(
        "proxy.core.decisions.outcome:Outcome",
        "The decision",
        "What was found and done.",
        """
        state: after; not in the record
        phase: learning, watching, blind
        findings: each line
        severity: severity
        step: in force
        would: if enforced
        action: done
        would_action: not done
        reasons: why not
        blind: why
        skipped: categories without lines
        tests: how many of each kind
        recovered: proved
        enforcement: for traffic; not in the record
        baseline: that was learnt; not in the record
        record: the record itself
        notes: what came along, in words
        """,
    ),
    _part(
        "proxy.core.evidence.findings:Finding",
        "A finding",
        "One line of one metric.",
        """
        metric: metric
        stratum: category, shard or context
        line: changed, warning, critical
        status: verdict
        m: the line
        baseline: rate
        baseline_low: its limit
        ln_odds: evidence
        ln_limit: what it must reach
        estimate: rate since
        bound: proved
        since_pane: time of the change
        crossed_pane: time of the call
        guard: probability
        detail: which bins, in words
        note: in words
        cause: kind of drift
        """,
    ),
    _part(
        "proxy.core.evidence.findings:Estimate",
        "An estimate",
        "A rate with its interval.",
        """
        rate: rate
        low: interval
        high: interval
        n: observations
        n_eff: what they are worth
        """,
    ),
    _part(
        "proxy.core.evidence.plan:Plan",
        "A plan",
        "Lines, limits and integer tables.",
        """
        tests: of refusal
        recoveries: mirrored
        blind: test
        sighted: mirrored
        limits: by kind of line
        log_recovery: limit
        log_blind: limit
        rates: of the baseline
        mix: of the baseline
        skipped: categories
        guard_probability: of the policy
        id: digest
        watches: of other rates
        trigger: exact test
        routes: how many share the budget
        drift: lines of drift
        """,
    ),
    _part(
        "proxy.core.evidence.plan:Test",
        "A test",
        "One line of one stratum.",
        """
        stratum: stratum
        line: kind
        lines: rates
        table: logarithms
        metric: metric
        guards: rates that the guarded form asks about
        """,
    ),
    _part(
        "proxy.core.evidence.watches:Watch",
        "A line of another rate",
        "As a test.",
        """
        name: name
        metric: metric
        signal: cells that it reads
        lines: rates
        table: logarithms
        mirror: logarithms
        line: kind
        stratum: stratum
        rates: of the baseline
        limits: of the baseline
        mix: of the baseline
        log_limit: limit
        group: shares a budget with
        above: bins from this place on count
        only: one stratum alone
        note: in words
        proves: whether findings have a proved bound
        """,
    ),
    _part(
        "proxy.core.drift.lines:DriftPlan",
        "Lines of drift",
        "By signal.",
        """
        watched: signals
        log_limit: limit
        log_recovery: limit
        pane_s: length of a pane
        rows: of tables
        proves: whether findings have a proved bound
        """,
    ),
    _part(
        "proxy.core.drift.lines:Watched",
        "A signal of drift",
        "Its groups and lines.",
        """
        groupings: of bins
        tests: of groups
        bounds: lines by hour
        shapes: of the baseline
        rules: tolerance
        id: digest
        """,
    ),
    _part(
        "proxy.core.drift.groups:Grouping",
        "Groups of bins",
        "What is compared.",
        """
        part: of the shape
        names: bins
        starts: first bins
        """,
    ),
    _part(
        "proxy.core.drift.lines:Test",
        "A test of a group",
        "One share.",
        """
        histogram: grouping
        group: number
        direction: high or low
        """,
    ),
    _part(
        "proxy.core.drift.lines:Bound",
        "A line of a group",
        "A share.",
        """
        line: line
        share: of the baseline
        limit: of the baseline
        """,
    ),
    Kept(
        "",
        "The journal",
        "store, records of kind `log`; `groundwire log`",
        "Who changed what, and why.",
        RECORD_LIFE,
        OPERATORS,
        fields("""
            at_s: when
            actor: **name of the operator**, or groundwire
            action: what
            route: where
            reason: the reason given
        """),
    ),
    Kept(
        "proxy.core.policies.diff:Stand",
        "What a policy said",
        "store, records of kind `stand`; `groundwire policy diff`",
        "To compare a shadow with the live policy.",
        RECORD_LIFE,
        OPERATORS,
        fields("""
            at_s: when
            severity: severity
            step: if enforced
            record_id: evidence
        """),
    ),
    Kept(
        "proxy.core.policies.policy:Policy",
        "A policy",
        "policy files; evidence records (values and text)",
        "The operator's own words; each key is in policies/schema.json.",
        f"as its file; records {RECORD_LIFE}",
        OPERATORS,
        fields("""
            mode: shadow or enforce
            revert_on: severity
            guard_probability: of the guarded form
            tenant_rule: what a revert needs of tenant shards
            harmful_output_s: how long one counts
            duplicate_memory_s: how long a prompt is remembered
            lines: lines of metrics
            budgets: of false alarms
            limited: rate limit
            baseline: what one needs
            blind: when a route is
            fault: when the monitor is suspected
        """),
    ),
)
