"""Fields of log lines, and labels of metrics. No text of users, no hash of one, no name of one is in either."""

from __future__ import annotations

from typing import Final

from proxy.inventory.declared import fields

LOG_FIELDS: Final = fields("""
    time_s: Unix time
    level: debug, info, warning, error
    process: traffic or analysis
    logger: module
    event: what happened, a constant
    action: what was done to a route
    again_in_s: when a process is started again
    all: chance of analysis of other answers
    asked: prompts of our own that a base was asked
    assessor: what judges
    base: base model and its upstream
    baseline: rate of the baseline
    before: what held until now
    bins: which bins of a drift signal led
    candidate: candidate model and its upstream
    change_s: time of the change
    child: process id
    classifier: name of a classifier
    code: exit status
    connections: how many
    control: address of the control API
    data: address
    days: age of a baseline
    detail: what a listing lacks
    enforcements: how many
    epoch: of sampling
    error: message of an error of our own or of the system, never of one that met a user's text
    estimate: rate since the change
    every_s: interval
    exchange: random id of an exchange
    exchanges: how many
    exchanges_lost: how many
    failure: why a base could not be asked
    file: a file of yours
    fingerprint: of the fleet's secret, eight digits that tell two apart
    first: name of the first route that is not watched
    frames: how many
    from_s: begin of an epoch
    harmful: chance of analysis of answers to harmful prompts
    health: address
    held: whether a latch or pin holds a route
    held_back: seconds that requests waited at the start
    high: interval
    highest: level that replicas ask for
    holding_requests_for_s: seconds that requests wait at the start
    id: evidence record
    ignored: how many models are not watched
    judged: answers to prompts of our own
    judge: version of who judged
    key: key of a state value
    keys: settings
    kind: class of an exception, or of drift

    limit_bytes: bound of memory
    limit_ln: odds that evidence must reach
    line: line of a metric
    load: level that this replica asks for
    low: interval
    m: rate of the line
    memory_bytes: memory in use
    mend: what to do
    metric: metric
    moved: kinds of drift and their signals
    model: a classifier's folder
    models: models that are listed
    moved_aside: where a broken file was put
    n: observations
    n_eff: what they are worth
    no_base: why a route has none
    not_done: why nothing was done
    odds_ln: evidence
    of: how many in all
    older_than_days: age of records that were removed
    openings: times that a breaker has opened
    panes: how many
    parent: process id
    path: a file or folder
    pid: process id
    pin: of a route
    places: files and lines of our code in a traceback
    policy: name of a policy
    process_id: of a traffic process
    proved: bound of the rate
    rate: rate of a baseline
    reason: why, in words; of an order as the operator gave it
    records: how many
    records_lost: how many
    refused: answers to prompts of our own
    replaces: what a baseline takes the place of
    review: share that is looked at and in no estimate
    risky: chance of analysis of risky answers
    route: route
    routes: routes, or how many
    routes_max: bound
    scope: route, or all
    settings: which settings hold
    severity: severity
    share: of exchanges
    source: a broken file
    span_id: of the exchange's span, where tracing is on
    start: number of a start
    signal: name of a drift signal, or what is sent over OTLP
    state_dir: folder
    status: of a line
    step: of a route
    stratum: category, bin or shard
    table: of the state file
    then: what follows
    trace_id: of the exchange's trace, where tracing is on
    traffic: process id
    upstream: name of an upstream
    url: address of an upstream
    values: how many
    version: of a snapshot or classifier
    why: why, in words
    work: which loop
    would_action: what an enforcing policy would have done
    would_step: where it would stand
""")

LABELS: Final = fields("""
    action: what was done to a route
    by: policy or order
    mode: enforce or shadow
    policy: name of a policy
    work: loop of the control plane
    classifier: name of a remote classifier
    code: error code of Groundwire's own answers
    error_type: how an exchange failed
    gen_ai_operation_name: chat or text_completion
    gen_ai_provider_name: whose API is spoken
    gen_ai_request_model: route, or other
    gen_ai_response_model: model that was asked upstream, or other
    gen_ai_token_type: input or output
    kind: input, output or performance
    line: line of a metric
    of: what a share is of
    outcome: assessed, or why not
    process: traffic or analysis
    reason: why something was left out
    record: id of the evidence record of a route's last decision
    result: of a change of classifier
    route: route
    signal: what is counted
    stage: of judging
    state: of a breaker
    status: HTTP status, or that of a route
    step: rung of the ladder
    stratum: harm category
    type: of personal data, never the data
    upstream: name of an upstream
    version: of the classifier, or of Groundwire
    window: minute or day
""")
