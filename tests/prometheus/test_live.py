"""Prometheus, Alertmanager and a webhook around a real run: panels have data, a revert reaches who is on call."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from proxy.telemetry.dashboards import now, trend
from proxy.telemetry.dashboards.panels import Board, board_json
from tests.prometheus.rules import RECORDING, rules_of
from tests.prometheus.scene import REASON, ROUTE, Scene, played
from tests.prometheus.servers import ALERTMANAGER, need

pytestmark = [pytest.mark.alone, pytest.mark.timeout(600)]  # half a minute on a free machine
PAST_S = 60.0
WINDOW = "20s"
CHOSEN = {"$namespace": ".*", "$job": "groundwire", "$route": ".*", "$instance": ".*", "$__rate_interval": WINDOW}
BOARDS = (now.board(), trend.board(WINDOW))


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    need("prometheus", ALERTMANAGER)
    with played(tmp_path_factory.mktemp("prometheus")) as found:
        yield found


def chosen(expression: str) -> str:
    """With the dashboard's variables filled in."""
    for name, value in CHOSEN.items():
        expression = expression.replace(name, value)
    assert "$" not in expression, expression
    return expression


def without_data(scene: Scene, board: Board) -> list[tuple[str, str]]:
    """Panel and expression of every query that returns nothing."""
    optional = {query.expr for row in board.rows for panel in row.panels for query in panel.queries if query.needs}
    panels: list[dict[str, Any]] = board_json(board)["panels"]
    targets = [(panel, target) for panel in panels for target in panel.get("targets", ())]
    assert len(targets) > 20
    return [
        (panel["title"], target["expr"])
        for panel, target in targets
        if not scene.prometheus.values(chosen(target["expr"]), scene.ended_s, 0.0 if target["instant"] else PAST_S)
        and target["expr"] not in optional
    ]


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.uid)
def test_every_panel_has_data(scene: Scene, board: Board) -> None:
    assert without_data(scene, board) == []
    assert scene.prometheus.values(chosen(board.changes.expr), scene.ended_s)


def test_every_recording_rule_has_data(scene: Scene) -> None:
    names = [rule["record"] for rule in rules_of(RECORDING)]
    assert [name for name in names if not scene.prometheus.values(name, scene.ended_s, PAST_S)] == []


def test_every_rule_is_healthy(scene: Scene) -> None:
    groups = scene.prometheus.get("/api/v1/rules")["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    assert {rule["name"]: rule.get("lastError", "") for rule in rules if rule["health"] != "ok"} == {}


def test_a_revert_reaches_who_is_on_call(scene: Scene) -> None:
    """The labels to route it by, and why, in words."""
    alert = scene.webhook.alert("GroundwireRouteReverted", REASON)
    assert alert is not None
    assert alert["labels"]["route"] == ROUTE
    assert alert["labels"]["severity"] == "critical"
    notes = alert["annotations"]
    assert ROUTE in notes["summary"]
    record = notes["description"].rpartition("groundwire explain ")[2]
    assert ROUTE in scene.wire.control.get(f"/v1/explain/{record}")["text"]


def test_no_annotation_failed_to_expand(scene: Scene) -> None:
    alerts = scene.prometheus.get("/api/v1/alerts")["alerts"]
    assert alerts
    assert [alert for alert in alerts if "error expanding" in str(alert["annotations"])] == []


def test_nothing_else_pages(scene: Scene) -> None:
    """A revert that went as it should is one page."""
    pages = [alert for message in scene.webhook.told for alert in message["alerts"] if alert["status"] == "firing"]
    critical = {alert["labels"]["alertname"] for alert in pages if alert["labels"]["severity"] == "critical"}
    assert critical <= {"GroundwireRouteReverted", "GroundwireRouteLimited"}
