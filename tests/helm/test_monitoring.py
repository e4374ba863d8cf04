"""Rules and dashboards as the chart renders them: the files, as they are, and where their docs are read."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

helm_python = pytest.importorskip("helm_python", reason="make .venv/helm")
kubernetes_validate = pytest.importorskip("kubernetes_validate", reason="make .venv/helm")

from tests.helm.charts import GROUNDWIRE, UPSTREAM, objects, render  # noqa: E402

FILES = GROUNDWIRE / "files"
DOCS = "https://docs.example.com/groundwire/"


def made(**monitoring: Any) -> list[dict[str, Any]]:
    wanted = {"rules": {"enabled": True}, "dashboards": {"enabled": True}, **monitoring}
    return list(objects(render(GROUNDWIRE, {**UPSTREAM, "monitoring": wanted})))


def groups(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    one = next(one for one in found if one["kind"] == "PrometheusRule")
    return list(one["spec"]["groups"])


def in_files() -> list[dict[str, Any]]:
    texts = [file.read_text() for file in sorted((FILES / "rules").glob("*.yaml"))]
    return [group for text in texts for group in yaml.safe_load(text)["groups"]]


def test_the_rules_are_those_of_the_files() -> None:
    assert groups(made()) == in_files()


def test_the_dashboards_are_those_of_the_files() -> None:
    maps = [one for one in made() if one["metadata"]["name"].startswith("demo-groundwire-dashboard-")]
    data = {name: text for one in maps for name, text in one["data"].items()}
    assert data == {file.name: file.read_text() for file in (FILES / "dashboards").glob("*.json")}
    assert len(data) == 2
    for one in maps:
        kubernetes_validate.validate(one, "1.29", strict=True)
        assert len(json.dumps(one)) < 512 * 1024, "a ConfigMap has a bound of 1 MiB"


def test_alerts_and_dashboards_link_to_where_the_docs_are() -> None:
    found = made(docsUrl=DOCS)
    urls = [rule["annotations"]["runbook_url"] for group in groups(found) for rule in group["rules"] if "alert" in rule]
    assert all(url.startswith("https://docs.example.com/groundwire/alerts.md#groundwire") for url in urls)
    board = next(one for one in found if one["metadata"]["name"].endswith("-groundwire-now"))
    links = json.loads(board["data"]["groundwire-now.json"])["links"]
    assert "https://docs.example.com/groundwire/alerts.md" in [link.get("url") for link in links]


def test_an_alert_can_be_left_out() -> None:
    left = groups(made(rules={"enabled": True, "disabled": ["GroundwireDrift"]}))
    names = [rule.get("alert") for group in left for rule in group["rules"]]
    assert "GroundwireDrift" not in names
    assert len(names) == sum(len(group["rules"]) for group in in_files()) - 1


def test_an_alert_that_is_none_cannot_be_left_out() -> None:
    with pytest.raises(helm_python.HelmError, match="there is no alert GroundwireDrft"):
        made(rules={"enabled": True, "disabled": ["GroundwireDrft"]})


def test_both_endpoints_of_a_pod_are_of_one_job() -> None:
    """A job stands for one installation: alerts compare traffic and analysis within it."""
    found = made(enabled=True)
    (monitor,) = (one for one in found if one["kind"] == "ServiceMonitor")
    ports = [endpoint["port"] for endpoint in monitor["spec"]["endpoints"]]
    assert ports == ["gw-health", "gw-analysis"]
    chosen = monitor["spec"]["selector"]["matchLabels"].items()
    services = [one for one in found if one["kind"] == "Service" and chosen <= one["metadata"]["labels"].items()]
    assert len(services) == 1
