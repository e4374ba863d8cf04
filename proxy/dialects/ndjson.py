"""Newline-delimited JSON: one object a line, as Ollama streams it.

A last line without its newline counts where it is whole (a unary answer is such a line). An object that breaks off is
left out: no beginning of an object is itself one, so a cut never reads as something else.
"""

from __future__ import annotations

from collections.abc import Iterator

from proxy.core.errors import Unreadable
from proxy.dialects.fields import Json, parse_object


def documents(body: bytes) -> Iterator[Json]:
    """The objects of the lines, in order; blank lines are none. Raises Unreadable("malformed")."""
    *lines, rest = body.split(b"\n")
    for line in lines:
        if line.strip():
            yield parse_object(line)
    try:
        last = parse_object(rest) if rest.strip() else None
    except Unreadable:
        if not rest.lstrip().startswith(b"{"):
            raise
        return
    if last is not None:
        yield last
