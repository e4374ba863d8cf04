"""`groundwire explain`: why a decision was taken; and the decision computed again, here, from its record alone."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from pathlib import Path
from typing import Any, Final

from proxy import VERSION
from proxy.core.decisions.explain import explain as in_words
from proxy.core.decisions.explained import explained
from proxy.core.decisions.record import BYTES_MAX, FORMAT, Record, seal
from proxy.core.decisions.replay import differences
from proxy.core.errors import StateError

FILE_BYTES_MAX: Final = 8 * BYTES_MAX  # with its text, its facts and its indentation


def explain(arguments: Namespace) -> int:
    """0: told, or computed again to the same decision; 1: it comes out otherwise. Raises GroundwireError."""
    record = read_record(Path(arguments.id)) if _is_file(arguments.id) else _fetched(arguments)
    if arguments.recompute:
        return _recomputed(record, as_json=arguments.json)
    return _print(_json(record) if arguments.json else in_words(record))


def read_record(path: Path) -> Record:
    """A record from a file: as `explain ID --json` printed it, or as the store keeps it. Raises StateError."""
    try:
        if path.stat().st_size > FILE_BYTES_MAX:
            raise StateError(f"{path}: larger than {FILE_BYTES_MAX} bytes: is this an evidence record?")
        return record_of(json.loads(path.read_bytes()), str(path))
    except OSError as wrong:
        raise StateError(f"{path}: cannot be read: {wrong.strerror}") from wrong
    except ValueError as wrong:
        raise StateError(f"{path}: not JSON: {wrong}") from wrong


def record_of(data: Any, source: str) -> Record:
    """The record in plain JSON. Raises StateError where it is none, or was changed since it was written."""
    try:
        if data.get("format", FORMAT) != FORMAT:
            raise StateError(f"{source}: evidence record of format {data['format']!r}, this version reads {FORMAT}")
        body = data["body"] if "body" in data else data["record"]
        record = seal(str(data["route"]), float(data["at_s"]), body)
    except (KeyError, TypeError, ValueError, AttributeError) as wrong:
        raise StateError(f"{source}: not an evidence record; `groundwire explain ID --json` prints one") from wrong
    if data.get("id", record.id) != record.id:
        raise StateError(f"{source}: its content gives the id {record.id}, not {data['id']}: it was changed")
    return record


def _is_file(name: str) -> bool:
    return name.endswith(".json") or "/" in name or Path(name).is_file()


def _fetched(arguments: Namespace) -> Record:
    from proxy.control.api.client import ControlClient  # noqa: PLC0415 - a file needs no client, and no settings

    return record_of(ControlClient.of(arguments).get(f"/v1/explain/{arguments.id}"), arguments.id)


def _recomputed(record: Record, *, as_json: bool) -> int:
    differ = differences(record)
    told = {"id": record.id, "same": not differ, "differ": list(differ), "groundwire": VERSION}
    if as_json:
        _print(json.dumps(told, indent=2))
    else:
        _print(f"{_basis(record)}\n" + (f"It DIFFERS in: {', '.join(differ)}." if differ else "It is the same."))
    return 1 if differ else 0


def _basis(record: Record) -> str:
    inputs, here = record.body["inputs"], f"computed again by groundwire {VERSION}"
    if "order" in inputs:
        return f"Decision {record.id}, an order of {inputs['who']}, {here}."
    recorded = inputs["context"]["versions"].get("groundwire", "an unnamed version")
    panes = len(inputs["panes"]) + (inputs["open_pane"] is not None)
    what = f"from {panes} panes, {len(inputs['plan']['tests'])} tests and the state before, recorded by {recorded}"
    return f"Decision {record.id} {here}: {what}."


def _json(record: Record) -> str:
    whole = {"format": FORMAT, "id": record.id, **explained(record), "text": in_words(record), "record": record.body}
    return json.dumps(whole, indent=2, sort_keys=True)


def _print(text: str) -> int:
    sys.stdout.write(text + "\n")
    return 0
