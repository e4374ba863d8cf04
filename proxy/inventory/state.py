"""In the store (embedded file or Redis) and in files of the state folder."""

from __future__ import annotations

from typing import Final

from proxy.inventory.declared import OPERATORS, PROCESSES, RECORD_LIFE, STATE_LIFE, Kept, fields

_ROUTE: Final = "store, state `route/NAME`; a copy in `groundwire.state/`"
_SHELF: Final = "store, state `shelf/NAME` and `version.NUMBER/NAME`"
_FILE: Final = "file `enforcement.json` in `state_dir`; Unix socket to traffic"
_BASELINE: Final = "in a route's state, its versions, and evidence records"

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
            by_name: derived, not kept
            by_route: derived, not kept
            default: derived, not kept
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
        "proxy.control.shadow_entry:Shadow",
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
        "proxy.control.promotions:Promotion",
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
        "proxy.control.arming:Checked",
        "A check of a base",
        "store, state `check/BASE`",
        "Whether the base is fit to serve.",
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
        "proxy.control.base_progress:Progress",
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
        "proxy.control.sampling:Loads",
        "What replicas can take",
        "store, state `sampling`",
        "All replicas analyse with the same probabilities.",
        "three minutes after a replica's last word",
        OPERATORS,
        fields("""
            levels: by replica (a random name), what its CPU budget asks for, and when
        """),
    ),
    Kept(
        "proxy.analysis.coverage:Coverage",
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
        "proxy.analysis.anomaly:Ordinary",
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
        "proxy.core.versions:Shelf",
        "A shelf of baselines",
        _SHELF,
        "Which versions there are, and every switch between them.",
        STATE_LIFE,
        OPERATORS,
        fields("""
            heads: versions
            switches: from one to another
            excluded: spans that no baseline is made of
            last: highest number
            reminded_s: when a review was asked for
        """),
    ),
    Kept(
        "proxy.core.versions:Head",
        "A version in a list",
        _SHELF,
        "To choose one.",
        STATE_LIFE,
        OPERATORS,
        fields("""
            number: number
            id: digest
            kind: where it comes from
            n: evaluated prompts
            rate: refusal
            parent: the one before
            made_s: when
            who: **name of the operator** or process
            why: the reason given
            source: in words
        """),
    ),
    Kept(
        "proxy.core.versions:Switch",
        "A switch of baselines",
        _SHELF,
        "Who put which in force.",
        STATE_LIFE,
        OPERATORS,
        fields("""
            at_s: when
            verb: promote, rollback, amend
            before: number
            after: number
            who: **name of the operator**
            why: the reason given
            record: incident
        """),
    ),
    Kept(
        "proxy.core.versions:Span",
        "An excluded span",
        _SHELF,
        "Traffic of an incident makes no baseline.",
        STATE_LIFE,
        OPERATORS,
        fields("""
            begin_s: begin
            end_s: end
            incident: its record
        """),
    ),
    Kept(
        "proxy.core.versions:Version",
        "A version of a baseline",
        _SHELF,
        "Counts with the context that they were made in.",
        STATE_LIFE,
        OPERATORS,
        fields("""
            number: number
            baseline: the counts
            parent: the one before
            source: in words
            window_s: span of traffic
            context: fingerprint
            incident: record that it was amended for
        """),
    ),
    Kept(
        "proxy.core.baseline:Baseline",
        "A baseline",
        _BASELINE,
        "What the model did when it was well: counts.",
        f"{STATE_LIFE}; records {RECORD_LIFE}",
        OPERATORS,
        fields("""
            kind: live, file or base
            standing: provisional or promoted
            refusals: by harm category
            assessed: assessable answers
            made_s: when
            who: **name of the operator** or process
            why: the reason given
            judge: version of the judge
            highs: of rates that are bad when high
            shapes: bins of drift signals
            contexts: refusals by context; system prompts as HMAC
            canary: refusals of canaries
            anomaly: flagged answers
            hedging: by category
            hours: shapes by hour of the week
        """),
    ),
    Kept(
        "proxy.core.baseline:Tally",
        "A tally",
        _BASELINE,
        "Positives of n.",
        STATE_LIFE,
        OPERATORS,
        fields("""
            positives: count
            n: count
        """),
    ),
    Kept(
        "proxy.core.fingerprint:Fingerprint",
        "A context fingerprint",
        _BASELINE,
        "Whether the deployment still is what the baseline was made in.",
        STATE_LIFE,
        OPERATORS,
        fields("""
            facts: names, revisions and versions
            seen: HMACs of system prompts and tools, and sampling defaults, with counts
        """),
    ),
    Kept(
        "proxy.core.fingerprint:Watch",
        "How far context was followed",
        "store, state `watch/NAME`",
        "Evidence that it changed.",
        STATE_LIFE,
        OPERATORS,
        fields("""
            version: of the baseline
            pane: last pane
            bets: evidence
            seen: HMACs since, with counts
        """),
    ),
    Kept(
        "proxy.core.hours:Hours",
        "Hours of the week",
        "store, state `hours/NAME`",
        "Shapes by hour of the week, for the next baseline.",
        STATE_LIFE,
        OPERATORS,
        fields("""
            shapes: observations by hour, signal and bin
            last: hour that was added last
            context_pane: the context that they are of
        """),
    ),
    Kept(
        "proxy.core.sampling:Order",
        "A sampling order",
        _ROUTE,
        "A strategy with its share.",
        STATE_LIFE,
        OPERATORS,
        fields("""
            strategy: full, random, risk-based, adaptive
            k: share 2^-k
        """),
    ),
    Kept(
        "proxy.core.epochs:Sampling",
        "Sampling of a route",
        _ROUTE,
        "Probabilities over time.",
        STATE_LIFE,
        OPERATORS,
        fields("""
            order: an operator's word
            epochs: the last ones
            suspected: whether evidence asks for more
            unusual_pane: last pane of unusual traffic
        """),
    ),
    Kept(
        "proxy.core.epochs:Epoch",
        "An epoch of sampling",
        _ROUTE,
        "From which pane on which probabilities hold.",
        STATE_LIFE,
        OPERATORS,
        fields("""
            number: number
            first_pane: first pane
            rates: probabilities
            why: in words
        """),
    ),
    Kept(
        "proxy.core.sampling:Rates",
        "Probabilities",
        _ROUTE,
        "With which answers are analysed.",
        STATE_LIFE,
        OPERATORS,
        fields("""
            harm_k: of harmful prompts, 2^-k
            risky_k: of risky ones
            rest_k: of others
            review: share looked at and in no estimate
        """),
    ),
)
