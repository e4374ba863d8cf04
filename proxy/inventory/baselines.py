"""Of baselines, their versions and the context that they were made in: in the store."""

from __future__ import annotations

from typing import Final

from proxy.inventory.declared import OPERATORS, RECORD_LIFE, STATE_LIFE, Kept, fields

_SHELF: Final = "store, state `shelf/NAME` and `version.NUMBER/NAME`"
_BASELINE: Final = "in a route's state, its versions, and evidence records"

BASELINES: Final = (
    Kept(
        "proxy.core.baselines.versions:Shelf",
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
        "proxy.core.baselines.versions:Head",
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
        "proxy.core.baselines.versions:Switch",
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
        "proxy.core.baselines.versions:Span",
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
        "proxy.core.baselines.versions:Version",
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
        "proxy.core.baselines.baseline:Baseline",
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
        "proxy.core.baselines.baseline:Tally",
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
        "proxy.core.baselines.fingerprint:Fingerprint",
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
        "proxy.core.baselines.fingerprint:Watch",
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
        "proxy.core.drift.hours:Hours",
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
        "proxy.core.baselines.handover:Learner",
        "What a new classifier has learnt",
        "store, state `learner/NAME`",
        "Its counts on the way to a baseline, while the classifier before judges on.",
        STATE_LIFE,
        OPERATORS,
        fields("""
            judge: version of the judge
            since: from after this pane on
            pane: last pane
            learning: counts so far
        """),
    ),
    Kept(
        "proxy.core.baselines.handover:AtHand",
        "Judges at hand",
        "store, state `judges`",
        "Which classifiers the replicas of a shared store hold, so that a route is blind on none that another sees.",
        STATE_LIFE,
        OPERATORS,
        fields("""
            said: versions of judges, and when a replica named them last
        """),
    ),
)
