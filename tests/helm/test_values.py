"""The values: a line of documentation each, the right type each, and one declaration of both."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from tests.support import ROOT

CHART = ROOT / "helm" / "groundwire"


def test_the_table_is_made_from_the_values() -> None:
    """`make docs` renews it."""
    made = subprocess.run(
        [sys.executable, ROOT / "scripts" / "helm-values"], capture_output=True, text=True, check=True
    )
    assert made.stdout == (ROOT / "docs" / "helm-values.md").read_text()


def keys(
    values: Mapping[str, Any], schema: Mapping[str, Any], at: str = ""
) -> Iterator[tuple[str, set[str], set[str]]]:
    """Of every closed object of the schema: its keys in values.yaml, and in the schema."""
    if schema.get("additionalProperties") is not False:
        return
    properties = schema["properties"]
    yield at or "top", set(values), set(properties)
    for name, inner in properties.items():
        if isinstance(values.get(name), dict):
            yield from keys(values[name], inner, f"{at}.{name}".lstrip("."))


def test_values_and_schema_name_the_same_keys() -> None:
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    schema = json.loads((CHART / "values.schema.json").read_text())
    found = list(keys(values, schema))
    assert len(found) > 10
    assert [(at, mine ^ theirs) for at, mine, theirs in found if mine ^ theirs - {"global"}] == []


def test_the_chart_has_the_version_of_the_program() -> None:
    from proxy import VERSION

    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert chart["appVersion"] == VERSION
    example = yaml.safe_load((ROOT / "helm" / "examples" / "vllm" / "Chart.yaml").read_text())
    assert example["dependencies"][0]["version"] == chart["version"]
