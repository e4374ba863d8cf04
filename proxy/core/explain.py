"""A record in plain words."""

from __future__ import annotations

from proxy.core.record import Record


def explain(record: Record) -> str:
    """Several lines for a terminal: what was found, how sure, since when, and what was or would have been done."""
    raise NotImplementedError


def one_line(record: Record) -> str:
    """One sentence: the `reason` of an enforcement and of a log line."""
    raise NotImplementedError
