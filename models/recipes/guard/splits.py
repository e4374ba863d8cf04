"""What is never trained on. By wording: rows that share words (a pair, a template, a prompt) fall on one side."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any, Final

# Whole sources, and one generator, that no model here has seen: the nearest thing to traffic that we have.
UNSEEN_SOURCES: Final = frozenset(
    {
        "microsoft/TOXIGEN",
        "andyrdt/refusal_direction (MaliciousInstruct)",
        "lm-sys/FastChat",
        "stanford-crfm/air-bench-2024",
    }
)
UNSEEN_GENERATORS: Final = frozenset({"yi-6b-chat"})
HELD_OUT_SHARE: Final = 0.10


def unseen(row: Mapping[str, Any]) -> bool:
    """Whether a row is of a source or a generator that is kept out whole."""
    return row.get("source") in UNSEEN_SOURCES or row.get("generator") in UNSEEN_GENERATORS


def held_out(row: Mapping[str, Any]) -> bool:
    """Whether a row (schema of the data folder) is kept from training: unseen, or in the held-out tenth by wording."""
    return unseen(row) or share_of(wording(row)) < HELD_OUT_SHARE


def wording(row: Mapping[str, Any]) -> str:
    """What rows of one wording have in common: the template, the prompt, else the text without names and numbers."""
    if row.get("template"):
        return str(row["template"])
    if row.get("source") == "sherdencooper/GPTFuzz":
        return _skeleton(str(row["text"]))[:60]  # answers to one jailbreak begin alike
    return _skeleton(str(row.get("prompt") or row["text"]))[:48]


def share_of(key: str) -> float:
    """A number in [0, 1) from a key, the same everywhere."""
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:6], "big") / 2**48


def _skeleton(text: str) -> str:
    return " ".join(re.findall(r"[a-z]+", text.lower()))
