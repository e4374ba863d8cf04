"""Log lines on stderr: JSON, one object a line; plain words where a person looks at a terminal. No prompt and no
answer is ever logged.

`get_logger(name).info("event_name", key=value)`: the event is a constant, everything else is a field. A line that
belongs to an exchange or a decision carries its traceparent as `trace`; `lines` makes ids of it. Other libraries,
Python's warnings and what nobody caught come out in the same shape, without the values in their messages.
"""

from __future__ import annotations

import logging
import sys
import threading
import warnings
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Protocol, TextIO

from proxy.telemetry.exceptions import told
from proxy.telemetry.lines import OURS, JsonLines, TextLines

UNCAUGHT: Final = "uncaught"


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


class _Handler(logging.StreamHandler[TextIO]):
    """Says nothing of a line that cannot be written: Python's own words would quote it."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - Python's name
        pass


class Wanted(Protocol):
    """The settings of logs: `log_format` is auto, json or text; auto is text on a terminal, else json."""

    @property
    def log_level(self) -> str: ...
    @property
    def log_format(self) -> str: ...
    @property
    def log_libraries_level(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Usual:
    """Where no settings have been read."""

    log_level: str = "info"
    log_format: str = "auto"
    log_libraries_level: str = "warning"


def set_up(wanted: Wanted, process: str, stream: TextIO | None = None) -> None:
    """Send every log line of this process to `stream` (stderr); `process` says which of them it is."""
    handler = _Handler(stream or sys.stderr)
    as_text = wanted.log_format == "text" or (wanted.log_format == "auto" and handler.stream.isatty())
    handler.setFormatter(TextLines(process) if as_text else JsonLines(process))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(wanted.log_libraries_level.upper())
    logging.getLogger(OURS).setLevel(wanted.log_level.upper())


def catch_all() -> None:
    """Python's own words on stderr (warnings, exceptions that nobody caught) become lines too, for a whole process."""
    log = get_logger(OURS)

    def warned(
        message: Warning | str,  # noqa: ARG001 - it may hold anything
        category: type[Warning],
        filename: str,
        lineno: int,
        *_: object,
        **__: object,
    ) -> None:
        log.warning("python_warning", kind=category.__name__, places=[f"{filename.rpartition('/')[2]}:{lineno}"])

    def uncaught(kind: type[BaseException], wrong: BaseException, _: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            return
        log.error(UNCAUGHT, **told(wrong))

    def of_thread(args: threading.ExceptHookArgs) -> None:
        if args.exc_value is not None:
            log.error(UNCAUGHT, **told(args.exc_value))

    def unraisable(args: sys.UnraisableHookArgs) -> None:
        if args.exc_value is not None:
            log.error(UNCAUGHT, **told(args.exc_value))

    warnings.showwarning = warned
    sys.excepthook, sys.unraisablehook, threading.excepthook = uncaught, unraisable, of_thread
