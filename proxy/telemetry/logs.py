"""Log lines on stderr: JSON, one object a line; plain words where a person looks at a terminal. No prompt and no
answer is ever logged.

`get_logger(name).info("event_name", key=value)`: the event is a constant, everything else is a field. Lines of other
libraries and of plain `logging` come out in the same shape.
"""

from __future__ import annotations

import logging
import sys
from typing import Any, TextIO

import orjson


class Logger:
    """A logger whose keywords are fields of the line."""

    __slots__ = ("_log",)

    def __init__(self, name: str) -> None:
        self._log = logging.getLogger(name)

    def debug(self, event: str, **fields: Any) -> None:
        """For developers."""
        self._emit(logging.DEBUG, event, fields)

    def info(self, event: str, **fields: Any) -> None:
        """What an operator wants to have read afterwards."""
        self._emit(logging.INFO, event, fields)

    def warning(self, event: str, **fields: Any) -> None:
        """Something was lost or refused; service goes on."""
        self._emit(logging.WARNING, event, fields)

    def error(self, event: str, **fields: Any) -> None:
        """Somebody must act."""
        self._emit(logging.ERROR, event, fields)

    def _emit(self, level: int, event: str, fields: dict[str, Any]) -> None:
        if self._log.isEnabledFor(level):
            self._log.log(level, event, extra={"fields": fields})


def get_logger(name: str) -> Logger:
    """The logger of a module."""
    return Logger(name)


def set_up(level: str, process: str, stream: TextIO | None = None) -> None:
    """Send every log line of this process to `stream` (stderr); `process` says which of the two it is."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(TextLines(process) if handler.stream.isatty() else JsonLines(process))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())


class JsonLines(logging.Formatter):
    """A record as one JSON object: time (Unix seconds), level, process, logger, event, then its fields."""

    def __init__(self, process: str) -> None:
        super().__init__()
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        line: dict[str, Any] = {
            "time_s": round(record.created, 3),
            "level": record.levelname.lower(),
            "process": self._process,
            "logger": record.name,
            "event": record.getMessage(),
        }
        fields = getattr(record, "fields", None)
        if isinstance(fields, dict):
            line.update(fields)
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return orjson.dumps(line, default=str, option=orjson.OPT_NON_STR_KEYS).decode()


class TextLines(logging.Formatter):
    """A record for a terminal: time of day, level, process, event, then its fields."""

    def __init__(self, process: str) -> None:
        super().__init__(datefmt="%H:%M:%S")
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        """One line; a traceback below it."""
        fields = getattr(record, "fields", None)
        told = " ".join(f"{key}={_plain(value)}" for key, value in fields.items()) if isinstance(fields, dict) else ""
        when = self.formatTime(record, self.datefmt)
        line = f"{when} {record.levelname.lower():<7} {self._process:<8} {record.getMessage()} {told}".rstrip()
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


def _plain(value: Any) -> str:
    text = str(value)
    return repr(text) if " " in text or not text else text
