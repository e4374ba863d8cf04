"""docs/configuration.md, made from the settings' own declarations: `python -m proxy.config.reference > FILE`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import MISSING, Field, fields, is_dataclass
from typing import Any, get_args, get_origin, get_type_hints

from proxy.config.settings import Settings

HEAD = """# Configuration

One YAML file: `groundwire serve --config FILE`. Stronger than the file are environment variables
(`GROUNDWIRE_LISTEN__DATA=0.0.0.0:8900`: upper case, `__` between section and key), and stronger than those are flags
(`--set listen.data=0.0.0.0:8900`). A scalar may say `${NAME}` or `${NAME:-default}`. `upstream: URL` is short for
`upstreams: {default: {url: URL}}`. `groundwire check FILE` names every mistake by file, line and key. A change of this
file, or of a policy or prompt file that it names, is taken up within seconds, as on SIGHUP; one with a mistake is
refused while the old one stays in force.

This page is made from the declarations in `proxy/config/settings.py` and `proxy/config/sections` (`make docs`).
"""


def page() -> str:
    """The whole page."""
    return "\n".join([HEAD, *_section("Top level", "", Settings)]) + "\n"


def _section(title: str, prefix: str, cls: type[Any]) -> Iterator[str]:
    hints = get_type_hints(cls)
    yield f"## {title}\n\n{cls.__doc__}\n\n| key | default | meaning | why |\n|---|---|---|---|"
    nested: list[tuple[str, type[Any]]] = []
    for one in fields(cls):
        inner = _dataclass_in(hints[one.name])
        if inner is None:
            yield f"| `{prefix}{one.name}` | {_default(one)} | {one.metadata['doc']} | {one.metadata['why']} |"
        else:
            nested.append((f"{prefix}{one.name}{_many(hints[one.name])}", inner))
    yield ""
    for name, inner in nested:
        yield from _section(f"`{name}`", f"{name}.", inner)


def _many(hint: Any) -> str:
    """What stands between a section's name and its keys where there are several: a name, or a list's place."""
    return {dict: ".NAME", tuple: "[]"}.get(get_origin(hint), "")


def _dataclass_in(hint: Any) -> type[Any] | None:
    for candidate in (hint, *get_args(hint)):
        if isinstance(candidate, type) and is_dataclass(candidate):
            return candidate
    return None


def _default(one: Field[Any]) -> str:
    value = one.default if one.default is not MISSING else "{}"
    if value == "":
        return '`""`'
    if isinstance(value, tuple):
        return " ".join(f"`{item}`" for item in value)
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


if __name__ == "__main__":
    sys.stdout.write(page())
