"""Checks the training sentences in `texts/*.yaml` and prints how many there are: labels, slots, duplicates, lengths.

Run: python -m models.recipes.guard.check_texts [FOLDER]. Leaves with 1 and a line for each fault where it finds any.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import yaml

from models.recipes.guard.templates import ANSWERS
from proxy.classifiers.contract import HAZARDS, Role
from proxy.classifiers.manifest import CLASSES, REFUSAL_KIND, SIGNALS

BINARY: Final = SIGNALS - {"refusal"}  # that one follows from refusal_kind
REFUSALS: Final = CLASSES[REFUSAL_KIND] or frozenset()
ROLES: Final = frozenset(role.value for role in Role)
SLOT: Final = re.compile(r"\{(\w+)\}")
LONG_WORDS: Final = 40
# Sexual texts are between adults, always: none of these words may stand in one, nor in a filling of it.
MINORS: Final = re.compile(
    r"\b(child|children|kids?|minors?|teen\w*|under ?age\w*|schoolgirls?|schoolboys?|school|pupils?|toddlers?"
    r"|bab(y|ies)|infants?|boys?|girls?|young\w*|lolita|daughters?|sons?|nieces?|nephews?)\b",
    re.IGNORECASE,
)


def label_faults(labels: dict[str, Any]) -> Iterator[str]:
    """What is wrong with a row's labels; nothing where all is well."""
    for name, value in labels.items():
        if name in BINARY:
            if type(value) not in (int, float) or not 0 <= value <= 1:
                yield f"{name} is {value!r}, not within 0 to 1"
        elif name == "hazard":
            if value not in HAZARDS:
                yield f"hazard {value!r} is not one of the sixteen"
        elif name == "refusal_kind":
            if value not in REFUSALS:
                yield f"refusal_kind {value!r} is unknown"
        elif name != "topic" or not isinstance(value, str):
            yield f"label {name!r} is unknown"


def strings(value: object) -> list[str]:
    """A string or a list of strings, as a list."""
    return [value] if isinstance(value, str) else list(value) if isinstance(value, list) else []


def slot_faults(texts: list[str], slots: dict[str, list[str]]) -> Iterator[str]:
    """Slots that are named in a text or in another slot, but are not defined; values that are not strings."""
    for text in texts:
        if not isinstance(text, str) or not text.strip():
            yield f"{text!r} is not a text (quote it)"
            continue
        for name in SLOT.findall(text):
            if name not in slots:
                yield f"slot {{{name}}} of {text[:60]!r} is not defined"


def minor_faults(row: dict[str, Any], slots: dict[str, list[str]]) -> Iterator[str]:
    """Words for minors in a sexual row, or in a slot that it uses."""
    labels = row.get("labels") or {}
    if not labels.get("sexual") and labels.get("hazard") not in ("sexual_content", "sex_crime"):
        return
    for text in [*strings(row.get("texts")), *strings(row.get("prompt"))]:
        for part in (text, *(value for name in SLOT.findall(text) for value in slots.get(name, []))):
            if found := MINORS.search(part):
                yield f"{found[0]!r} in a sexual text: {part[:80]!r}"


def row_faults(row: dict[str, Any], slots: dict[str, list[str]]) -> Iterator[str]:
    """What is wrong with one row."""
    yield from label_faults(row.get("labels") or {})
    if not row.get("labels"):
        yield "a row has no labels"
    if row.get("role") not in ROLES:
        yield f"role {row.get('role')!r} is unknown"
    if unknown := set(row) - {"labels", "role", "each", "texts", "prompt"}:
        yield f"unknown keys {sorted(unknown)}"
    yield from slot_faults([*strings(row.get("texts")), *strings(row.get("prompt"))], slots)
    yield from minor_faults(row, slots)
    yield from answer_faults(row)


def answer_faults(row: dict[str, Any]) -> Iterator[str]:
    """Texts that answer a prompt which their row does not have."""
    prompts = row.get("prompt") or ""
    most = len(prompts) if isinstance(prompts, list) else 1
    for text in strings(row.get("texts")):
        answers = ANSWERS.match(text)
        if answers and int(answers[1]) >= most:
            yield f"answers prompt {answers[1]} of {most}: {text[:60]!r}"


def file_faults(content: dict[str, Any], counted: Counter[str]) -> Iterator[str]:
    """What is wrong with a file; `counted` gathers its figures on the way."""
    slots = content.get("slots") or {}
    for name, values in slots.items():
        bad = [value for value in values if not isinstance(value, str)]
        if bad:
            yield f"slot {name}: {bad!r} not quoted"
        yield from slot_faults([value for value in values if isinstance(value, str) and value.strip()], slots)
    seen: Counter[str] = Counter()
    for row in content["rows"]:
        yield from row_faults(row, slots)
        texts = strings(row.get("texts"))
        seen.update(" ".join(text.lower().split()) for text in texts)
        count(row, texts, counted)
    yield from (f"twice: {text[:80]!r}" for text, times in seen.items() if times > 1)


def count(row: dict[str, Any], texts: list[str], counted: Counter[str]) -> None:
    """Adds a row's texts to the figures."""
    counted["templates"] += len(texts)
    counted["long"] += sum(len(text.split()) >= LONG_WORDS for text in texts)
    counted["filled"] += len(texts) * int(row.get("each", 1))
    for name, value in row["labels"].items():
        counted[f"{name}={value}"] += len(texts)


def main(folder: Path) -> int:
    """Checks every file of a folder; 0 where none has a fault."""
    faults = 0
    total: Counter[str] = Counter()
    for path in sorted(folder.glob("*.yaml")):
        counted: Counter[str] = Counter()
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        for fault in file_faults(content, counted):
            print(f"{path.name}: {fault}")
            faults += 1
        print(f"{path.name}: {dict(counted)}")
        total += counted
    print(f"all: {dict(total)}")
    return 1 if faults else 0


if __name__ == "__main__":
    default = Path(__file__).with_name("texts")
    sys.exit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else default))
