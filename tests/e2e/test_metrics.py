"""Metrics as they are met: on the pages of two real processes, to Prometheus' own checker, and at an OTLP receiver."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from proxy.telemetry.exposition import OPENMETRICS
from proxy.telemetry.metrics import Metric
from proxy.telemetry.registry import ANALYSIS, TRAFFIC
from tests.e2e.metrics_pages import Received, Series, Values, collector, read_page
from tests.e2e.test_serve import cli
from tests.support import Groundwire, free_ports, groundwire, until

SETTINGS = {"discovery": {"interval_s": 1}}
QUESTION = "What is the capital of France?"

# Declared, and not on a page until something is there to tell. Each with what must be so first.
NEEDS: dict[str, str] = {
    "process_open_fds": "Linux 6.2",
    "groundwire_degraded": "a lack",
    "groundwire_sensitive_found_total": "an answer that gave something away",
    "groundwire_baseline_made_timestamp_seconds": "a baseline",
    "groundwire_baseline_rate_ratio": "a baseline",
    "groundwire_route_evidence_ratio": "a baseline",
    "groundwire_route_estimate_ratio": "a baseline",
    "groundwire_route_line_ratio": "a baseline",
    "groundwire_route_line_crossed": "a baseline",
    "groundwire_route_drift": "a baseline",
    "groundwire_route_shape_js_bits": "a baseline",
    "groundwire_route_shape_kl_bits": "a baseline",
    "groundwire_route_underpowered": "a baseline",
    "groundwire_route_rate_ratio": "a pane that has closed",
}
ELSEWHERE = ("groundwire_remote_", "groundwire_store_", "groundwire_tracing_", "groundwire_otlp_")  # where configured


def send(wire: Groundwire, path: str = "/v1/chat/completions", **more: object) -> None:
    messages = [{"role": "user", "content": QUESTION}]
    body = json.dumps({"model": "support-lora", "messages": messages, **more}).encode()
    try:
        urlopen(Request(f"{wire.data}{path}", body, {"Content-Type": "application/json"}), timeout=30).read()
    except HTTPError:
        pass


def pages(wire: Groundwire) -> dict[str, Values]:
    both = {"traffic": wire.health, "analysis": wire.analysis_health}
    return {process: read_page(wire.get(f"{url}/metrics")[1]) for process, url in both.items()}


def traffic_of_all_kinds(wire: Groundwire) -> None:
    until(lambda: wire.get(f"{wire.analysis_health}/readyz")[0] == 200, "analysis")
    until(lambda: any(name == "groundwire_route_step" for name, _ in pages(wire)["traffic"]), "the route in traffic")
    send(wire)
    send(wire, stream=True, stream_options={"include_usage": True})
    send(wire, model="base-model")
    send(wire, path="/v1/load_lora_adapter")
    until(lambda: read_total(wire, "groundwire_analysis_exchanges_total") >= 4, "all exchanges in analysis")
    until(lambda: any(name == "gen_ai_client_token_usage" for name, _ in pages(wire)["analysis"]), "tokens")


def read_total(wire: Groundwire, name: str) -> float:
    values = pages(wire)["analysis"]
    return sum(value for (one, _), value in values.items() if one == name and isinstance(value, float))


def missing(declared: tuple[Metric, ...], values: Values) -> set[str]:
    return {metric.name for metric in declared} - {name for name, _ in values}


def test_what_is_declared_is_exposed_and_nothing_else(tmp_path: Path, upstream: str) -> None:
    with groundwire(tmp_path, upstream, SETTINGS) as wire:
        traffic_of_all_kinds(wire)
        revert = cli(wire, "route", "revert", "support-lora", "--reason", "a drill", "--force")
        assert revert.returncode == 0, revert.stderr
        found = pages(wire)  # reads nothing that is undeclared
        assert missing(TRAFFIC, found["traffic"]) <= NEEDS.keys()
        absent = {name for name in missing(ANALYSIS, found["analysis"]) if not name.startswith(ELSEWHERE)}
        assert absent <= NEEDS.keys()
        check(wire.get(f"{wire.health}/metrics")[1])
        check(wire.get(f"{wire.analysis_health}/metrics")[1])
        served = {dict(labels)["gen_ai_request_model"] for name, labels in found["analysis"] if name.startswith("gen_")}
        assert served == {"support-lora", "other"}
        for url in (wire.health, wire.analysis_health):
            asked = urlopen(Request(f"{url}/metrics", headers={"Accept": f"{OPENMETRICS};q=0.6,*/*;q=0.1"}), timeout=5)
            page = asked.read().decode()
            assert asked.headers["Content-Type"] == OPENMETRICS
            assert page.endswith("\n# EOF\n")
            assert "# TYPE process_cpu_seconds counter" in page


def check(page: str) -> None:
    """By Prometheus' own parser and linter."""
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed: `scripts/test-setup` brings it")
    done = subprocess.run([promtool, "check", "metrics"], input=page, capture_output=True, text=True, check=False)
    told = [line for line in done.stderr.splitlines() if line]
    assert (done.returncode, told) == (0, []), told


def test_a_reload_that_was_refused_shows(tmp_path: Path, upstream: str) -> None:
    taken: Series = ("groundwire_config_last_reload_successful", frozenset())
    at: Series = ("groundwire_config_last_reload_success_timestamp_seconds", frozenset())
    with groundwire(tmp_path, upstream, SETTINGS) as wire:
        until(lambda: wire.get(f"{wire.analysis_health}/readyz")[0] == 200, "analysis")
        first = pages(wire)
        assert all(page[taken] == 1 for page in first.values())
        config = tmp_path / "groundwire.yaml"
        good = config.read_text()
        config.write_text(f"{good}\nnonsense: true\n")
        until(lambda: pages(wire)["traffic"][taken] == 0, "the refusal")
        assert pages(wire)["traffic"][at] == first["traffic"][at]
        config.write_text(good)
        until(lambda: pages(wire)["traffic"][taken] == 1, "the settings that are good again")
        until(lambda: pages(wire)["analysis"][at] != first["analysis"][at], "the reload of analysis")


def is_still(name: str) -> bool:
    """Whether a metric stays as it is while no request comes."""
    moving = ("analysis_flush", "analysis_resident", "control_look", "otlp_")
    return not name.startswith(("process_", *(f"groundwire_{one}" for one in moving)))


def same(received: Received, wire: Groundwire) -> bool:
    """Whether the last export of each process is what its page says."""
    found = pages(wire)
    for process, page in found.items():
        told = received.by_process.get(process, {})
        if told.keys() != page.keys():
            return False
        if any(told[series] != value for series, value in page.items() if is_still(series[0])):
            return False
    return True


def test_an_otlp_receiver_gets_what_the_pages_say(
    tmp_path: Path, upstream: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (port,) = free_ports(1)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", f"http://127.0.0.1:{port}/v1/metrics")
    monkeypatch.setenv("OTEL_METRIC_EXPORT_INTERVAL", "300")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_METRICS_TIMEOUT", "1")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test")
    with groundwire(tmp_path, upstream, SETTINGS) as wire:
        traffic_of_all_kinds(wire)  # nobody listens yet: exports fail, and everything else goes on
        failed = ("groundwire_otlp_metric_exports_total", frozenset({("result", "failed")}))
        until(lambda: pages(wire)["analysis"][failed], "a failed export")
        with collector(port) as received:
            until(lambda: same(received, wire), "the same values as on the pages")
    for process in ("traffic", "analysis"):
        assert received.resources[process]["service.name"] == "groundwire"
        assert received.resources[process]["deployment.environment.name"] == "test"
    ids = {one["service.instance.id"] for one in received.resources.values()}
    assert len(ids) == len(received.resources) == 2
