"""What Grafana draws: panels, rows and whole dashboards as plain JSON values. Pure.

The shape is that of schema version 39 (Grafana 10.4 and newer read it; it is migrated on import).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from proxy.telemetry.dashboards.queries import Query

SCHEMA: Final = 39
COLUMNS: Final = 24
SOURCE: Final = {"type": "prometheus", "uid": "${datasource}"}
TAG: Final = "groundwire"
GREEN, YELLOW, ORANGE, RED, BLUE = "green", "yellow", "orange", "red", "blue"

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel, `width` of 24 columns and `height` rows of Grafana's grid.

    `about` stands before the help of the metrics that it reads. `colors`: (value from which on, color), in order.
    `words`: what a value is called. `columns`: of a table, its fields in order and what they are called. `units` and
    `paints` are of single fields, by name.
    """

    title: str
    kind: str
    queries: tuple[Query, ...]
    width: int = 8
    height: int = 7
    about: str = ""
    unit: str = ""
    high: float | None = None
    colors: tuple[tuple[float | None, str], ...] = ((None, GREEN),)
    words: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    columns: Mapping[str, str] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)
    paints: Mapping[str, str] = field(default_factory=dict)
    sort: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """A row with a title that asks a question, and the panels that answer it."""

    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True, slots=True)
class Board:
    """A dashboard. `since` and `refresh` in Grafana's words; `changes`: the query of annotations, value in ms."""

    uid: str
    title: str
    about: str
    rows: tuple[Row, ...]
    changes: Query
    variables: tuple[tuple[str, str], ...]
    since: str
    refresh: str


def board_json(board: Board) -> Json:
    """The whole dashboard, as it is imported."""
    return {
        "uid": board.uid,
        "title": board.title,
        "description": board.about,
        "tags": [TAG],
        "schemaVersion": SCHEMA,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,
        "timezone": "",
        "time": {"from": board.since, "to": "now"},
        "refresh": board.refresh,
        "templating": {"list": [_source_variable(), *(_variable(name, of) for name, of in board.variables)]},
        "annotations": {"list": [_changes(board.changes)]},
        "links": _links(),
        "panels": list(_placed(board.rows)),
    }


def _links() -> list[Json]:
    return [
        {"type": "dashboards", "title": "Groundwire", "tags": [TAG], "asDropdown": False, "keepTime": False,
         "includeVars": True, "targetBlank": False},
        {"type": "link", "title": "What to do", "icon": "doc", "url": "docs/alerts.md", "targetBlank": True,
         "tooltip": "The runbook: what each alert means, and what to do"},
    ]  # fmt: skip


def _source_variable() -> Json:
    return {"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus", "refresh": 1}


def _variable(name: str, of: str) -> Json:
    """Values that the series have; all of them at first."""
    every = {"selected": True, "text": ["All"], "value": ["$__all"]}
    return {
        "name": name, "label": name, "type": "query", "datasource": SOURCE, "definition": of,
        "query": {"query": of, "refId": name}, "refresh": 2, "sort": 1, "multi": True, "includeAll": True,
        "allValue": ".*", "current": every,
    }  # fmt: skip


def _changes(query: Query) -> Json:
    """A mark where the step of a route changed: the value of the series is the time."""
    return {
        "name": "Steps", "datasource": SOURCE, "enable": True, "iconColor": ORANGE, "expr": query.expr,
        "useValueForTime": True, "titleFormat": query.legend, "tagKeys": "route,step", "step": "60s",
    }  # fmt: skip


def _placed(rows: Sequence[Row]) -> Iterator[Json]:
    """Panels from left to right; a line is as high as its highest panel."""
    number, top = 0, 0
    for row in rows:
        number += 1
        yield _row_json(row, number, top)
        top += 1
        left, highest = 0, 0
        for panel in row.panels:
            number += 1
            if left + panel.width > COLUMNS:
                left, top, highest = 0, top + highest, 0
            place = {"x": left, "y": top, "w": panel.width, "h": panel.height}
            yield {"id": number, "gridPos": place, **panel_json(panel)}
            left, highest = left + panel.width, max(highest, panel.height)
        top += highest


def _row_json(row: Row, number: int, top: int) -> Json:
    place = {"x": 0, "y": top, "w": COLUMNS, "h": 1}
    return {"id": number, "type": "row", "title": row.title, "collapsed": False, "gridPos": place, "panels": []}


def panel_json(panel: Panel) -> Json:
    """A panel without its place."""
    made = {
        "type": panel.kind,
        "title": panel.title,
        "description": described(panel),
        "datasource": SOURCE,
        "targets": [_target(panel, place, one) for place, one in enumerate(panel.queries)],
        "fieldConfig": {"defaults": _defaults(panel), "overrides": list(_overrides(panel))},
        "options": _OPTIONS[panel.kind],
    }
    return {**made, "transformations": _table(panel)} if panel.columns else made


def described(panel: Panel) -> str:
    """What it shows, the help of every metric in it, and what it needs."""
    metrics = dict.fromkeys(metric for one in panel.queries for metric in one.of)
    needs = dict.fromkeys(one.needs for one in panel.queries if one.needs)
    lines = [f"`{metric.name}`: {metric.help}" for metric in metrics]
    return "\n\n".join([*([panel.about] if panel.about else []), *lines, *(f"Needs {need}." for need in needs)])


def _target(panel: Panel, place: int, query: Query) -> Json:
    is_now = panel.kind in {"table", "stat", "bargauge"}
    return {
        "refId": chr(ord("A") + place),
        "datasource": SOURCE,
        "expr": query.expr,
        "legendFormat": query.legend or panel.title,
        "format": "table" if panel.kind == "table" else "time_series",
        "instant": is_now,
        "range": not is_now,
    }


def _defaults(panel: Panel) -> Json:
    steps = [{"color": color, "value": value} for value, color in panel.colors]
    words = {
        value: {"text": text, "color": color, "index": i}
        for i, (value, (text, color)) in enumerate(panel.words.items())
    }
    made: Json = {
        "unit": panel.unit or panel.queries[0].unit,
        "thresholds": {"mode": "absolute", "steps": steps},
        "color": {"mode": "thresholds" if panel.kind != "timeseries" else "palette-classic"},
        "mappings": [{"type": "value", "options": words}] if words else [],
        "custom": _CUSTOM.get(panel.kind, {}),
    }
    return {**made, "min": 0, "max": panel.high} if panel.high is not None else made


def _overrides(panel: Panel) -> Iterator[Json]:
    for name, unit in panel.units.items():
        yield {"matcher": {"id": "byName", "options": name}, "properties": [{"id": "unit", "value": unit}]}
    for name, color in panel.paints.items():
        painted = {"id": "color", "value": {"mode": "fixed", "fixedColor": color}}
        yield {"matcher": {"id": "byName", "options": name}, "properties": [painted]}
    if panel.sort and panel.words:  # the column that it is sorted by shows its words in their colors
        cell = {"id": "custom.cellOptions", "value": {"type": "color-background"}}
        yield {"matcher": {"id": "byName", "options": panel.columns[panel.sort]}, "properties": [cell]}


def _table(panel: Panel) -> list[Json]:
    """The results of all queries as one table, in the panel's own words and order."""
    order = {name: place for place, name in enumerate(panel.columns)}
    shown = [{"id": "merge", "options": {}},
             {"id": "filterFieldsByName", "options": {"include": {"names": list(panel.columns)}}},
             {"id": "organize", "options": {"indexByName": order, "renameByName": dict(panel.columns)}}]  # fmt: skip
    field = panel.columns.get(panel.sort, panel.sort)
    return [*shown, {"id": "sortBy", "options": {"sort": [{"field": field, "desc": True}]}}] if field else shown


_REDUCED: Final = {"calcs": ["lastNotNull"], "fields": "", "values": False}
_LEGEND: Final = {"displayMode": "list", "placement": "bottom", "showLegend": True}
_OPTIONS: Final[Mapping[str, Json]] = {
    "timeseries": {"legend": _LEGEND, "tooltip": {"mode": "multi", "sort": "desc"}},
    "stat": {"reduceOptions": _REDUCED, "colorMode": "background", "graphMode": "none", "textMode": "value_and_name"},
    "bargauge": {"reduceOptions": _REDUCED, "displayMode": "basic", "orientation": "horizontal"},
    "table": {"showHeader": True, "cellHeight": "sm"},
    "state-timeline": {"legend": _LEGEND, "mergeValues": True, "showValue": "auto", "rowHeight": 0.8},
}
_CUSTOM: Final[Mapping[str, Json]] = {
    "timeseries": {"drawStyle": "line", "lineWidth": 1, "fillOpacity": 10, "showPoints": "auto", "spanNulls": False},
    "table": {"align": "auto", "cellOptions": {"type": "auto"}},
    "state-timeline": {"fillOpacity": 80, "lineWidth": 0},
}
