"""A plan as JSON, as an evidence record keeps it: each table cut down to the cells that were there. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from proxy.core.drift import as_json as drift_json
from proxy.core.evidence.findings import LineKind
from proxy.core.evidence.plan import Plan, Test
from proxy.core.evidence.signals import REFUSAL
from proxy.core.evidence.watches import NOWHERE, Watch
from proxy.detectors.e_process import Key, Tables
from proxy.detectors.quantile import PARTS


def to_json(plan: Plan, used: frozenset[Key]) -> dict[str, Any]:
    """The plan as plain JSON, each table cut down to the rows of the cells in `used`. (Drift lines: `drift_json`.)"""
    return {
        "id": plan.id,
        "tests": [_test_json(test, used) for test in plan.tests],
        "recoveries": {place: _rows(table, used) for place, table in plan.recoveries.items()},
        "blind": _rows(plan.blind, used),
        "sighted": _rows(plan.sighted, used),
        "limits": {kind.value: limit for kind, limit in plan.limits.items()},
        "log_recovery": plan.log_recovery,
        "log_blind": plan.log_blind,
        "rates": dict(plan.rates),
        "mix": dict(plan.mix),
        "skipped": list(plan.skipped),
        "guard_probability": plan.guard_probability,
        "watches": [_watch_json(one, used) for one in plan.watches],
        "trigger": None if plan.trigger is None else _watch_json(plan.trigger, used),
        "routes": plan.routes,
    }


def from_json(data: Mapping[str, Any]) -> Plan:
    """Read a plan that `to_json` wrote. Raises KeyError, TypeError or ValueError; `record` gives them a name."""
    limits = {LineKind(kind): limit for kind, limit in data["limits"].items()}
    older = (_high(one, limits) for one in data.get("highs", ()))
    return Plan(
        tests=tuple(map(_test, data["tests"])),
        recoveries={place: _from_rows(rows) for place, rows in data["recoveries"].items()},
        blind=_from_rows(data["blind"]),
        sighted=_from_rows(data["sighted"]),
        limits=limits,
        log_recovery=data["log_recovery"],
        log_blind=data["log_blind"],
        rates=data["rates"],
        mix=data["mix"],
        skipped=tuple(data["skipped"]),
        guard_probability=data["guard_probability"],
        id=data["id"],
        watches=(*older, *map(_watch, data.get("watches", ()))),
        trigger=_watch(data["trigger"]) if data.get("trigger") else None,
        routes=data.get("routes", 1),
        drift=drift_json.plan_from_json(data.get("drift", {})),
    )


def _test_json(test: Test, used: frozenset[Key]) -> list[Any]:
    whole = [test.stratum, test.line.value, dict(test.lines), _rows(test.table, used), test.metric]
    return [*whole, dict(test.guards)] if test.guards else whole


def _test(data: Any) -> Test:
    stratum, kind, lines, rows, *more = data  # an older record has no metric, or no guards
    return Test(stratum, LineKind(kind), lines, _from_rows(rows), *(more or [REFUSAL]))


def _watch_json(watch: Watch, used: frozenset[Key]) -> dict[str, Any]:
    return {
        "name": watch.name,
        "metric": watch.metric,
        "signal": watch.signal,
        "lines": dict(watch.lines),
        "table": _rows(watch.table, used),
        "mirror": _rows(watch.mirror, used),
        "line": watch.line.value,
        "stratum": watch.stratum,
        "rates": dict(watch.rates),
        "limits": dict(watch.limits),
        "mix": dict(watch.mix),
        "log_limit": watch.log_limit,
        "group": watch.group,
        "above": watch.above,
        "only": watch.only,
        "note": watch.note,
        **({"proves": True} if watch.proves else {}),
    }


def _watch(data: Mapping[str, Any]) -> Watch:
    given = {key: value for key, value in data.items() if key != "edge"}
    tables = {"table": _from_rows(data["table"]), "mirror": _from_rows(data["mirror"])}
    if (edge := data.get("edge", NOWHERE)) != NOWHERE:  # in whole bins, as records had it
        given["above"] = edge * PARTS
    return Watch(**{**given, **tables, "line": LineKind(data["line"])})


def _high(data: Any, limits: Mapping[LineKind, int]) -> Watch:
    """As records of version 0.1 have them."""
    signal, lines, table, mirror, *of = data
    rates, uppers, mix = of or ({}, {}, {})
    tables = (_from_rows(table), _from_rows(mirror))
    limit = limits[LineKind.WARNING]
    return Watch(signal, signal, signal, lines, *tables, rates=rates, limits=uppers, mix=mix, log_limit=limit)


def _rows(table: Tables, used: Iterable[Key]) -> list[Any]:
    return [[*key, list(row)] for key, row in sorted(table.items()) if key in used]


def _from_rows(rows: Any) -> Tables:
    return {(stratum, r, y): tuple(row) for stratum, r, y, row in rows}
