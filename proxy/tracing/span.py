"""A span, a link and an evaluation as plain data, before OpenTelemetry's types. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, NamedTuple

TEXT_CHARS_MAX: Final = 256  # of an attribute that a client or a server chose

Value = str | bool | int | float | tuple[str, ...]
Attributes = Mapping[str, Value]


class Kind(StrEnum):
    """OpenTelemetry's span kinds that are used here."""

    CLIENT = "client"
    SERVER = "server"
    INTERNAL = "internal"


class Place(NamedTuple):
    """Where a span is: ids in hex digits, and the flags of its trace."""

    trace_id: str
    span_id: str
    flags: int = 1


class Link(NamedTuple):
    """To a span of another trace."""

    place: Place
    attributes: Attributes


@dataclass(frozen=True, slots=True)
class Span:
    """Times are Unix seconds. `parent` is a span id, "" for a root; `error` is the status's text, "" for a success."""

    name: str
    kind: Kind
    place: Place
    parent: str
    start_s: float
    end_s: float
    attributes: Attributes = field(default_factory=dict)
    links: tuple[Link, ...] = ()
    error: str = ""


@dataclass(frozen=True, slots=True)
class Event:
    """What a head said of an answer, at `time_s` (Unix), in the context of the exchange's span."""

    name: str
    place: Place
    time_s: float
    attributes: Attributes


def bounded(text: str) -> str:
    """A text that somebody else chose, cut."""
    return text[:TEXT_CHARS_MAX]


def child_of(place: Place, name: str) -> Place:
    """The place of a child: its id follows from the parent's and its name, so that nothing has to be kept."""
    digest = hashlib.blake2b(f"{place.span_id} {name}".encode(), digest_size=8).hexdigest()
    return place._replace(span_id=digest)
