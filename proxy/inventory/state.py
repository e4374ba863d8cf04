"""Of routes, in the store (embedded file or Redis) and in files of the state folder."""

from __future__ import annotations

from typing import Final

from proxy.inventory.declared import OPERATORS, PROCESSES, RECORD_LIFE, STATE_LIFE, Kept, fields

_ROUTE: Final = "store, state `route/NAME`; a copy in `groundwire.state/`"
_FILE: Final = "file `enforcement.json` in `state_dir`; Unix socket to traffic"

STATE: Final = (
    Kept(
        "proxy.core.windows:Cell",
        "Counters",
        "store, counters by route, served model and pane; docs/redis-keys.md",
        "All evidence: integers that add up over replicas. No text, no user, no prompt.",
        "`analysis.panes_kept_max` panes",
        OPERATORS,
        fields("""
            signal: what is counted
            stratum: harm category, bin, band, shard or reason
            r: weight level
            y: outcome
        """),
    ),
    Kept(
        "proxy.stores.contract:First",
        "Prompts that counted",
        "store: keyed hashes (embedded) or bits at places that they name (Redis)",
        "A prompt counts once in `duplicate_memory_s`, whichever replica saw it.",
        "twice `duplicate_memory_s` (10 minutes by default)",
        OPERATORS,
        fields("""
            marks: HMACs of the prompt under the rotating keys of now, and of before for a while
            at_s: when it counted
            memory_s: for how long
            fresh: its counts if it is new
            instead: its counts if another replica had it
        """),
    ),
    Kept(
        "proxy.control.entry:Entry",
        "A route",
        _ROUTE,
        "Everything that was decided about a route, in one value.",
        STATE_LIFE,
        OPERATORS,
        fields("""
            route: names, candidate, base, pin
            root: what the candidate was loaded from, as the server lists it
            parent: its base there
            no_base: why there is none
            by_hand: the settings name it
            epoch: counts models behind the name
            closed: no longer served
            closed_s: since when
            switched: an operator's word on enforcing
            forced: **name of the operator** who armed without a check, and why
            stale: why an earlier baseline was given up
            phase: learning, watching, blind
            state: evidence and ladder
            baseline: the one in force
            enforcement: what traffic is told
            unsent: the last record, until it is appended
            base_root: root of the base
            built_of: which asking made the baseline
            version: its number
            outdated: why it is stale
            context: fingerprint that it was made in
            context_pane: panes of another context
            sampling: probabilities of analysis
            restores: how often it was given back
            judge: version of what judges its answers
            judge_pane: panes that may hold verdicts of two
            heir: version of the judge that has learnt a baseline beside it
            closing: how late answers come
        """),
    ),
    Kept(
        "proxy.core.closing:Closing",
        "How late answers come",
        _ROUTE,
        "When a pane closes: at the p99.9 of these.",
        STATE_LIFE,
        OPERATORS,
        fields("""
            older: how many exchanges counted how many seconds after their requests started
            newer: the same of later ones
            since: the pane that they begin with
            pane: the last one that closed
        """),
    ),
    Kept(
        "proxy.core.routes:Route",
        "A route's names",
        f"{_ROUTE}; {_FILE}",
        "Which model serves.",
        STATE_LIFE,
        OPERATORS,
        fields("""
            name: public name
            candidate: the fine-tuned model
            base: what it is put back on
            pin: held by config
            default: takes requests that name no model
        """),
    ),
    Kept(
        "proxy.core.routes:Target",
        "A target",
        f"{_ROUTE}; {_FILE}",
        "A model on an upstream.",
        STATE_LIFE,
        OPERATORS,
        fields("""
            upstream: name of the upstream
            model: name of the model there
        """),
    ),
    Kept(
        "proxy.core.enforcement:Snapshot",
        "The snapshot",
        _FILE,
        "All that traffic decides by; a traffic process that starts alone still enforces it.",
        "until the next one replaces it",
        PROCESSES,
        fields("""
            version: only grows
            routes: every route
            enforcements: of those that are not steady
            coverage_k: share of exchanges that is sent
            tracing: how traffic takes part in traces
            by_name: derived, not kept
            by_route: derived, not kept
            default: derived, not kept
        """),
    ),
    Kept(
        "proxy.core.http.trace_context:Tracing",
        "Tracing",
        _FILE,
        "Whether requests go upstream with a span of ours.",
        "until the next snapshot replaces it",
        PROCESSES,
        fields("""
            share: of traces that begin here, those that are exported
            follows_parent: whether a client's word on it holds
        """),
    ),
    Kept(
        "proxy.core.enforcement:Enforcement",
        "An enforcement",
        f"{_ROUTE}; {_FILE}",
        "A step with its reason, which a client is shown in an error.",
        "while the step is in force",
        f"{OPERATORS}; clients that are refused (`id`, `step`)",
        fields("""
            route: route
            step: rung of the ladder
            id: its evidence record
            reason: one sentence
            since_s: when
            rate_rps: of step limited
            burst: of step limited
        """),
    ),
    Kept(
        "proxy.control.policies.shadow_entry:Shadow",
        "A shadow policy's state",
        "store, state `shadow.POLICY/NAME`",
        "What another policy would have done.",
        STATE_LIFE,
        OPERATORS,
        fields("""
            sha256: of the policy's text
            epoch: of the route
            restores: of the route
            since_s: begin
            live: where the live policy stood then
            state: evidence and ladder of its own
            unsent: the last record, until it is appended
        """),
    ),
    Kept(
        "proxy.control.policies.promotions:Promotion",
        "A promoted policy",
        "store, state `policies`, and records of kind `policy`",
        "A policy in the place of a file, and who put it there.",
        f"until it is withdrawn; the record {RECORD_LIFE}",
        OPERATORS,
        fields("""
            name: of the policy
            text: of the policy
            replaced: SHA-256 of the file's text
            who: **name of the operator**
            why: the reason given
            at_s: when
        """),
    ),
    Kept(
        "proxy.analysis.process.last_good:Good",
        "Last good files",
        "store, state `files`, by file; with Redis both there and in `groundwire.db` of the state folder",
        "A start with a bad policy, trigger or prompt file goes on with the last good text. Shipped ones are not.",
        "until a newer good text replaces it; over 16 MiB (2 MiB in Redis) files that settings no longer name go first",
        OPERATORS,
        fields("""
            text: of the file, **the operator's own words**
            at_s: when it was taken first
        """),
    ),
    Kept(
        "proxy.control.guard:Guard",
        "The guard",
        "store, state `guard`",
        "What stops automatic actions.",
        "until rearmed",
        OPERATORS,
        fields("""
            disarms: by operators
            climbs: routes that climbed lately
            fault: why the monitor is suspected
            fault_s: since when
        """),
    ),
    Kept(
        "proxy.control.guard:Disarm",
        "A disarm",
        "store, state `guard`",
        "Automatic actions stopped for a while.",
        "until it has run out and another is given",
        OPERATORS,
        fields("""
            route: one, or all
            until_s: end
            actor: **name of the operator**
            reason: the reason given
            at_s: when
        """),
    ),
    Kept(
        "proxy.control.bases.arming:Checked",
        "A check of a base",
        "store, state `check/HASH`",
        "Whether the base is fit to serve, as one judge sees it.",
        "until the next check",
        OPERATORS,
        fields("""
            at_s: when
            asked: check prompts
            judged: answers that could be judged
            refused: of harmful ones
            failure: what went wrong
            paths: dialects that were asked in
            unreached: dialects without an answer
            tried_s: last attempt
            note: in words
        """),
    ),
    Kept(
        "proxy.control.baselines.progress:Progress",
        "The asking of a base",
        "store, state `baseline/ASKING`",
        "How far a baseline of the base's answers has come.",
        "until its last route is forgotten",
        OPERATORS,
        fields("""
            asked: prompts so far
            refusals: counts by category
            failure: what went wrong
            at_s: last batch
        """),
    ),
    Kept(
        "proxy.analysis.sampling.coverage:Coverage",
        "Coverage",
        "store, state `coverage`",
        "With which share exchanges were kept, by pane.",
        "as panes",
        OPERATORS,
        fields("""
            changes: panes and shares
            busy_pane: the last that left a replica no time
        """),
    ),
    Kept(
        "proxy.analysis.judging.anomaly:Ordinary",
        "What a model usually says",
        "store, state `ordinary/HASH`",
        "Sums over at least 100 answers: no answer's embedding can be read from them.",
        STATE_LIFE,
        OPERATORS,
        fields("""
            version: of the classifier
            dim: dimensions
            n: answers in the sums
            total: sum of projections
            squares: sum of their products
            calibrated: answers that gave the limit
            limit: the conformal limit
            largest: the six largest distances
            beyond: answers beyond the first limit
            changing: whether these were too many
            precision: derived, not kept
        """),
    ),
    Kept(
        "proxy.analysis.judging.strict:Largest",
        "The strict threshold on its way",
        "store, state `strict/HASH`",
        "A probability and a count, of no answer in particular.",
        STATE_LIFE,
        OPERATORS,
        fields("""
            version: of the classifier
            n: answers that it was learnt from
            largest: probability of harm among them
        """),
    ),
)
