"""The evidence record: all from which a decision can be computed again. JSON, with an id made from its content.

    format, at_s, route
    inputs     state before, closed panes, open pane, plan (lines, limits and the integer tables that were used),
               baseline, policy (values, text, SHA-256 of the text), context, versions
    decision   severity, step, would, actions, reasons, findings, blind

An operator's order has `order`, `who` and `why` instead of panes and plan.

A record is of about 120 KB with every signal at one weight, 480 KB at all eight, and never of more than BYTES_MAX:
its panes have at most `decide.CELLS_MAX` counters.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from proxy.core.errors import StateError
from proxy.core.windows import Cell, Counts

FORMAT: Final = 1
BYTES_MAX: Final = 8_388_608  # 8 MiB, after a long absence


@dataclass(frozen=True, slots=True)
class Record:
    """`id` is made from the content; `at_s` is Unix time; `body` is plain JSON (keys: `inputs`, `decision`)."""

    id: str
    at_s: float
    route: str
    body: Mapping[str, Any]


def seal(route: str, at_s: float, body: Mapping[str, Any]) -> Record:
    """A record with its id: the first 16 hex digits of the SHA-256 of its canonical JSON."""
    return Record(hashlib.sha256(_canonical(route, at_s, body)).hexdigest()[:16], at_s, route, body)


def to_bytes(record: Record) -> bytes:
    """Canonical JSON: keys sorted, no spaces, ASCII."""
    return _canonical(record.route, record.at_s, record.body)


def from_bytes(data: bytes) -> Record:
    """Read a record; its id is computed, so a changed record has another id. Raises StateError."""
    try:
        whole = json.loads(data)
        if whole["format"] != FORMAT:
            raise StateError(f"evidence record has format {whole['format']!r}, this version reads {FORMAT}")
        return seal(str(whole["route"]), float(whole["at_s"]), whole["body"])
    except (KeyError, TypeError, ValueError) as wrong:
        raise StateError(f"evidence record cannot be read: {wrong!r}") from wrong


def _canonical(route: str, at_s: float, body: Mapping[str, Any]) -> bytes:
    whole = {"format": FORMAT, "route": route, "at_s": at_s, "body": body}
    return json.dumps(whole, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def sharing(finding: Mapping[str, Any], inputs: Mapping[str, Any], decision: Mapping[str, Any]) -> int:
    """How many share the budget of a finding's line on a route: lines of its kind, or signals of drift."""
    return len(inputs["plan"]["drift"]["watched"]) if finding.get("detail") else decision["tests"][finding["line"]]


def panes_json(panes: Sequence[tuple[int, Counts]]) -> list[Any]:
    """Panes as [number, [[signal, stratum, r, y, count], ...]]."""
    return [[pane, [[*cell, count] for cell, count in sorted(counts.items())]] for pane, counts in panes]


def panes_from_json(data: Any) -> list[tuple[int, Counts]]:
    """The inverse of `panes_json`."""
    return [(pane, {Cell(s, stratum, r, y): n for s, stratum, r, y, n in cells}) for pane, cells in data]
