"""The dashboards as Grafana would take them: shape, places, and queries over what is declared."""

from __future__ import annotations

import argparse
import json
import re
from itertools import combinations
from typing import Any

import pytest

from proxy.cli import parser
from proxy.telemetry import control, traffic
from proxy.telemetry.dashboards.__main__ import BOARDS, text_of
from proxy.telemetry.dashboards.panels import COLUMNS, Board, board_json
from proxy.telemetry.dashboards.queries import gauge, quantile
from tests.prometheus.promql import grouped, selectors
from tests.prometheus.rules import alerts
from tests.prometheus.test_rules import SCRAPED, known_labels
from tests.support import ROOT

FOLDER = ROOT / "helm" / "groundwire" / "files" / "dashboards"
KINDS = {"timeseries", "stat", "table", "state-timeline", "row"}
VARIABLES = {"datasource", "namespace", "job", "route", "instance"}
each_board = pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.uid)


def panels(board: Board) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = board_json(board)["panels"]
    return found


def test_the_files_are_what_the_generator_makes() -> None:
    """`make docs` writes them."""
    assert {file.name: file.read_text() for file in FOLDER.iterdir()} == {
        f"{board.uid}.json": text_of(board) for board in BOARDS
    }


@each_board
def test_the_shape_is_grafanas(board: Board) -> None:
    made = json.loads(text_of(board))
    assert made["schemaVersion"] == 39
    assert re.fullmatch(r"[a-z-]{1,40}", made["uid"])
    assert {one["name"] for one in made["templating"]["list"]} == VARIABLES
    assert "id" not in made, "an id is of one Grafana; uid is what stays"
    ids = [panel["id"] for panel in made["panels"]]
    assert len(set(ids)) == len(ids)
    for panel in made["panels"]:
        assert panel["type"] in KINDS
        if panel["type"] == "row":
            continue
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
        assert panel["description"]
        assert panel["fieldConfig"]["defaults"]["unit"]
        refs = [target["refId"] for target in panel["targets"]]
        assert len(set(refs)) == len(refs) > 0


@each_board
def test_no_panel_lies_on_another(board: Board) -> None:
    places = [panel["gridPos"] for panel in panels(board)]
    for place in places:
        assert place["x"] >= 0
        assert place["x"] + place["w"] <= COLUMNS
        assert place["w"] > 0
        assert place["h"] > 0
    for a, b in combinations(places, 2):
        beside = a["x"] + a["w"] <= b["x"] or b["x"] + b["w"] <= a["x"]
        above = a["y"] + a["h"] <= b["y"] or b["y"] + b["h"] <= a["y"]
        assert beside or above, (a, b)


@each_board
def test_a_query_names_what_is_declared_and_takes_the_variables(board: Board) -> None:
    known = known_labels()
    for row in board.rows:
        for panel in row.panels:
            for query in panel.queries:
                named = list(selectors(query.expr))
                assert named
                for metric, labels in named:
                    assert labels <= known[metric] | SCRAPED, metric
                    assert {"namespace", "job"} <= labels, f"{panel.title}: {metric} takes no variable"
                assert grouped(query.expr) <= SCRAPED.union(*(known[metric] for metric, _ in named))
                assert set(re.findall(r"\$(\w+)", query.expr)) <= {*VARIABLES, "__rate_interval"}


@each_board
def test_columns_of_a_table_are_fields_of_its_queries(board: Board) -> None:
    for panel in (panel for row in board.rows for panel in row.panels if panel.columns):
        values = {f"Value #{chr(ord('A') + place)}" for place in range(len(panel.queries))}
        labels = set().union(*(grouped(query.expr) for query in panel.queries))
        assert set(panel.columns) <= values | labels
        assert set(panel.units) <= set(panel.columns.values())
        assert panel.sort in panel.columns


@each_board
def test_every_description_has_the_help_of_its_metrics(board: Board) -> None:
    made = {panel["title"]: panel["description"] for panel in panels(board) if panel["type"] != "row"}
    for panel in (panel for row in board.rows for panel in row.panels):
        assert all(metric.help in made[panel.title] for query in panel.queries for metric in query.of)


def test_few_queries_need_what_not_all_have() -> None:
    needs = [query.needs for b in BOARDS for row in b.rows for panel in row.panels for query in panel.queries]
    assert {need for need in needs if need} == {"classifiers.remote", "a shared store (store.kind: redis)"}


def test_a_query_that_names_no_label_of_the_metric_is_refused() -> None:
    with pytest.raises(ValueError, match="groundwire_requests_total has no label route"):
        gauge(traffic.REQUESTS, "route")
    with pytest.raises(ValueError, match="is no histogram"):
        quantile(control.ODDS, 0.5)


def test_the_runbook_names_commands_that_there_are() -> None:
    texts = [(ROOT / "docs" / "alerts.md").read_text(), *(str(rule["annotations"]) for rule in alerts().values())]
    asked = {tuple(found) for text in texts for found in re.findall(r"`groundwire ([a-z]+)(?: ([a-z]+))?", text)}
    assert len(asked) > 10
    verbs = commands(parser())
    for command, verb in asked:
        assert command in verbs, command
        assert not verbs[command] or verb in verbs[command], (command, verb)


def commands(of: argparse.ArgumentParser) -> dict[str, set[str]]:
    """The verbs of every command; none where it has none."""
    return {name: set(choices(one)) for name, one in choices(of).items()}


def choices(of: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    actions = [one for one in of._actions if isinstance(one, argparse._SubParsersAction)]
    return dict(actions[0].choices) if actions else {}
