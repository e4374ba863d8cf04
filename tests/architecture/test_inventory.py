"""Everything that is serialised, logged or shown as a metric is declared, field by field, in `proxy/inventory`."""

from __future__ import annotations

import ast
import importlib
import typing
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import pytest

from proxy.config.settings import Settings
from proxy.inventory.logs import LABELS, LOG_FIELDS
from proxy.inventory.page import DECLARED, page
from proxy.telemetry.registry import METRICS

ROOT = Path(__file__).resolve().parents[2]
BY_TYPE = {one.type: one for one in DECLARED if one.type}
BY_SCHEMA = "proxy.core.policies.policy"  # its parts are in policies/schema.json, which another test holds
LEVELS = {"debug", "info", "warning", "error"}
NAMED = {"decision_fields", "finding_json", "_epoch"}  # functions whose dicts become fields of a line


def name_of(cls: type[Any]) -> str:
    return f"{cls.__module__}:{cls.__qualname__}"


def loaded(name: str) -> type[Any]:
    module, _, cls = name.partition(":")
    found: type[Any] = getattr(importlib.import_module(module), cls)
    return found


def names(cls: type[Any]) -> set[str]:
    return {one.name for one in fields(cls)} if is_dataclass(cls) else set(cls._fields)


def parts(hint: Any) -> Iterator[type[Any]]:
    """The dataclasses and named tuples in an annotation."""
    if typing.get_args(hint):
        for one in typing.get_args(hint):
            yield from parts(one)
    elif isinstance(hint, type) and (is_dataclass(hint) or hasattr(hint, "_fields")):
        yield hint


@pytest.mark.parametrize("name", sorted(BY_TYPE))
def test_every_field_is_declared_and_nothing_else(name: str) -> None:
    cls = loaded(name)
    assert names(cls) == set(BY_TYPE[name].fields), f"declare what {name} keeps in proxy/inventory"
    for hint in typing.get_type_hints(cls).values():
        for part in parts(hint):
            assert part.__module__ == BY_SCHEMA or name_of(part) in BY_TYPE, f"{name} holds {name_of(part)}"


def codecs() -> Iterator[str]:
    """Every module that turns something into bytes or JSON."""
    for path in (ROOT / "proxy").rglob("*.py"):
        tree = ast.parse(path.read_text())
        made = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
        if made & {"to_bytes", "from_bytes"} or {"to_json", "from_json"} <= made:
            yield ".".join(path.relative_to(ROOT).with_suffix("").parts)


def test_what_has_a_codec_is_declared() -> None:
    """Each module that writes state declares a type of its own, or writes one of another module that does."""
    elsewhere = {
        "proxy.core.drift.as_json": "proxy.core.drift.shares",
        "proxy.analysis.judging.strict_kept": "proxy.analysis.judging.strict",
        "proxy.core.evidence.plan_json": "proxy.core.evidence.plan",
        "proxy.core.policies.diff": "proxy.core.policies.diff",
        "proxy.link.frames": "proxy.core.exchange",
    }
    declared = {name.partition(":")[0] for name in BY_TYPE}
    missing = [module for module in codecs() if elsewhere.get(module, module) not in declared]
    assert missing == []


def logged() -> Iterator[str]:
    """The fields of every log line in the package."""
    for path in (ROOT / "proxy").rglob("*.py"):
        tree = ast.parse(path.read_text())
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and _logs(node):
                yield from (keyword.arg for keyword in node.keywords if keyword.arg)
            elif isinstance(node, ast.FunctionDef) and node.name in NAMED:
                yield from _keys(node)
            elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "fields":
                yield from _keys(node.value)


def _logs(call: ast.Call) -> bool:
    if isinstance(call.func, ast.Name):
        return call.func.id in {"fault", "emit"}
    at = call.func
    return isinstance(at, ast.Attribute) and at.attr in LEVELS and ast.unparse(at.value) in {"log", "_log"}


def _keys(node: ast.AST) -> Iterator[str]:
    for inner in ast.walk(node):
        if isinstance(inner, ast.Dict):
            yield from (str(key.value) for key in inner.keys if isinstance(key, ast.Constant))


def test_every_field_of_a_log_line_is_declared() -> None:
    found = {*logged(), "time_s", "level", "process", "logger", "event"}
    assert "trace" in found
    found = found - {"trace"} | {"trace_id", "span_id"}  # as telemetry/lines.py writes it
    assert "route" in found
    assert "odds_ln" in found
    assert found - LOG_FIELDS.keys() == set(), "declare them in proxy/inventory/logs.py"
    assert LOG_FIELDS.keys() - found == set(), "nobody logs these any more"


def test_every_label_of_a_metric_is_declared() -> None:
    assert len(METRICS) > 50
    assert {label for metric in METRICS for label in metric.label_names} == set(LABELS)


def test_no_setting_holds_a_secret_itself() -> None:
    """Settings are logged and shown: what is secret is named by file or environment variable."""
    secret = ("password", "token", "key", "secret", "value")
    allowed = ("_file", "_env", "_rotate_s", "_tokens", "_per_s")
    found = [one for one in every_setting(Settings) if any(word in one for word in secret)]
    assert found
    assert [one for one in found if not one.endswith(allowed)] == []


def every_setting(cls: type[Any]) -> Iterator[str]:
    hints = typing.get_type_hints(cls)
    for one in fields(cls):
        inner = list(parts(hints[one.name]))
        if inner:
            yield from every_setting(inner[0])
        else:
            yield one.name


def test_nothing_lives_for_ever_or_is_read_by_nobody() -> None:
    for one in DECLARED:
        assert all((one.title, one.place, one.purpose, one.lifetime, one.readers, one.fields)), one.title
        assert all(one.fields.values()), one.title


def test_texts_are_on_the_wire_and_in_memory_only() -> None:
    texts = {one.title: one.place for one in DECLARED if any("**text" in what for what in one.fields.values())}
    assert set(texts) == {"An exchange", "A captured body", "An observation"}
    assert all("memory" in place for place in texts.values())


def test_the_page_is_that_of_the_declarations() -> None:
    assert (ROOT / "docs" / "data-inventory.md").read_text() == page(), "run `make docs`"
