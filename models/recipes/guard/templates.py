"""Our own sentences: texts/*.yaml, templates with slots, filled from a seed.

slots:  name -> list of words or phrases, which may name other slots
rows:   labels, role, each (fillings of a text), prompt (optional; shares the slots' values), texts
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

_SLOT: Final = re.compile(r"\{([a-z][a-z0-9_]*)\}")
_TRIES: Final = 4
_DEPTH_MAX: Final = 6


@dataclass(frozen=True, slots=True)
class Filled:
    text: str
    prompt: str
    role: str
    labels: Mapping[str, Any]
    template: str
    source: str


def filled(folder: Path, seed: int = 0) -> Iterator[Filled]:
    """All templates of a folder, filled; the same for the same seed. Raises ValueError where a slot is not declared."""
    for path in sorted(folder.glob("*.yaml")):
        document = yaml.safe_load(path.read_text())
        slots = document.get("slots") or {}
        for row in document["rows"]:
            for template in row["texts"]:
                yield from _fillings(path.stem, template, row, slots, random.Random(f"{seed}/{template}"))


def _fillings(
    name: str, template: str, row: Mapping[str, Any], slots: Mapping[str, list[str]], toss: random.Random
) -> Iterator[Filled]:
    seen: set[str] = set()
    each = int(row.get("each", 1))
    for _ in range(each * _TRIES):
        chosen: dict[str, str] = {}
        text = _fill(template, slots, toss, chosen, name)
        if text not in seen:
            seen.add(text)
            yield Filled(
                text, _prompt(row, slots, toss, chosen, name), row["role"], row["labels"], template, f"own/{name}"
            )
        if len(seen) == each:
            return


def _prompt(
    row: Mapping[str, Any],
    slots: Mapping[str, list[str]],
    toss: random.Random,
    chosen: dict[str, str],
    name: str,
) -> str:
    prompts = row.get("prompt") or ""
    prompt = toss.choice(prompts) if isinstance(prompts, list) else prompts
    return _fill(prompt, slots, toss, chosen, name)


def _fill(text: str, slots: Mapping[str, list[str]], toss: random.Random, chosen: dict[str, str], name: str) -> str:
    def one(found: re.Match[str]) -> str:
        slot = found[1]
        if slot not in slots:
            return found[0]  # a brace that the text means
        return chosen.setdefault(slot, str(toss.choice(slots[slot])))

    for _ in range(_DEPTH_MAX):
        after = _SLOT.sub(one, text)
        if after == text:
            return text
        text = after
    raise ValueError(f"texts/{name}.yaml: slots that name each other for ever in {text[:80]!r}")
