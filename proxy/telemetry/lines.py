"""A log record as one line: JSON for machines, words for a terminal. Pure.

Times, levels and fields are ours. Of other libraries' records only the words that stand in their source are kept, and
numbers: asyncio, for one, writes the arguments of a callback into its message, and those may be a user's bytes.

A field `trace` (a W3C traceparent) becomes `trace_id` and `span_id`, as OpenTelemetry names them in JSON lines
("Trace Context in non-OTLP Log Formats"); "" says that there is none.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from typing import Any, Final

import orjson

from proxy.core.http.trace_context import parent_of
from proxy.telemetry.exceptions import told

OURS: Final = "proxy"
UNSAID: Final = "..."
_VALUES: Final = re.compile(r"[\"'`(\[{<=:\n]")  # where a message that is formatted already may begin to hold values
_PLACES: Final = re.compile(r"%%|%(?:\((\w+)\))?[-+ #0]*[\d*]*(?:\.[\d*]+)?[a-zA-Z]")


class JsonLines(logging.Formatter):
    """A record as one JSON object: time (Unix seconds), level, process, logger, event, then its fields."""

    def __init__(self, process: str) -> None:
        super().__init__()
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        line = {
            "time_s": round(record.created, 3),
            "level": record.levelname.lower(),
            "process": self._process,
            "logger": record.name,
            "event": event_of(record),
            **fields_of(record),
        }
        try:
            return orjson.dumps(line, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
        except TypeError:  # half of a surrogate pair, or a number beyond 64 bits
            return orjson.dumps({key: _plain_text(value) for key, value in line.items()}).decode()


class TextLines(logging.Formatter):
    """A record for a terminal: time of day, level, process, event, then its fields."""

    def __init__(self, process: str) -> None:
        super().__init__(datefmt="%H:%M:%S")
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        fields = " ".join(f"{key}={_plain(value)}" for key, value in fields_of(record).items())
        when = self.formatTime(record, self.datefmt)
        return f"{when} {record.levelname.lower():<7} {self._process:<8} {event_of(record)} {fields}".rstrip()


def event_of(record: logging.LogRecord) -> str:
    """What happened: our own constant, or the words of another library's message."""
    if is_ours(record.name):
        return record.getMessage()
    text = str(record.msg)
    if not record.args:
        return _VALUES.split(text, maxsplit=1)[0].strip() or UNSAID
    named = record.args if isinstance(record.args, Mapping) else {}
    others = iter(record.args if isinstance(record.args, tuple) else ())

    def value(place: re.Match[str]) -> str:
        if place[0] == "%%":
            return "%"
        return _number(named.get(place[1]) if place[1] else next(others, None))

    return _PLACES.sub(value, text.partition("\n")[0]).strip() or UNSAID


def is_ours(logger: str) -> bool:
    """Whether this logger is of Groundwire."""
    return logger == OURS or logger.startswith(f"{OURS}.")


def fields_of(record: logging.LogRecord) -> dict[str, Any]:
    """The fields of a record: what was given, the trace's ids, the kind and places of an exception."""
    given = getattr(record, "fields", None)
    fields = dict(given) if isinstance(given, dict) else {}
    parent = parent_of(str(fields.pop("trace", "")))
    if parent is not None:
        fields |= {"trace_id": parent.trace_id, "span_id": parent.span_id}
    if record.exc_info and record.exc_info[1] is not None:
        fields |= told(record.exc_info[1])
    return fields


def _plain_text(value: object) -> str:
    return str(value).encode("utf-8", "replace").decode()


def _number(value: object) -> str:
    return str(value) if isinstance(value, int | float) else UNSAID


def _plain(value: Any) -> str:
    text = str(value)
    return repr(text) if " " in text or not text else text
