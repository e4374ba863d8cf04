"""What a route is: a public model name, the candidate behind it, and the base it falls back to."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Pin(StrEnum):
    """A route held by an operator's config, whatever the evidence says (`routes.NAME.pin`)."""

    NONE = ""
    CANDIDATE = "candidate"
    BASE = "base"


@dataclass(frozen=True, slots=True)
class Target:
    """One model on one upstream. `upstream` is a name in the settings; `model` is what the server calls it."""

    upstream: str
    model: str

    @property
    def key(self) -> str:
        """Whose window it is: two upstreams may serve different models under one name."""
        return key_of(self.upstream, self.model)


def key_of(upstream: str, model: str) -> str:
    """The key of this target."""
    return f"{upstream}/{model}"


@dataclass(frozen=True, slots=True)
class Route:
    """A public model name.

    `name` is what clients send as `model`. `default` marks the route of requests that name no model: set where an
    upstream serves one model only, so that leaving the name out does not go around a revert.
    """

    name: str
    candidate: Target
    base: Target | None = None
    pin: Pin = Pin.NONE
    default: bool = False
