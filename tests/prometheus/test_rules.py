"""The chart's rules: promtool takes them, every alert fires when it must and not before, and names what is declared."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from proxy.telemetry.metrics import Kind
from proxy.telemetry.registry import METRICS
from tests.prometheus.alert_cases import CASES, Case, Series
from tests.prometheus.promql import grouped, selectors
from tests.prometheus.rules import ALERTS, FOLDER, RECORDING, alerts, needs_promtool, promtool, rules_of
from tests.support import ROOT

SCRAPED = {"namespace", "job", "instance", "host"}  # of the scrape, and what a rule makes of `instance`
RUNBOOK = "docs/alerts.md"
UNITS = {"m": 1, "h": 60, "d": 1_440}
AFTER = 2  # minutes, from when it must fire to when it is looked at


def known_labels() -> dict[str, set[str]]:
    """Labels by the name of a series: of metrics as they are declared, of rules as they group."""
    found = {one.name: set(one.label_names) for one in METRICS}
    for one in METRICS:
        if one.kind is Kind.HISTOGRAM:
            found |= {f"{one.name}_{part}": {*one.label_names, "le"} for part in ("bucket", "sum", "count")}
    found |= {rule["record"]: grouped(rule["expr"]) for rule in rules_of(RECORDING)}
    return found


@needs_promtool
def test_promtool_takes_them() -> None:
    for file in (ALERTS, RECORDING):
        done = promtool("check", "rules", "--lint=all", "--lint-fatal", str(file))
        assert done.returncode == 0, done.stdout + done.stderr


def test_the_folder_holds_nothing_else() -> None:
    assert {file.name for file in FOLDER.iterdir()} == {ALERTS.name, RECORDING.name}


@pytest.mark.parametrize("rule", [*rules_of(RECORDING), *rules_of(ALERTS)], ids=lambda r: r.get("alert") or r["record"])
def test_an_expression_names_what_is_declared(rule: Mapping[str, Any]) -> None:
    known, named = known_labels(), list(selectors(rule["expr"]))
    assert named
    for metric, labels in named:
        assert metric in known, f"{metric} is no metric and no recording rule"
        assert labels <= known[metric] | SCRAPED, f"{metric} has no label {labels - known[metric]}"
    assert grouped(rule["expr"]) <= SCRAPED.union(*(known[metric] for metric, _ in named))


@pytest.mark.parametrize("rule", rules_of(RECORDING), ids=lambda r: r["record"])
def test_a_recording_rule_is_named_level_metric_operations(rule: Mapping[str, Any]) -> None:
    level, metric, operations = rule["record"].split(":")
    labels, outer = [], re.search(r"\w+ by \(([^)]*)\)", rule["expr"])
    if outer:
        labels = [label.strip() for label in outer[1].split(",")]
    assert labels[:2] == ["namespace", "job"]
    assert level in {"_".join(labels[1:]), "_".join(labels[2:])}
    is_declared = any(metric in {one.name, one.name.removesuffix("_total")} for one in METRICS)
    assert is_declared or operations.startswith("ratio")


def test_alerts_say_what_an_on_call_needs() -> None:
    text = (ROOT / RUNBOOK).read_text()
    for name, rule in alerts().items():
        notes = rule["annotations"]
        assert rule["labels"]["severity"] in {"critical", "warning", "info"}
        assert set(notes) == {"summary", "description", "runbook_url"}
        assert notes["runbook_url"] == f"{RUNBOOK}#{name.lower()}"
        assert re.search(rf"^### {name}$", text, re.MULTILINE), f"{RUNBOOK} has no heading {name}"
        if "route" in grouped(rule["expr"]) or "route:" in rule["expr"]:
            assert "{{ $labels.route }}" in notes["summary"], name
        assert len(notes["summary"]) < 220, name
    headings = set(re.findall(r"^### (Groundwire\w+)$", text, re.MULTILINE))
    assert headings == set(alerts()), "a heading for an alert that is not there"


# --- promtool test rules ----------------------------------------------------------------------------------------------


def test_every_alert_has_its_cases() -> None:
    assert set(CASES) == set(alerts())
    assert all(case.silent for case in CASES.values())


def minutes(rule: Mapping[str, Any]) -> int:
    """Its `for`."""
    text = rule.get("for", "0m")
    return int(text[:-1]) * UNITS[text[-1]]


def test_of(series: Series, checks: list[dict[str, Any]]) -> dict[str, Any]:
    last = max(int(check["eval_time"].removesuffix("m")) for check in checks)
    inputs = [{"series": name, "values": values.replace("N", str(last))} for name, values in series.items()]
    return {"interval": "1m", "input_series": inputs, "promql_expr_test": checks}


test_of.__test__ = False  # type: ignore[attr-defined]


def firing(name: str, minute: int, labels: Mapping[str, str] | None) -> dict[str, Any]:
    """A check that an alert fires with these labels; None: that it does not."""
    expression = f'ALERTS{{alertname="{name}",alertstate="firing"}}'
    severity = alerts()[name]["labels"]["severity"]
    all_of_them = {"alertname": name, "alertstate": "firing", "severity": severity, **(labels or {})}
    text = ", ".join(f'{key}="{value}"' for key, value in sorted(all_of_them.items()))
    samples = [] if labels is None else [{"labels": f"ALERTS{{{text}}}", "value": 1}]
    return {"expr": expression, "eval_time": f"{minute}m", "exp_samples": samples}


def tests_of(name: str, case: Case) -> list[dict[str, Any]]:
    """It fires after its `for`, not a minute before, and never on what must leave it silent.

    What is silent stands beside it under other jobs; not where an alert is about what is there at all.
    """
    wait = minutes(alerts()[name])
    due = case.needs_minutes + wait + AFTER
    checks = [firing(name, wait - 1, None)] if wait else []
    checks += [firing(name, due, case.labels), firing(name, due + 1, case.labels)]
    if "absent" in alerts()[name]["expr"]:
        quiet = [test_of(silent, [firing(name, due, None)]) for silent in case.silent]
        return [test_of(case.fires, checks), *quiet]
    beside = {
        series.replace('job="gw"', f'job="quiet-{number}"'): values
        for number, silent in enumerate(case.silent)
        for series, values in silent.items()
    }
    return [test_of({**case.fires, **beside}, checks)]


tests_of.__test__ = False  # type: ignore[attr-defined]


def written(folder: Path, name: str, tests: list[dict[str, Any]]) -> str:
    """A test file for one alert: of rules only it and what it reads, since every rule is evaluated every minute."""
    rule = alerts()[name]
    used = {metric for metric, _ in selectors(rule["expr"])}
    rules = [*(one for one in rules_of(RECORDING) if one["record"] in used), rule]
    (folder / f"{name}.rules.yaml").write_text(yaml.safe_dump({"groups": [{"name": name, "rules": rules}]}))
    file = folder / f"{name}.test.yaml"
    file.write_text(yaml.safe_dump({"rule_files": [f"{name}.rules.yaml"], "evaluation_interval": "1m", "tests": tests}))
    return str(file)


def run_tests(folder: Path, tests: Mapping[str, list[dict[str, Any]]]) -> str:
    """What promtool says against these tests by alert; "" where they pass."""
    done = promtool("test", "rules", *(written(folder, name, of) for name, of in tests.items()))
    return "" if done.returncode == 0 else done.stdout + done.stderr


@needs_promtool
def test_every_alert_fires_when_it_must_and_only_then(tmp_path: Path) -> None:
    assert run_tests(tmp_path, {name: tests_of(name, case) for name, case in CASES.items()}) == ""


@needs_promtool
def test_the_cases_would_show_an_alert_that_never_fires(tmp_path: Path) -> None:
    series = {'groundwire_route_step{job="gw",route="r",step="steady"}': "1x20"}
    check = firing("GroundwireRouteReverted", 5, {"job": "gw", "route": "r"})
    said = run_tests(tmp_path, {"GroundwireRouteReverted": [test_of(series, [check])]})
    assert "FAILED" in said


@needs_promtool
def test_a_revert_says_why_in_words(tmp_path: Path) -> None:
    """The annotations, whole: what crossed which line, how far, since when, and where all of it is."""
    at = 'namespace="ns",job="gw",instance="10.0.0.1:8902",route="r"'
    line = 'signal="refusal",stratum="overall",line="critical"'
    series = {
        f'groundwire_route_step{{{at},step="reverted"}}': "1x20",
        f'groundwire_route_decision_info{{{at},record="0f3a",{line}}}': "1x20",
        f"groundwire_route_estimate_ratio{{{at},{line}}}": "0.31x20",
        f"groundwire_route_line_ratio{{{at},{line}}}": "0.72x20",
        f"groundwire_route_since_timestamp_seconds{{{at}}}": "60x20",
        'groundwire_route_decision_info{namespace="other",job="gw",route="r",record="1111"}': "1x20",
    }
    rule = alerts()["GroundwireRouteReverted"]["annotations"]
    expected = {
        "exp_labels": {"namespace": "ns", "job": "gw", "route": "r", "severity": "critical"},
        "exp_annotations": {
            "summary": rule["summary"].replace("{{ $labels.route }}", "r"),
            "description": "refusal (overall) crossed its critical line: 31%, the line is at 72%. "
            "Since 1970-01-01 00:01:00 +0000 UTC. All of it: groundwire explain 0f3a",
            "runbook_url": rule["runbook_url"],
        },
    }
    ask = {"eval_time": "5m", "alertname": "GroundwireRouteReverted", "exp_alerts": [expected]}
    inputs = [{"series": name, "values": values} for name, values in series.items()]
    assert asked(tmp_path, inputs, ask) == ""


@needs_promtool
def test_an_order_has_no_line_and_a_silent_analysis_is_said(tmp_path: Path) -> None:
    rule = alerts()["GroundwireRouteReverted"]["annotations"]
    words = "No line is crossed now: a person ordered it, or the analysis process has just started. "
    silent = words + "The analysis process tells nothing: groundwire route show r"
    expected = {
        "exp_labels": {"job": "gw", "route": "r", "severity": "critical"},
        "exp_annotations": {
            "summary": rule["summary"].replace("{{ $labels.route }}", "r"),
            "description": silent,
            "runbook_url": rule["runbook_url"],
        },
    }
    ask = {"eval_time": "5m", "alertname": "GroundwireRouteReverted", "exp_alerts": [expected]}
    inputs = [{"series": 'groundwire_route_step{job="gw",route="r",step="reverted"}', "values": "1x20"}]
    assert asked(tmp_path, inputs, ask) == ""


def asked(folder: Path, inputs: list[dict[str, str]], ask: Mapping[str, Any]) -> str:
    """As `run_tests`, with labels and annotations, whole."""
    test = {"interval": "1m", "input_series": inputs, "alert_rule_test": [ask]}
    return run_tests(folder, {ask["alertname"]: [test]})
