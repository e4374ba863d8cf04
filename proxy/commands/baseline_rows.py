"""Files that a baseline is built from: JSON lines, read whole and checked before anything is sent.

results   {prompt, response, system?, harm_category?} is judged by the running Groundwire, or a line has labels already:
          {harm_category, refusal: 0|1, hedging?, toxic?, response_harmful?, sensitive?, anomaly?: 0|1, toxicity?: 0..1,
          length?: characters}
prompts   {prompt, system?, harm_category?}, or a text alone

Keys that are not named here are passed over: evaluation harnesses write many.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson

from proxy.control.baselines.prompts import CATEGORIES
from proxy.core.errors import ConfigError, Place
from proxy.core.observation import NO_HARM
from proxy.detectors.quantile import bin_of
from proxy.features.bands import octave

ROWS_MAX: Final = 200_000
BYTES_MAX: Final = 1024 * 1024 * 1024
PROBLEMS_MAX: Final = 20  # that are named; one mistake often stands on every line
CHARS_MAX: Final = 65_536  # of one text
BINARY: Final = ("refusal", "hedging", "toxic", "response_harmful", "sensitive", "anomaly")
SIGNAL_OF: Final = {"toxic": "toxicity"}
STRATA: Final = (*CATEGORIES, NO_HARM)
_TEXTS: Final = ("prompt", "response", "system")

CellCount = tuple[str, str, int, int]  # signal, stratum, outcome, observations


@dataclass(frozen=True, slots=True)
class Rows:
    """`texts` are to be judged or asked; `cells` are of lines that had labels, `labelled` of them."""

    texts: tuple[dict[str, str], ...] = ()
    cells: tuple[CellCount, ...] = ()
    labelled: int = 0


def read_results(file: str) -> Rows:
    """Results of an evaluation. Raises ConfigError that names file, line, key and mend, with every problem at once."""
    return _read(file, answered=True)


def read_prompts(file: str) -> Rows:
    """Prompts for the candidate. Raises ConfigError."""
    return _read(file, answered=False)


def _read(file: str, *, answered: bool) -> Rows:
    texts: list[dict[str, str]] = []
    cells: list[CellCount] = []
    problems: list[tuple[Place, str]] = []
    labelled = 0
    for number, row in _lines(file):
        found = list(_problems(row, answered=answered))
        problems += [(Place(file, number, key), text) for key, text in found]
        if len(problems) >= PROBLEMS_MAX:
            break
        if not found and answered and "refusal" in row:
            cells += _cells(row)
            labelled += 1
        elif not found:
            texts.append({key: row[key] for key in (*_TEXTS, "harm_category") if row.get(key)})
    if problems:
        raise ConfigError(problems)
    if not texts and not cells:
        raise ConfigError([(Place(file), "holds no line; write one JSON object a line")])
    return Rows(tuple(texts), tuple(cells), labelled)


def _lines(file: str) -> Iterator[tuple[int, Any]]:
    try:
        if Path(file).stat().st_size > BYTES_MAX:
            raise ConfigError([(Place(file), f"larger than {BYTES_MAX} bytes: is this the right file?")])
        with Path(file).open("rb") as opened:
            for number, line in enumerate(opened, 1):
                if number > ROWS_MAX:
                    raise ConfigError([(Place(file, number), f"more than {ROWS_MAX} lines; split the file")])
                if line.strip():
                    yield number, _row(line)
    except OSError as wrong:
        raise ConfigError([(Place(file), f"cannot be read: {wrong.strerror}")]) from wrong


def _row(line: bytes) -> Any:
    """An object; a text alone is a prompt; None for what is neither."""
    try:
        row = orjson.loads(line)
    except ValueError:
        return None
    return {"prompt": row} if isinstance(row, str) else row


def _problems(row: Any, *, answered: bool) -> Iterator[tuple[str, str]]:
    if not isinstance(row, dict):
        yield "", 'not a JSON object; write one object a line, for example {"prompt": TEXT, "response": TEXT}'
        return
    if row.get("harm_category", NO_HARM) not in STRATA:
        yield "harm_category", f"must be one of {', '.join(STRATA)} (given: {row['harm_category']!r})"
    if answered and "refusal" in row:
        yield from _label_problems(row)
    else:
        yield from _text_problems(row, answered=answered)


def _text_problems(row: dict[str, Any], *, answered: bool) -> Iterator[tuple[str, str]]:
    for key in _TEXTS if answered else ("prompt", "system"):
        value, needed = row.get(key, ""), key != "system"
        if not isinstance(value, str) or (needed and not value.strip()):
            hint = ", or give labels: harm_category and refusal" if answered and key != "system" else ""
            yield key, f"must be a text that is not empty{hint}"
        elif len(value) > CHARS_MAX:
            yield key, f"has {len(value)} characters; at most {CHARS_MAX} are read, shorten it"


def _label_problems(row: dict[str, Any]) -> Iterator[tuple[str, str]]:
    if "harm_category" not in row:
        yield "harm_category", f"a line with labels names it; one of {', '.join(STRATA)}"
    for key in BINARY:
        if key in row and (isinstance(row[key], float) or row[key] not in (0, 1)):
            yield key, f"must be 0 or 1 (given: {row[key]!r})"
    for key, most in (("toxicity", 1.0), ("length", 1e9)):
        value = row.get(key, 0)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= most:
            yield key, f"must be a number from 0 to {most:g} (given: {value!r})"


def _cells(row: dict[str, Any]) -> Iterator[CellCount]:
    category = row["harm_category"]
    yield "assessed", "ok", 1, 1
    for key in BINARY:
        if key in row:
            stratum = "all" if key == "anomaly" else category
            yield SIGNAL_OF.get(key, key), stratum, int(row[key]), 1
    if "toxicity" in row:
        yield "toxicity_bin", bin_of(row["toxicity"]), 1, 1
    if "length" in row:
        yield "length", octave(row["length"]), 1, 1
