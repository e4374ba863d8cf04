"""`groundwire baseline`: build, look at, compare and switch the versions of a route's baseline."""

from __future__ import annotations

import json
import sys
import time
from argparse import Namespace
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import orjson

from proxy.commands import baseline_print
from proxy.commands.baseline_rows import Rows, read_prompts, read_results
from proxy.commands.duration import seconds
from proxy.commands.route import actor_of
from proxy.control.api.client import ControlClient, ControlError
from proxy.core.baselines import versions
from proxy.core.errors import ConfigError, Place

AT_ONCE: Final = {"judge": 64, "ask": 8}  # rows of one call
TIMEOUT_S: Final = 1_200.0  # of one call: eight answers of a busy server, two at a time
CHARS_AT_ONCE: Final = 2_000_000
FAILED_MAX: Final = 3  # calls in a row without any answer, then it is given up


def build(arguments: Namespace) -> int:
    """A new version from live traffic, results or prompts."""
    client, source = ControlClient.of(arguments), arguments.source[0]
    if source == "live":
        since_s = time.time() - seconds(arguments.since) if arguments.since else 0.0
        data = client.post("/v1/baselines/live", {**_word(arguments), "since_s": since_s}, TIMEOUT_S)
    else:
        data = client.post("/v1/baselines/add", {**_word(arguments), **_counted(client, arguments)}, TIMEOUT_S)
    return _made(client, arguments, data)


def show_list(arguments: Namespace) -> int:
    """Versions and switches."""
    data = _get(arguments, "", route=arguments.route)
    return _json(data) if arguments.json else _print(baseline_print.shelf(data))


def show(arguments: Namespace) -> int:
    """One version with sizes and limits."""
    data = _get(arguments, "/version", route=arguments.route, version=arguments.version or "")
    return _json(data) if arguments.json else _print(baseline_print.version(data))


def diff(arguments: Namespace) -> int:
    """Two versions beside each other."""
    data = _get(arguments, "/diff", route=arguments.route, a=arguments.a, b=arguments.b)
    return _json(data) if arguments.json else _print(baseline_print.diff(data))


def promote(arguments: Namespace) -> int:
    """Put a version in force."""
    body = {**_word(arguments), "version": arguments.version or ""}
    data = ControlClient.of(arguments).post("/v1/baselines/promote", body)
    return _json(data) if arguments.json else _print(data["message"])


def rollback(arguments: Namespace) -> int:
    """Back to what was in force before."""
    data = ControlClient.of(arguments).post("/v1/baselines/rollback", _word(arguments))
    return _json(data) if arguments.json else _print(data["message"])


def export(arguments: Namespace) -> int:
    """A version as JSON, to a file or to stdout."""
    data = _get(arguments, "/version", route=arguments.route, version=arguments.version or "")
    whole = versions.to_json(versions.from_json(data, "version"))
    text = json.dumps(whole, indent=2, sort_keys=True) + "\n"
    if not arguments.out:
        sys.stdout.write(text)
        return 0
    try:
        Path(arguments.out).write_text(text)
    except OSError as wrong:
        raise ControlError(f"{arguments.out}: cannot be written: {wrong.strerror}") from wrong
    return _print(f"version {whole['number']} ({whole['id']}) of route {arguments.route} is in {arguments.out}")


def take(arguments: Namespace) -> int:
    """Import a version."""
    try:
        data = orjson.loads(Path(arguments.file).read_bytes())
    except OSError as wrong:
        raise ConfigError([(Place(arguments.file), f"cannot be read: {wrong.strerror}")]) from wrong
    except ValueError as wrong:
        raise ConfigError([(Place(arguments.file), f"not JSON: {wrong}")]) from wrong
    given = versions.to_json(versions.from_json(data, arguments.file))
    client = ControlClient.of(arguments)
    body = {**_word(arguments), "version": given}
    return _made(client, arguments, client.post("/v1/baselines/import", body, TIMEOUT_S))


def amend(arguments: Namespace) -> int:
    """A version without an incident, or with what its review found."""
    client = ControlClient.of(arguments)
    body = {**_word(arguments), "incident": arguments.incident}
    if arguments.reviewed:
        arguments.source, arguments.judge = ("results", arguments.reviewed), ""
        body |= _counted(client, arguments)
    return _made(client, arguments, client.post("/v1/baselines/amend", body, TIMEOUT_S))


def _counted(client: ControlClient, arguments: Namespace) -> dict[str, Any]:
    """The file's counts, and whose verdicts they are."""
    source, file = arguments.source
    rows = read_results(file) if source == "results" else read_prompts(file)
    cells = Counter[tuple[str, str, int]]()
    for signal, stratum, y, n in rows.cells:
        cells[signal, stratum, y] += n
    verb = "judge" if source == "results" else "ask"
    judge, unjudged = _sent(client, arguments.route, verb, rows, cells)
    text = f"{source} {Path(file).name}: {len(rows.texts) + rows.labelled} lines"
    text += f", {rows.labelled} with labels" if rows.labelled else ""
    text += f", {unjudged} not judged" if unjudged else ""
    return {
        "kind": source,
        "source": text,
        "judge": arguments.judge or judge,
        "cells": [[*place, n] for place, n in sorted(cells.items())],
    }


def _sent(
    client: ControlClient, route: str, verb: str, rows: Rows, cells: Counter[tuple[str, str, int]]
) -> tuple[str, int]:
    """Send what is to be judged, in parts; whose verdicts came back, and how many lines have none."""
    judge, unjudged, failed, done = "", 0, 0, 0
    for part in _parts(rows.texts, AT_ONCE[verb]):
        answer = client.post(f"/v1/baselines/{verb}", {"route": route, "rows": part}, TIMEOUT_S)
        for signal, stratum, y, n in answer["cells"]:
            cells[signal, stratum, y] += n
        judge, unjudged, done = answer["judge"], unjudged + answer["unjudged"], done + len(part)
        failed = failed + 1 if answer["unjudged"] == len(part) and answer["failure"] else 0
        if failed >= FAILED_MAX:
            raise ControlError(f"{answer['failure']}; given up after {done} of {len(rows.texts)} lines")
        _progress(f"{done} of {len(rows.texts)} lines")
    return judge, unjudged


def _parts(texts: Sequence[dict[str, str]], most: int) -> list[list[dict[str, str]]]:
    """Parts of at most so many rows, and of not too many characters."""
    parts: list[list[dict[str, str]]] = [[]]
    chars = 0
    for row in texts:
        size = sum(map(len, row.values()))
        if parts[-1] and (len(parts[-1]) >= most or chars + size > CHARS_AT_ONCE):
            parts.append([])
            chars = 0
        parts[-1].append(row)
        chars += size
    return [part for part in parts if part]


def _made(client: ControlClient, arguments: Namespace, data: dict[str, Any]) -> int:
    """Say what was made, and put it in force where that was asked for."""
    number = None if data["version"] is None else data["version"]["number"]
    if number is not None and arguments.promote:
        body = {**_word(arguments), "version": str(number)}
        data["message"] = client.post("/v1/baselines/promote", body)["message"]
    if arguments.json:
        return _json(data)
    _print(data["message"])
    if number is None:
        return 0
    _print(baseline_print.limits(data))
    if not arguments.promote:
        _print(f"not in force yet: groundwire baseline promote {arguments.route} {number} --reason ...")
    return 0


def _get(arguments: Namespace, path: str, **query: str) -> Any:
    return ControlClient.of(arguments).get(f"/v1/baselines{path}?{urlencode(query)}")


def _word(arguments: Namespace) -> dict[str, Any]:
    return {"route": arguments.route, "actor": actor_of(arguments), "reason": arguments.reason}


def _progress(text: str) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\r{text}\033[K")
        sys.stderr.flush()


def _print(text: str) -> int:
    sys.stdout.write(text + "\n")
    return 0


def _json(data: Any) -> int:
    return _print(json.dumps(data, indent=2, sort_keys=True))
