"""Faults of our own, said without quoting what they were working on."""

from __future__ import annotations

import traceback
from typing import Any, Final

from proxy.core.exchange import Exchange
from proxy.telemetry.logs import Logger

PLACES_MAX: Final = 4


def fault(log: Logger, event: str, wrong: BaseException, **fields: Any) -> None:
    """Log the kind and the place of an exception. Never its message: that may hold a user's text."""
    frames = traceback.extract_tb(wrong.__traceback__)[-PLACES_MAX:]
    places = [f"{frame.filename.rpartition('/')[2]}:{frame.lineno} {frame.name}" for frame in frames]
    log.error(event, kind=type(wrong).__name__, places=places, **fields)


def exchange_fault(log: Logger, wrong: BaseException, exchange: Exchange) -> None:
    """A fault that cost one exchange: with the ids under which its span is found, where tracing is on."""
    fault(log, "exchange_fault", wrong, exchange=exchange.id, route=exchange.route, trace=exchange.trace)
