"""`groundwire score`: what the classifiers say of your own texts. JSON lines in, JSON lines out, in order."""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

import orjson

from proxy.classifiers.contract import Item, Role, Scored, Stage
from proxy.classifiers.guard import Guard
from proxy.classifiers.loading import find_model
from proxy.commands.models.place import library
from proxy.core.errors import GroundwireError
from proxy.sensitive.scan import scan

CHUNK_LINES_MAX: Final = 64
CHUNK_BYTES_MAX: Final = 8_388_608
LINE_BYTES_MAX: Final = 4_194_304
DIGITS: Final = 6

Advance = Callable[[int], None]  # told of the bytes that are done


class BadLine(GroundwireError):  # noqa: N818 - a finding about a line of the input
    """A line that holds no text to score; the message says why."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the input; `problem` says why it cannot be scored, "" where it can."""

    number: int
    data: bytes
    problem: str = ""


def score(arguments: Namespace) -> int:
    """0; 1 where a line could not be scored: it is named on stderr, and the others are scored."""
    threads = arguments.threads or len(os.sched_getaffinity(0))
    with _opened(arguments.file) as (source, size):
        guard = Guard.load(_folder(arguments), rows_max=arguments.batch, passes_max=threads)
        bad = 0
        with _progress(size) as advance:
            for chunk in chunks(source):
                bad += _score_chunk(guard, chunk, Stage(arguments.stage))
                advance(sum(len(line.data) for line in chunk))
    return 1 if bad else 0


def _folder(arguments: Namespace) -> Path:
    """The model's folder: as given, or by the name of one's own or a shipped model. Raises GroundwireError."""
    if not arguments.model or Path(arguments.model).is_dir():
        return find_model(arguments.model)
    return library(arguments).folder(arguments.model)


def chunks(source: BinaryIO) -> Iterator[list[Line]]:
    """The input's lines, blank ones left out, as many at a time as bounds allow."""
    chunk: list[Line] = []
    held = 0
    for line in _lines(source):
        chunk.append(line)
        held += len(line.data)
        if len(chunk) >= CHUNK_LINES_MAX or held >= CHUNK_BYTES_MAX:
            yield chunk
            chunk, held = [], 0
    if chunk:
        yield chunk


def _lines(source: BinaryIO) -> Iterator[Line]:
    number = 0
    while data := source.readline(LINE_BYTES_MAX):
        number += 1
        if len(data) == LINE_BYTES_MAX and not data.endswith(b"\n"):
            while (rest := source.readline(LINE_BYTES_MAX)) and not rest.endswith(b"\n"):
                pass
            yield Line(number, b"", f"longer than {LINE_BYTES_MAX} bytes")
        elif data.strip():
            yield Line(number, data)


def _score_chunk(guard: Guard, chunk: Sequence[Line], stage: Stage) -> int:
    """Score and print; returns how many lines could not be scored."""
    rows: list[tuple[Any, Item]] = []
    for line in chunk:
        try:
            rows.append(parsed(line))
        except BadLine as wrong:
            sys.stderr.write(f"groundwire: line {line.number}: {wrong}\n")
    out = sys.stdout.buffer
    for (name, item), scored in zip(rows, guard.score([item for _, item in rows], stage), strict=True):
        out.write(orjson.dumps(printed(name, item, scored), option=orjson.OPT_APPEND_NEWLINE))
    out.flush()
    return len(chunk) - len(rows)


def parsed(line: Line) -> tuple[Any, Item]:
    """The id (the line's number where it has none) and the item of a line. Raises BadLine."""
    if line.problem:
        raise BadLine(line.problem)
    try:
        row = orjson.loads(line.data)
    except orjson.JSONDecodeError as wrong:
        raise BadLine(f"is not JSON: {wrong}") from None
    if not isinstance(row, dict):
        raise BadLine('is not a JSON object; write {"id": ..., "role": "response", "text": "..."}')
    role = row.get("role")
    if role not in list(Role):
        raise BadLine(f'"role" is {role!r}; it must be one of {", ".join(Role)}')
    return row.get("id", line.number), Item(_text(row, "text"), Role(role), _text(row, "prompt", required=False))


def _text(row: Mapping[str, Any], key: str, *, required: bool = True) -> str:
    value = row.get(key)
    if value is None and not required:
        return ""
    if not isinstance(value, str):
        raise BadLine(f'"{key}" is not a text')
    return value


def printed(name: Any, item: Item, scored: Scored) -> dict[str, Any]:
    """What is printed of one item. Sensitive spans are found in any language, so out of scope or not."""
    found: dict[str, Any] = {
        "id": name,
        "scores": _rounded(scored.scores),
        "hazards": _rounded(scored.hazards),
        "flags": dict(scored.flags),
        "pii": [{"type": span.type, "start": span.start, "end": span.end} for span in scan(item.text)],
        "version": scored.version,
    }
    if scored.topics:
        found["topics"] = _rounded(scored.topics)
    if scored.out_of_scope is not None:
        found["out_of_scope"] = scored.out_of_scope.value
    return found


def _rounded(values: Mapping[str, float]) -> dict[str, float]:
    return {name: round(value, DIGITS) for name, value in values.items()}


@contextmanager
def _opened(name: str | None) -> Iterator[tuple[BinaryIO, int | None]]:
    """(the input, its bytes where they are known). Raises GroundwireError."""
    if name is None:
        yield sys.stdin.buffer, None
        return
    try:
        source = Path(name).open("rb")  # noqa: SIM115 - closed below; an OSError of the work is not one of opening
    except OSError as wrong:
        raise GroundwireError(f"{name}: cannot be read ({wrong.strerror})") from None
    with source:
        yield source, os.fstat(source.fileno()).st_size


def _progress(size: int | None) -> AbstractContextManager[Advance]:
    """A bar on a terminal, nothing elsewhere."""
    return _bar(size) if sys.stderr.isatty() else nullcontext(lambda _: None)


@contextmanager
def _bar(size: int | None) -> Iterator[Advance]:
    from rich.console import Console  # noqa: PLC0415 - only a terminal needs it
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn  # noqa: PLC0415

    columns = (TextColumn("scoring"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"))
    with Progress(*columns, TimeElapsedColumn(), TimeRemainingColumn(), console=Console(stderr=True)) as progress:
        task = progress.add_task("", total=size)
        yield lambda count: progress.advance(task, count)
