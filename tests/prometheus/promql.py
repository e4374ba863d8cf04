"""What a PromQL expression names: its metrics, the labels it selects by, and those it groups by. Enough for ours."""

from __future__ import annotations

import re
from collections.abc import Iterator

_TEXT = re.compile(r'"(?:[^"\\]|\\.)*"')
_METRIC = re.compile(
    r"(?<![\w:\"$])((?:[a-z_]+:)?(?:groundwire|process|gen_ai)_\w+(?::\w+)?|up)\b(?!\()(?:\s*{([^}]*)})?"
)
_GROUPED = re.compile(r"\b(?:by|on|without|ignoring|group_left|group_right)\s*\(([^)]*)\)")
_SELECTED = re.compile(r"(\w+)\s*(?:=~|!~|!=|=)")


def selectors(expression: str) -> Iterator[tuple[str, set[str]]]:
    """(metric, labels that it is selected by) for every selector."""
    bare = _TEXT.sub('""', expression)
    for name, inside in _METRIC.findall(_without_groups(bare)):
        yield name, set(_SELECTED.findall(inside))


def grouped(expression: str) -> set[str]:
    """Labels that are grouped or joined by."""
    found = _GROUPED.findall(_TEXT.sub('""', expression))
    return {label.strip() for labels in found for label in labels.split(",") if label.strip()}


def _without_groups(expression: str) -> str:
    return _GROUPED.sub("", expression)
