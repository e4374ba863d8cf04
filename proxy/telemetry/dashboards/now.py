"""The dashboard `now`: which routes are not well and why, and whether Groundwire itself does its work. Pure."""

from __future__ import annotations

from typing import Final

from proxy.telemetry import analysis, both, control, gen_ai, reasons, remote, stores, traffic
from proxy.telemetry.dashboards.panels import BLUE, GREEN, ORANGE, RED, YELLOW, Board, Panel, Row
from proxy.telemetry.dashboards.queries import Query, gauge, legend, quantile, rate, selected

LINE: Final = "route, signal, stratum, line"
RAISES: Final = 'line!="changed"'  # a change alone raises no severity
NEAREST: Final = 20  # lines that are shown
SHARED: Final = "a shared store (store.kind: redis)"
STEPS: Final = {"steady": GREEN, "watch": YELLOW, "limited": ORANGE, "reverted": RED, "offline": RED}
SEVERITIES: Final = {
    "0": ("undecided", BLUE),
    "1": ("low", GREEN),
    "2": ("medium", YELLOW),
    "3": ("high", ORANGE),
    "4": ("critical", RED),
}
YES: Final = {"0": ("no", BLUE), "1": ("yes", GREEN)}
SO: Final = {"1": ("so", BLUE)}
ALARM: Final = {"0": ("no", GREEN), "1": ("yes", RED)}
BAD_FROM_1: Final = ((None, GREEN), (1.0, RED))
GOOD_FROM_1: Final = ((None, RED), (1.0, GREEN))
LOST_BAD: Final = ((None, GREEN), (0.005, YELLOW), (0.01, RED))


def board() -> Board:
    """The whole dashboard."""
    return Board(
        uid="groundwire-now",
        title="Groundwire / now",
        about="Which routes are not well, why, and whether anybody is watching. Read from the top.",
        rows=(_routes(), _traffic(), _watching(), _readiness()),
        changes=step_changes(),
        variables=variables(),
        since="now-1h",
        refresh="10s",
    )


def variables() -> tuple[tuple[str, str], ...]:
    """Name and query of every variable of a dashboard."""
    process, step = both.START_TIME.name, both.STEP_IN_FORCE.name
    within = 'namespace=~"$namespace",job=~"$job"'
    return (
        ("namespace", f"label_values({process}, namespace)"),
        ("job", f'label_values({process}{{namespace=~"$namespace"}}, job)'),
        ("route", f"label_values({step}{{{within}}}, route)"),
        ("instance", f"label_values({process}{{{within}}}, instance)"),
    )


def step_changes() -> Query:
    """The time of the last change of each route in milliseconds, with the step that it came to."""
    since, step = selected(reasons.SINCE), selected(both.STEP_IN_FORCE)
    expr = f"max by (route, step) ({step} == 1) * on (route) group_left () (max by (route) ({since}) * 1000)"
    return Query(expr, (reasons.SINCE, both.STEP_IN_FORCE), legend("route, step"))


# --- which routes are not well, and why -------------------------------------------------------------------------------


def _routes() -> Row:
    return Row("Which routes are not well, and why?", (_by_step(), _table_of_routes(), _table_of_lines(), _nearest()))


def _by_step() -> Panel:
    expr = f"count by (step) (max by (namespace, job, route, step) ({selected(both.STEP_IN_FORCE)}) == 1)"
    query = Query(expr, (both.STEP_IN_FORCE,), "{{step}}")
    about = "How many routes stand on which step."
    return Panel("Routes by step", "stat", (query,), width=4, height=8, about=about, paints=STEPS)


def _table_of_routes() -> Panel:
    severity, since = gauge(control.SEVERITY, "route"), gauge(reasons.SINCE, "route")
    step = Query(f"max by (route, step) ({selected(both.STEP_IN_FORCE)} == 1)", (both.STEP_IN_FORCE,))
    decision = gauge(reasons.DECISION, "route, record, signal, stratum, line")
    return Panel(
        "Routes, worst first",
        "table",
        (severity, step, Query(f"1000 * ({since.expr})", since.of), decision),
        width=20,
        height=8,
        about="The line is the heaviest that is crossed. `groundwire explain RECORD` tells all of it.",
        words=SEVERITIES,
        columns={
            "route": "route",
            "Value #A": "severity",
            "step": "step",
            "signal": "signal",
            "stratum": "stratum",
            "line": "line",
            "Value #C": "since",
            "record": "record",
        },
        units={"since": "dateTimeAsIso"},
        sort="Value #A",
    )


def _table_of_lines() -> Panel:
    evidence = f"topk({NEAREST}, max by ({LINE}) ({selected(control.ODDS, RAISES)}))"
    near = f"and on ({LINE}) {evidence}"
    estimate, line, crossed = (gauge(one, LINE) for one in (control.ESTIMATE, reasons.LINE_AT, reasons.CROSSED))
    return Panel(
        "Lines nearest to an alarm",
        "table",
        (
            Query(evidence, (control.ODDS,), "", "percentunit"),
            Query(f"{estimate.expr} {near}", estimate.of),
            Query(f"{line.expr} {near}", line.of),
            Query(f"{crossed.expr} {near}", crossed.of),
        ),
        width=16,
        height=9,
        about="Evidence of 100 % is an alarm. The estimate is of the time since the change began.",
        columns={
            "route": "route",
            "signal": "signal",
            "stratum": "stratum",
            "line": "line",
            "Value #A": "evidence",
            "Value #B": "estimate",
            "Value #C": "line at",
            "Value #D": "crossed",
        },
        units={"estimate": "percentunit", "line at": "percentunit", "crossed": "bool"},
        sort="Value #A",
    )


def _nearest() -> Panel:
    expr = f"max by (route) ({selected(control.ODDS, RAISES)})"
    query = Query(expr, (control.ODDS,), "{{route}}", "percentunit")
    return Panel("Heaviest evidence", "timeseries", (query,), height=9, colors=((None, GREEN), (1.0, RED)))


# --- traffic ----------------------------------------------------------------------------------------------------------


def _traffic() -> Row:
    model = 'gen_ai_request_model=~"$route"'
    latency = (quantile(gen_ai.DURATION, 0.5, more=model), quantile(gen_ai.DURATION, 0.95, more=model))
    first = (quantile(gen_ai.FIRST_TOKEN, 0.5, more=model), quantile(gen_ai.FIRST_TOKEN, 0.95, more=model))
    added = (quantile(gen_ai.OVERHEAD, 0.5), quantile(gen_ai.OVERHEAD, 0.99))
    return Row(
        "Are clients served?",
        (
            Panel("Requests by status", "timeseries", (rate(traffic.REQUESTS, "status"),)),
            Panel(
                "Groundwire's own answers",
                "timeseries",
                (rate(traffic.REFUSED, "code"),),
                about="Steps of routes (groundwire_limited, groundwire_offline), and all else that it refused.",
            ),
            Panel("Running now", "timeseries", (gauge(traffic.IN_FLIGHT, "instance", how="sum"),)),
            Panel("Time of an answer", "timeseries", latency),
            Panel("Time to the first token", "timeseries", first),
            Panel("Time that Groundwire adds", "timeseries", added),
        ),
    )


# --- is anybody watching ----------------------------------------------------------------------------------------------


def _watching() -> Row:
    return Row(
        "Is anybody watching?",
        (
            _flag("Link to analysis", gauge(traffic.LINK_CONNECTED, how="min"), GOOD_FROM_1, YES),
            _flag("Monitor suspected", gauge(control.FAULT), BAD_FROM_1, ALARM),
            _flag("Decisions in memory only", gauge(control.NOT_DURABLE), BAD_FROM_1, ALARM),
            _flag("Classifier degraded", gauge(analysis.CLASSIFIER_DEGRADED), BAD_FROM_1, ALARM),
            _flag("Settings refused", _refused_settings(), BAD_FROM_1, ALARM),
            _flag("Shared store away", gauge(stores.AWAY, needs=SHARED), BAD_FROM_1, ALARM),
            Panel("What became of exchanges", "timeseries", (rate(analysis.OUTCOMES, "route, outcome"),)),
            Panel("Share that was lost", "timeseries", (_lost(),), high=1.0, colors=LOST_BAD),
            Panel("Dropped by traffic", "timeseries", (rate(traffic.LINK_DROPPED, "reason"),)),
            Panel("Coverage asked for", "timeseries", (gauge(analysis.COVERAGE, "instance", how="min"),), high=1.0),
            Panel("Queue", "timeseries", (gauge(analysis.QUEUE_FILL, "instance"),), high=1.0),
            Panel("Since the last flush", "timeseries", (_age(),)),
            Panel("CPU for answers, by stage", "timeseries", (rate(analysis.JUDGE_SECONDS, "stage"),)),
            Panel("Answers by outcome", "timeseries", (rate(analysis.OBSERVATIONS, "route, outcome"),)),
            Panel(
                "Answers that were flagged", "timeseries", (rate(analysis.FLAGGED, "route, signal"),), about=UNWEIGHTED
            ),
        ),
    )


UNWEIGHTED: Final = "Of what was analysed, unweighted: no estimate of a rate."


def _flag(
    title: str, query: Query, colors: tuple[tuple[float | None, str], ...], words: dict[str, tuple[str, str]]
) -> Panel:
    return Panel(title, "stat", (query,), width=4, height=4, colors=colors, words=words)


def _refused_settings() -> Query:
    taken = gauge(both.RELOADED, how="min")
    return Query(f"1 - {taken.expr}", taken.of)


def _lost() -> Query:
    """0 where nothing was ever lost."""
    lost, came = rate(analysis.LOST, "route", window="15m"), rate(analysis.OUTCOMES, "route", window="15m")
    expr = f"({lost.expr} or 0 * {came.expr}) / ({came.expr} > 0)"
    return Query(expr, (*lost.of, *came.of), "{{route}}", "percentunit")


def _age() -> Query:
    expr = f"time() - max by (instance) ({selected(analysis.FLUSHED_TIMESTAMP)})"
    return Query(expr, (analysis.FLUSHED_TIMESTAMP,), "{{instance}}", "s")


# --- what could be done -----------------------------------------------------------------------------------------------


def _readiness() -> Row:
    per_route = (
        ("Enforces", control.ENFORCES, YES),
        ("Revert armed", control.ARMED, YES),
        ("Held", control.HELD, ALARM),
        ("Baseline stale", control.BASELINE_STALE, ALARM),
    )
    return Row(
        "Could anything be done?",
        (
            *(
                Panel(title, "state-timeline", (gauge(one, "route"),), width=6, words=words)
                for title, one, words in per_route
            ),
            Panel(
                "Status",
                "state-timeline",
                (gauge(control.STATUS, "route, status"),),
                width=6,
                words=SO,
                about="A route that is blind is not healthy: it is not seen.",
            ),
            Panel(
                "Upstream lists its models", "state-timeline", (gauge(control.LISTED, "upstream"),), width=6, words=YES
            ),
            Panel("Would have been", "state-timeline", (gauge(control.WOULD_STEP, "route, step"),), width=6, words=SO),
            Panel(
                "Remote classifiers",
                "state-timeline",
                (gauge(remote.BREAKER, "classifier, state", needs="classifiers.remote"),),
                width=6,
                words={"0": ("", GREEN), **SO},
            ),
        ),
    )
