"""Which known triggers a prompt holds: all patterns in one pass, in time that is linear in the text (RE2)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import re2

from proxy.config.files import Files
from proxy.config.triggers import FILE, parse_triggers
from proxy.core.errors import ConfigError, Place

SEARCHED_CHARS_MAX: Final = 65_536  # of a longer prompt the first and the last half: triggers stand at an end


Search = Callable[[str], tuple[str, ...]]  # prompt text -> names of the triggers that it holds


def load_triggers(file: str = "", files: Files | None = None) -> Search:
    """The search for the triggers of a file, "" for those that come with Groundwire. Raises ConfigError."""
    return (files or Files()).take(file or str(FILE), _searching)


def _searching(text: str, source: str) -> Search:
    known = parse_triggers(text, source).triggers
    return searching({name: trigger.pattern for name, trigger in known.items()}, source)


def searching(patterns: Mapping[str, str], source: str) -> Search:
    """Prompt text -> names of the patterns that it holds. Raises ConfigError that names the first bad one."""
    names = tuple(patterns)
    if not names:
        return lambda _: ()
    found: Any = re2.Set.SearchSet(_options())
    for name, pattern in patterns.items():
        try:
            re2.compile(pattern, _options())
            found.Add(pattern)
        except re2.error as wrong:
            raise ConfigError(
                [(Place(source, None, f"triggers.{name}.pattern"), f"no RE2 expression: {wrong}")]
            ) from wrong
    found.Compile()

    def search(text: str) -> tuple[str, ...]:
        return tuple(names[place] for place in sorted(found.Match(_bounded(text)) or ()))

    return search


def _bounded(text: str) -> bytes:
    half = SEARCHED_CHARS_MAX // 2
    short = text if len(text) <= 2 * half else f"{text[:half]}\n{text[-half:]}"
    return short.encode("utf-8", "replace")


def _options() -> Any:
    options = re2.Options()
    options.log_errors = False
    return options
