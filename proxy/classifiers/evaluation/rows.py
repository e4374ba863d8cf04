"""Labelled rows: the schema of the data folder read from JSON lines, and what a row's labels say of each signal.

A label that is absent is unknown, not negative: a signal's truth is then absent too.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any, Final

from proxy.classifiers.contract import HAZARDS, Role
from proxy.classifiers.manifest import SIGNALS
from proxy.core.errors import GroundwireError

SUFFIXES: Final = (".jsonl", ".jsonl.gz")
LINE_CHARS_MAX: Final = 4_194_304

ATTACK: Final = "jailbreak or injection"  # the larger of the two scores; callers rarely need them apart
_DIRECT: Final = tuple(sorted(SIGNALS))
_UNSAFE: Final = ("hate", "violence", "self_harm", "sexual", "harassment")
_SAFE_WHERE_ALL_ZERO: Final = ("violence", "self_harm", "sexual", "harassment")


class RowError(GroundwireError):
    """A file of labelled rows that cannot be read; the text says which line and what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Row:
    """A labelled text.

    labels:   as in the file
    fields:   the other fields of the row (`generator`, `setting`, ...), and `source`
    """

    text: str
    role: Role
    prompt: str = ""
    source: str = ""
    labels: Mapping[str, Any] = field(default_factory=dict)
    fields: Mapping[str, Any] = field(default_factory=dict)


def files(path: Path) -> list[Path]:
    """The file itself, or the labelled files of a folder by name. Raises RowError where there is none."""
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise RowError(f"{path}: no such file or folder; --data names a .jsonl or .jsonl.gz file, or a folder of them")
    found = sorted(one for one in path.iterdir() if one.name.endswith(SUFFIXES))
    if not found:
        raise RowError(f"{path}: holds no .jsonl or .jsonl.gz file")
    return found


def read(path: Path) -> Iterator[Row]:
    """The rows of all files of `path`, in order. Raises RowError at the first line that cannot be used."""
    return chain.from_iterable(map(_read_file, files(path)))


def _read_file(path: Path) -> Iterator[Row]:
    for number, line in lines(path):
        try:
            yield parsed(line)
        except ValueError as wrong:
            raise RowError(f"{path}:{number}: {wrong}") from wrong


def lines(path: Path) -> Iterator[tuple[int, str]]:
    """(number from 1, line) of a text file, gzipped or not, without blank lines. Raises RowError."""
    try:
        with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as stream:
            for number, line in enumerate(iter(lambda: stream.readline(LINE_CHARS_MAX), ""), 1):
                if line.strip():
                    yield number, line
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as wrong:
        raise RowError(f"{path}: cannot be read as UTF-8 lines: {wrong}") from wrong


def parsed(line: str) -> Row:
    """One JSON line as a row. Raises ValueError that says which field is wrong."""
    data = json.loads(line)
    if not isinstance(data, dict):
        raise ValueError("a row is a JSON object with text, role and labels")  # noqa: TRY004 - one error for a line
    text, prompt, labels = data.get("text"), data.get("prompt") or "", data.get("labels", {})
    if not isinstance(text, str) or not isinstance(prompt, str):
        raise ValueError("text and prompt are strings")  # noqa: TRY004
    if not isinstance(labels, dict):
        raise ValueError("labels is an object: label -> value")  # noqa: TRY004
    return Row(text, _role(data.get("role", "other")), prompt, str(data.get("source", "")), _checked(labels), data)


def _role(name: object) -> Role:
    if name not in tuple(Role):
        raise ValueError(f"role is {name!r}; it is one of {', '.join(Role)}")
    return Role(str(name))


def _checked(labels: dict[str, Any]) -> dict[str, Any]:
    for name in _DIRECT:
        value = labels.get(name)
        if value is not None and (not isinstance(value, (int, float)) or not 0 <= value <= 1):
            raise ValueError(f"labels.{name} is {value!r}; it is a number from 0 to 1")
    hazards = labels.get("hazard")
    if hazards is not None and (not isinstance(hazards, list) or not set(hazards) <= set(HAZARDS)):
        raise ValueError(f"labels.hazard is {hazards!r}; it is a list of {', '.join(HAZARDS)}")
    return labels


def truths(labels: Mapping[str, Any]) -> dict[str, bool]:
    """Signal -> whether it holds, for the signals that the labels decide. A share of annotators counts from a half."""
    known = {name: labels[name] >= 0.5 for name in _DIRECT if labels.get(name) is not None}
    for name, derived in (("unsafe", _unsafe(known)), (ATTACK, _attack(known))):
        if name not in known and derived is not None:
            known[name] = derived
    return known


def _unsafe(known: Mapping[str, bool]) -> bool | None:
    """Of any kind: yes where one label says so; no only where all four kinds are known, and the text is civil."""
    if any(known.get(name) for name in _UNSAFE):
        return True
    civil = all(name in known for name in _SAFE_WHERE_ALL_ZERO) and not known.get("toxicity")
    return False if civil else None


def _attack(known: Mapping[str, bool]) -> bool | None:
    values = [known[name] for name in ("jailbreak", "injection") if name in known]
    return any(values) if values else None
