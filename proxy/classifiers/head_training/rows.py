"""The file that a head is trained from: {"text", "label": 0 or 1, "prompt"?, "role"?}, one JSON object a line."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from proxy.classifiers.contract import Item, Role
from proxy.classifiers.evaluation.rows import RowError, lines

ROWS_MAX: Final = 50_000

Labelled = tuple[Item, bool]


def read(path: Path) -> list[Labelled]:
    """Distinct items with their labels, in order. Raises RowError naming the line that cannot be used."""
    found: dict[Item, tuple[bool, int]] = {}
    for number, line in lines(path):
        try:
            item, label = parsed(line)
        except ValueError as wrong:
            raise RowError(f"{path}:{number}: {wrong}") from wrong
        before = found.setdefault(item, (label, number))
        if before[0] != label:
            raise RowError(f"{path}:{number}: the text of line {before[1]} again, with the other label; decide for one")
        if len(found) > ROWS_MAX:
            raise RowError(f"{path}: more than {ROWS_MAX} different texts; a sample of them makes as good a head")
    if not found:
        raise RowError(f'{path}: holds no row; each line is {{"text": "...", "label": 0 or 1}}')
    return [(item, label) for item, (label, _) in found.items()]


def parsed(line: str) -> Labelled:
    """One line. Raises ValueError that says which field is wrong."""
    data = json.loads(line)
    if not isinstance(data, dict):
        raise ValueError("a row is a JSON object with text and label")  # noqa: TRY004 - one error for a line
    text, label, prompt = data.get("text"), data.get("label"), data.get("prompt") or ""
    if not isinstance(text, str) or not text.strip() or not isinstance(prompt, str):
        raise ValueError("text is a string that is not empty, prompt a string")
    if label not in (0, 1):
        raise ValueError(f"label is {label!r}; it is 0 or 1")
    role = data.get("role", Role.RESPONSE.value)
    if role not in tuple(Role):
        raise ValueError(f"role is {role!r}; it is one of {', '.join(Role)}")
    return Item(text, Role(role), prompt), bool(label)


def roles(rows: Sequence[Labelled]) -> list[Role]:
    """The roles that occur, in the contract's order."""
    seen = {item.role for item, _ in rows}
    return [role for role in Role if role in seen]
