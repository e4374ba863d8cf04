"""What a provider is, and readers of JSON that take nothing for granted. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite
from typing import Any, Final, Protocol

from proxy.classifiers.contract import Item, Role
from proxy.core.errors import GroundwireError

# What a judgement of harm is called, by who says the text.
RISK: Final = {Role.REQUEST: "prompt_harmful", Role.RESPONSE: "response_harmful", Role.OTHER: "unsafe"}


class UnparsedError(GroundwireError):
    """An answer that is not of the documented shape. Such a text is unknown, never safe. Says where, never the text."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What an answer says: as in `contract.Scored`; `model` is who answered, where the answer names it."""

    scores: Mapping[str, float]
    flags: Mapping[str, bool]
    hazards: Mapping[str, float] = field(default_factory=dict)
    model: str = ""


class Provider(Protocol):
    """One kind of classifier: pure, without a key and without a network."""

    path: str  # after the base URL
    key_parameter: str  # the key goes into this query parameter; "" sends it as a bearer token

    def body(self, item: Item) -> dict[str, Any]:
        """The JSON that asks about a text. The text is masked already."""
        ...

    def read(self, answer: object, item: Item) -> Reading:
        """What the answer says. Raises UnparsedError."""
        ...


def at(value: object, *keys: str | int) -> object:
    """The value below these keys and places. Raises UnparsedError where one is missing or null."""
    for depth, key in enumerate(keys):
        held: object = None
        if isinstance(value, dict) and isinstance(key, str):
            held = value.get(key)
        elif isinstance(value, list) and isinstance(key, int) and key < len(value):
            held = value[key]
        if held is None:
            raise UnparsedError(f"the answer has no {'.'.join(map(str, keys[: depth + 1]))}")
        value = held
    return value


def text_at(value: object, *keys: str | int) -> str:
    """A text below these keys. Raises UnparsedError."""
    found = at(value, *keys)
    if not isinstance(found, str):
        raise UnparsedError(f"{'.'.join(map(str, keys))} is no text")
    return found


def mapping_at(value: object, *keys: str | int) -> dict[str, object]:
    """An object below these keys. Raises UnparsedError."""
    found = at(value, *keys)
    if not isinstance(found, dict):
        raise UnparsedError(f"{'.'.join(map(str, keys))} is no object")
    return found


def probability(value: object, where: str) -> float:
    """A number from 0 to 1. Raises UnparsedError."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value) or not 0 <= value <= 1:
        raise UnparsedError(f"{where} is no probability")
    return float(value)


def decision(value: object, where: str) -> bool:
    """True or false. Raises UnparsedError."""
    if not isinstance(value, bool):
        raise UnparsedError(f"{where} is neither true nor false")
    return value


def divided(risk: float, weights: Mapping[str, float]) -> dict[str, float]:
    """A risk divided over categories by weight; the parts sum to `risk`. {} where nothing weighs anything."""
    total = sum(weights.values())
    return {name: risk * weight / total for name, weight in weights.items() if weight > 0} if total > 0 else {}
