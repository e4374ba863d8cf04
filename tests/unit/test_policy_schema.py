"""policies/schema.json says what the loader takes: the same keys, types, choices and defaults, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, fields
from typing import Any

import pytest
import yaml
from pydantic import TypeAdapter, ValidationError

from proxy.config.files import SHIPPED
from proxy.config.policies import NAMES, policy_path
from proxy.config.policy_schema import page, policy_schema
from proxy.core.policies.policy import Policy

SCHEMA = policy_schema()
TYPES = {"number": (int, float), "integer": (int,), "string": (str,), "boolean": (bool,), "object": (dict,)}


def errors(value: Any, schema: dict[str, Any], key: str = "") -> Iterator[str]:
    """The part of JSON Schema that the file uses: $ref, type, enum, properties, additionalProperties."""
    if "$ref" in schema:
        schema = SCHEMA["$defs"][schema["$ref"].rpartition("/")[2]]
    if "enum" in schema and value not in schema["enum"]:
        yield f"{key}: {value!r} is none of {schema['enum']}"
    kind = schema.get("type")
    wrong_bool = isinstance(value, bool) and kind in ("number", "integer")
    if kind in TYPES and (wrong_bool or not isinstance(value, TYPES[kind])):
        yield f"{key}: {value!r} is no {kind}"
    elif isinstance(value, dict) and "properties" in schema:
        for name, inner in value.items():
            if name in schema["properties"]:
                yield from errors(inner, schema["properties"][name], f"{key}.{name}")
            elif schema["additionalProperties"] is False:
                yield f"{key}.{name}: unknown"


def test_the_file_is_what_the_declarations_say() -> None:
    text = (SHIPPED / "schema.json").read_text()
    assert text == page(), "run `make docs`: policies/schema.json is made of proxy/core/policies/policy.py"


@pytest.mark.parametrize("name", NAMES)
def test_every_shipped_policy_fits_and_names_the_schema(name: str) -> None:
    text = policy_path(name).read_text()
    assert list(errors(yaml.safe_load(text), SCHEMA)) == []
    assert text.startswith("# yaml-language-server: $schema=schema.json\n"), "so that editors find it"


@pytest.mark.parametrize(
    "values",
    [
        {"surprise": 1},
        {"lines": {"refusal_overall": {"warn": 0.9}}},
        {"mode": "dry-run"},
        {"limited": {"burst": "five"}},
        {"baseline": {"provisional_reverts": 3}},
    ],
)
def test_what_the_loader_refuses_by_key_or_type_the_schema_refuses(values: dict[str, Any]) -> None:
    assert list(errors(values, SCHEMA))
    with pytest.raises(ValidationError):
        TypeAdapter(Policy).validate_python(values)


def test_every_key_has_its_meaning_and_default() -> None:
    top = SCHEMA["properties"]
    assert set(top) == {one.name for one in fields(Policy)}
    for schema in (SCHEMA, *SCHEMA["$defs"].values()):
        assert schema.get("additionalProperties") is False or "enum" in schema
        assert all(one["description"] for one in schema.get("properties", {}).values())
    defaults = {name: one["default"] for name, one in top.items() if "default" in one}
    plain = json.loads(json.dumps(asdict(Policy())))
    assert defaults
    assert all(plain[name] == value for name, value in defaults.items())
