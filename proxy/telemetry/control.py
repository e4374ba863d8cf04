"""The metrics of the control plane. Label sets are bounded by the configured and discovered routes and upstreams."""

from __future__ import annotations

from typing import Final

from proxy.telemetry.labels import LINE, ROUTE, SIGNAL, STEP, STRATUM, UPSTREAM
from proxy.telemetry.metrics import Kind, Label, Metric, one_of

STANDING: Final = one_of("status", "learning", "watching", "blind", "closed")
DRIFT_KIND: Final = one_of("kind", "input", "output", "performance")
OF: Final = one_of("of", "harmful", "risky", "all")
MODE: Final = one_of("mode", "enforce", "shadow")
POLICY_NAME: Final = Label("policy", "names of policy files", 100)
WORK: Final = one_of("work", "look", "discover", "check", "baseline", "standing")
ACTION: Final = one_of("action", "watch", "limit", "revert", "lift", "restore", "offline")
BY: Final = one_of("by", "policy", "order")

WOULD_STEP: Final = Metric(
    "groundwire_route_would_step",
    Kind.GAUGE,
    "",
    "1 for the step that a policy in mode enforce, with nothing in its way, would have reached.",
    (ROUTE, STEP),
)
SEVERITY: Final = Metric(
    "groundwire_route_severity",
    Kind.GAUGE,
    "",
    "0 undecided, 1 low, 2 medium, 3 high, 4 critical.",
    (ROUTE,),
)
STATUS: Final = Metric(
    "groundwire_route_status",
    Kind.GAUGE,
    "",
    "1 for the status: learning, watching, blind or closed.",
    (ROUTE, STANDING),
)
BASELINE_STALE: Final = Metric(
    "groundwire_baseline_stale",
    Kind.GAUGE,
    "",
    "1 where the context that the baseline was made in was left: drift lines pause, a person is needed.",
    (ROUTE,),
)
BASELINE_VERSION: Final = Metric(
    "groundwire_baseline_version", Kind.GAUGE, "", "Number of the baseline in force, 0 without one.", (ROUTE,)
)
BASELINE_MADE: Final = Metric(
    "groundwire_baseline_made_timestamp_seconds",
    Kind.GAUGE,
    "s",
    "When the baseline in force was made or confirmed last.",
    (ROUTE,),
)
ARMED: Final = Metric(
    "groundwire_route_revert_armed", Kind.GAUGE, "", "1 where a revert of the route is armed.", (ROUTE,)
)
ENFORCES: Final = Metric(
    "groundwire_route_enforces", Kind.GAUGE, "", "1 where decisions on the route are carried out.", (ROUTE,)
)
HELD: Final = Metric(
    "groundwire_route_held", Kind.GAUGE, "", "1 where automatic actions are stopped: disarmed, or a fault.", (ROUTE,)
)
ODDS: Final = Metric(
    "groundwire_route_evidence_ratio",
    Kind.GAUGE,
    "1",
    "Evidence against a line: log odds over the log of the limit; 1 is an alarm.",
    (ROUTE, SIGNAL, STRATUM, LINE),
)
ESTIMATE: Final = Metric(
    "groundwire_route_estimate_ratio",
    Kind.GAUGE,
    "1",
    "The rate since the evidence against a line began, where something speaks against it.",
    (ROUTE, SIGNAL, STRATUM, LINE),
)
DRIFT: Final = Metric(
    "groundwire_route_drift",
    Kind.GAUGE,
    "",
    "1 where a drift line of this kind is crossed: input, output or performance.",
    (ROUTE, DRIFT_KIND),
)
JS: Final = Metric(
    "groundwire_route_shape_js_bits",
    Kind.GAUGE,
    "{bit}",
    "Jensen-Shannon divergence in bits, less its bias, of a signal's last hour from the baseline; 0 is alike, 1 apart.",
    (ROUTE, SIGNAL),
)
KL: Final = Metric(
    "groundwire_route_shape_kl_bits",
    Kind.GAUGE,
    "{bit}",
    "Kullback-Leibler divergence in bits, less its bias, of a signal's last hour from the baseline.",
    (ROUTE, SIGNAL),
)
SAMPLED: Final = Metric(
    "groundwire_route_sampling_ratio",
    Kind.GAUGE,
    "1",
    "Lowest probability, 2^-k, with which answers are analysed now: of harmful prompts, of risky ones, of all.",
    (ROUTE, OF),
)
EPOCH: Final = Metric(
    "groundwire_route_sampling_epoch",
    Kind.GAUGE,
    "",
    "Number of the sampler's epoch: another has other probabilities.",
    (ROUTE,),
)
CLOSE_LAG: Final = Metric(
    "groundwire_route_close_lag_seconds",
    Kind.GAUGE,
    "s",
    "How long after its end a pane of the route closes: the p99.9 of the lag of its answers, at most `close_lag_s`.",
    (ROUTE,),
)
SAMPLING_LOAD: Final = Metric(
    "groundwire_sampling_load_level",
    Kind.GAUGE,
    "",
    "What the CPU budget of the busiest replica asks of adaptive sampling: 2^-level of all traffic.",
)
FAULT: Final = Metric("groundwire_monitor_fault_suspected", Kind.GAUGE, "", "1 while the monitor itself is suspected.")
NOT_DURABLE: Final = Metric(
    "groundwire_store_not_durable",
    Kind.GAUGE,
    "",
    "1 while decisions are kept in memory only, because the state file cannot be written: look at the disk.",
)
LISTED: Final = Metric(
    "groundwire_upstream_listed", Kind.GAUGE, "", "1 where the last reading of /v1/models was good.", (UPSTREAM,)
)
POLICY: Final = Metric(
    "groundwire_route_policy_info",
    Kind.GAUGE,
    "",
    "1 for the policy of a route, and whether its decisions are carried out: enforce or shadow.",
    (ROUTE, POLICY_NAME, MODE),
)
ACTIONS: Final = Metric(
    "groundwire_route_actions_total",
    Kind.COUNTER,
    "{action}",
    "Actions on a route that this replica carried out, by what made them: the policy, or an operator's order.",
    (ROUTE, ACTION, BY),
)
LOOKED: Final = Metric(
    "groundwire_control_looked_timestamp_seconds",
    Kind.GAUGE,
    "s",
    "Unix time at which every route had been looked at last; it stands still where decisions do.",
)
LOOKS: Final = Metric(
    "groundwire_control_looks_total", Kind.COUNTER, "{round}", "Rounds in which every route was looked at."
)
LOOK_SECONDS: Final = Metric("groundwire_control_look_seconds_total", Kind.COUNTER, "s", "Time that these rounds took.")
FAULTS: Final = Metric(
    "groundwire_control_faults_total",
    Kind.COUNTER,
    "{fault}",
    "Rounds of a loop, or looks at one route, that failed; the log says why, and the next second tries again.",
    (WORK,),
)
