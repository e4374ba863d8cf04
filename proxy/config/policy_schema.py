"""policies/schema.json, made from the policy's own declarations: `python -m proxy.config.policy_schema > FILE`.

For editors and pipelines. It knows keys, types, choices and defaults; what only values beside each other tell (a
critical line below its warning line) is said by `groundwire check --policy FILE`, by file, line and key.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any, Final, get_args, get_type_hints

from pydantic import TypeAdapter

from proxy.core.policies.policy import Policy

HEAD: Final = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "Groundwire policy",
}


def policy_schema() -> dict[str, Any]:
    """The schema as plain JSON values."""
    schema = TypeAdapter(Policy).json_schema()
    declared = {cls.__name__: cls for cls in _dataclasses(Policy)}
    for name, one in [("Policy", schema), *schema.get("$defs", {}).items()]:
        if name in declared:
            _describe(one, declared[name])
    whole = {**schema, **HEAD}
    return {key: whole[key] for key in (*HEAD, *(key for key in whole if key not in HEAD))}


def page() -> str:
    """The file's text."""
    return json.dumps(policy_schema(), indent=2) + "\n"


def _describe(schema: dict[str, Any], cls: type[Any]) -> None:
    """Each key with its meaning and reason instead of a title made of its name."""
    schema.pop("title", None)
    for one in fields(cls):
        entry = schema["properties"][one.name]
        entry.pop("title", None)
        entry["description"] = " ".join(filter(None, (one.metadata.get("doc", ""), one.metadata.get("why", ""))))


def _dataclasses(cls: type[Any]) -> Iterator[type[Any]]:
    yield cls
    for hint in get_type_hints(cls).values():
        for one in (hint, *get_args(hint)):
            if isinstance(one, type) and is_dataclass(one):
                yield from _dataclasses(one)


if __name__ == "__main__":
    sys.stdout.write(page())
