"""What of a text leaves: masked first, then cut to a length. Pure.

Masking runs over a bounded excerpt. What it could not see whole, because the excerpt begins or ends inside it (half a
card number, half a private key), lies within EDGE_CHARS of the cut and is dropped after masking.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from proxy.classifiers.contract import Item, Role

Redact = Callable[[str], str]

TEXT_CHARS_MAX: Final = (
    12_288  # under Perspective's 20 KB for mostly Latin text, and some 3,000 tokens of a guard model
)
PROMPT_CHARS_MAX: Final = 4_096
EDGE_CHARS: Final = 4_096  # longer than a private key of 4,096 bits in PEM
GAP: Final = "\n[...]\n"


@dataclass(frozen=True, slots=True)
class Excerpt:
    """The begin of a text, and its end where something between was left out. Not yet masked."""

    head: str
    tail: str = ""
    cut: bool = False


@dataclass(frozen=True, slots=True)
class Waiting:
    """An item that waits to be sent, of bounded size: at most some 30,000 characters. Not yet masked."""

    role: Role
    text: Excerpt
    prompt: Excerpt

    @classmethod
    def of(cls, item: Item) -> Waiting:
        """The parts of an item that may be sent."""
        return cls(item.role, excerpt(item.text, TEXT_CHARS_MAX), excerpt(item.prompt, PROMPT_CHARS_MAX))

    def masked(self, redact: Redact) -> Item:
        """What leaves."""
        text = sent(self.text, TEXT_CHARS_MAX, redact)
        return Item(text, self.role, sent(self.prompt, PROMPT_CHARS_MAX, redact))

    @property
    def empty(self) -> bool:
        """Whether there is nothing to judge."""
        return not (self.text.head.strip() or self.text.tail.strip())


def excerpt(text: str, most: int) -> Excerpt:
    """At most `most` characters and an edge around the cut. `most` >= 2."""
    if len(text) <= most + 2 * EDGE_CHARS:
        return Excerpt(text)
    piece = most // 2 + EDGE_CHARS
    return Excerpt(text[:piece], text[-piece:], cut=True)


def sent(part: Excerpt, most: int, redact: Redact) -> str:
    """The masked text, at most `most` characters and a mark where something was left out; valid Unicode."""
    half = most // 2
    head = redact(_valid(part.head))
    if not part.cut:
        return head if len(head) <= most else head[:half] + GAP + head[-half:]
    head = head[: max(len(head) - EDGE_CHARS, 0)]
    tail = redact(_valid(part.tail))[EDGE_CHARS:]
    return head[:half] + GAP + tail[-half:]


def _valid(text: str) -> str:
    """Without lone surrogates, which no JSON in UTF-8 can hold."""
    return text.encode("utf-8", "replace").decode()
