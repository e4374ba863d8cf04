"""Our own sentences: texts/*.yaml, templates with slots, filled from a seed.

slots:  name -> list of words or phrases, which may name other slots
rows:   labels, role, each (fillings of a text), prompt (optional; shares the slots' values), texts
A text that begins with "@2 " answers the third of its row's prompts; another any of them.
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
ANSWERS: Final = re.compile(r"@(\d+)\s+")
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
        body, asked = _taken_apart(template, row, toss)
        text = _fill(body, slots, toss, chosen, name)
        if text not in seen:
            seen.add(text)
            prompt = _fill(asked, slots, toss, chosen, name)
            yield Filled(text, prompt, row["role"], row["labels"], template, f"own/{name}")
        if len(seen) == each:
            return


def _taken_apart(template: str, row: Mapping[str, Any], toss: random.Random) -> tuple[str, str]:
    """(text, the prompt that it answers), slots still open. Raises IndexError where the row has no such prompt."""
    prompts = row.get("prompt") or ""
    prompts = prompts if isinstance(prompts, list) else [prompts]
    answers = ANSWERS.match(template)
    return (
        (template, toss.choice(prompts)) if answers is None else (template[answers.end() :], prompts[int(answers[1])])
    )


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
