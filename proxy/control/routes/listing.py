"""What a model server says that it serves: the body of `/v1/models`. Pure.

vLLM lists an adapter with `parent` (the base it sits on) and `root` (what it was loaded from); llama.cpp and others
give an id only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import orjson

from proxy.core.errors import GroundwireError

MODELS_MAX: Final = 10_000
NAME_CHARS_MAX: Final = 1_024


class ListingError(GroundwireError):
    """A body of `/v1/models` that cannot be read."""


@dataclass(frozen=True, slots=True)
class Model:
    """One listed model; `root` and `parent` are "" where the server does not give them.

    `created` is Unix time, 0 where it is not given; some servers give the time of the listing.
    """

    id: str
    root: str = ""
    parent: str = ""
    created: int = 0


def parse_listing(body: bytes) -> tuple[Model, ...]:
    """The models in the server's order, each id once. Raises ListingError."""
    try:
        data = orjson.loads(body)["data"]
        models = {model.id: model for model in map(_model, data[:MODELS_MAX])}
    except (ValueError, KeyError, TypeError) as wrong:
        raise ListingError(f"/v1/models: not a list of models in OpenAI's shape ({wrong!r})") from wrong
    return tuple(models.values())


def _model(entry: Any) -> Model:
    name = entry["id"]
    if not isinstance(name, str) or not 0 < len(name) <= NAME_CHARS_MAX:
        raise ValueError("a model's id must be a text")
    created = entry.get("created")
    return Model(name, _text(entry.get("root")), _text(entry.get("parent")), created if type(created) is int else 0)


def _text(value: Any) -> str:
    return value[:NAME_CHARS_MAX] if isinstance(value, str) else ""
