"""`replay --panes`: stored panes through the engine again. They come in evidence records, with all that was decided on.

A record holds the panes, the state before, and the lines and tables that were in force, so this needs no store and no
policy. What comes out must be the decision that was taken.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import orjson

from proxy.commands.explain import record_of
from proxy.commands.replay.announcing import RECOVERED, crossed, place_of, signal
from proxy.commands.replay.errors import BadStream
from proxy.commands.replay.output import Output
from proxy.core.decisions.record import Record
from proxy.core.decisions.replay import recompute
from proxy.core.evidence.findings import Estimate, Finding, LineKind, Status

BYTES_MAX: Final = 1 << 30


def replay_panes(name: str, output: Output) -> int:
    """How many decisions come out otherwise; each is named. Raises BadStream, or StateError for what is no record."""
    different = 0
    records = sorted(_records(name), key=lambda record: record.at_s)
    for record in records:
        again, recorded = recompute(record), record.body["decision"]
        output.say(_lines(record, again))
        keys = sorted(key for key in {*again, *recorded} if again.get(key) != recorded.get(key))
        if keys:
            different += 1
            output.note(f"decision {record.id} of {record.route} comes out otherwise in: {', '.join(keys)}")
    output.note(f"{len(records)} decisions computed again, {len(records) - different} come out the same")
    return different


def _records(name: str) -> Iterator[Record]:
    """Records one after another, each as `explain --json` printed it or as the store keeps it, with any white space."""
    decoder, text, at = json.JSONDecoder(), _text(name), 0
    while at < len(text):
        try:
            data, end = decoder.raw_decode(text, at)
        except ValueError as wrong:
            raise BadStream(f"{name}: not JSON: {wrong}") from wrong
        yield from (record_of(one, name) for one in (data if isinstance(data, list) else [data]))
        at = next((place for place in range(end, len(text)) if not text[place].isspace()), len(text))


def _text(name: str) -> str:
    path = Path(name)
    try:
        if path.stat().st_size > BYTES_MAX:
            raise BadStream(f"{name}: larger than {BYTES_MAX} bytes: are these evidence records?")
        return path.read_text(encoding="utf-8").strip()
    except OSError as wrong:
        raise BadStream(f"{name}: {wrong.strerror or wrong}") from wrong
    except UnicodeDecodeError as wrong:
        raise BadStream(f"{name}: not UTF-8: {wrong}") from wrong


def _lines(record: Record, decision: Mapping[str, Any]) -> Iterator[bytes]:
    """What was crossed in the panes of this record, and what recovered in them."""
    inputs = record.body["inputs"]
    if "order" in inputs:
        return
    opened, pane_s = inputs["open_pane"], inputs["context"]["pane_s"]
    panes = {number for number, _ in (*inputs["panes"], *([opened] if opened else []))}
    frame = {"i": record.id, "t": record.at_s, "route": record.route}
    found = [_finding(data) for data in decision["findings"]]
    for name in decision["recovered"]:
        metric, stratum, line = place_of(name, found)
        if line is LineKind.WARNING:
            yield _line({**frame, "signal": signal(metric, stratum), "severity": RECOVERED})
    for finding in found:
        if finding.status is not Status.UNDECIDED and finding.crossed_pane in panes:
            yield _line({**frame, **crossed(finding, pane_s)})


def _finding(data: Mapping[str, Any]) -> Finding:
    seen = data["estimate"]
    plain = {**data, "line": LineKind(data["line"]), "status": Status(data["status"])}
    return Finding(**{**plain, "estimate": Estimate(**seen) if seen else None})


def _line(data: Mapping[str, Any]) -> bytes:
    return orjson.dumps(data, option=orjson.OPT_APPEND_NEWLINE)
