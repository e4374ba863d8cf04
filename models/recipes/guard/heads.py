"""The heads of the guard models, and which texts each is asked of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from proxy.classifiers.contract import HAZARDS, Role

ALL: Final = (Role.REQUEST, Role.RESPONSE, Role.OTHER)
REFUSAL_KINDS: Final = ("complies", "partly", "refuses")
TOPICS: Final = (
    "home", "credit_cards", "utility", "small_talk", "work", "travel", "kitchen_and_dining", "meta",
    "auto_and_commute", "banking", "history", "economics", "psychology", "law", "computer science", "math",
    "business", "physics", "chemistry", "engineering", "health", "biology", "philosophy", "other",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Head:
    """One signal. `labels`: none for a yes-or-no head; `weight`: part in the loss; `fpr`: most of its false alarms."""

    name: str
    roles: tuple[Role, ...]
    labels: tuple[str, ...] = ()
    prompt: bool = False
    pool: str = "max"
    weight: float = 1.0
    fpr: float = 0.02

    @property
    def columns(self) -> int:
        return len(self.labels) or 1


HEADS: Final = (
    Head("toxicity", ALL, fpr=0.05),
    Head("hate", ALL, fpr=0.05),
    Head("violence", ALL),
    Head("self_harm", ALL),
    Head("sexual", ALL),
    Head("harassment", ALL),
    Head("unsafe", ALL, fpr=0.05),
    Head("response_harmful", (Role.RESPONSE,), prompt=True, fpr=0.05),
    Head("prompt_harmful", (Role.REQUEST,), weight=1.5, fpr=0.03),
    Head("jailbreak", (Role.REQUEST,)),
    Head("injection", (Role.REQUEST,)),
    Head("refusal_kind", (Role.RESPONSE,), labels=REFUSAL_KINDS, prompt=True, pool="ends", weight=1.5),
    Head("hazard", ALL, labels=HAZARDS, pool="mean", weight=0.5),
    Head("topic", (Role.REQUEST,), labels=TOPICS, pool="mean", weight=0.3),
)

COLUMNS: Final = sum(head.columns for head in HEADS)


def offsets() -> dict[str, int]:
    """Head name -> its first column."""
    at, found = 0, {}
    for head in HEADS:
        found[head.name] = at
        at += head.columns
    return found
