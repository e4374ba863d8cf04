"""The known harmful prompts that a baseline is made of: a YAML list, or JSON lines.

Each is a text, or an object `{prompt: TEXT, category: CATEGORY}`. Without a category the judge's own cues decide; a
prompt that they take for harmless is skipped and counted, since live traffic of its kind counts nowhere either.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

import orjson

from proxy.config.document import Document
from proxy.config.files import Files
from proxy.config.settings import Settings
from proxy.core.errors import ConfigError, Place
from proxy.core.observation import NO_HARM
from proxy.features.harm_acts import STEMS
from proxy.features.harm_cues import category_of

PROMPTS_MAX: Final = 20_000
PROMPT_CHARS_MAX: Final = 8_192
JSON_LINES: Final = (".jsonl", ".ndjson")
CATEGORIES: Final = tuple(sorted(STEMS))
SHAPE: Final = "say a text, or {prompt: TEXT, category: CATEGORY}"


@dataclass(frozen=True, slots=True)
class Prompts:
    """What a base is asked: (category, prompt), each prompt once, in the file's order.

    `harmless` and `repeated` count what was skipped. `digest` names exactly these prompts with their categories.
    `given`: prompts whose category stands in the file; of the others the judge may know it better than the cues.
    """

    file: str
    asked: tuple[tuple[str, str], ...]
    harmless: int = 0
    repeated: int = 0
    digest: str = ""
    given: frozenset[str] = frozenset()


def prompts_of(settings: Settings, files: Files | None = None) -> dict[str, Prompts]:
    """Every file of prompts that the settings name, by its path. Raises ConfigError with every problem."""
    named = {settings.baseline_prompts_file, *(own.baseline_prompts_file for own in settings.routes.values())}
    found: dict[str, Prompts] = {}
    problems: list[tuple[Place, str]] = []
    for file in sorted(named - {""}):
        try:
            found[file] = load_prompts(file, files)
        except ConfigError as wrong:
            problems += wrong.problems
    if problems:
        raise ConfigError(problems)
    return found


def load_prompts(file: str, files: Files | None = None) -> Prompts:
    """Read one file. Raises ConfigError with every problem, each with its line or place in the list."""
    return (files or Files()).take(file, parse_prompts)


def parse_prompts(text: str, file: str) -> Prompts:
    """Prompts from the text of a file. Raises ConfigError as `load_prompts`."""
    entries = list(_json_lines(text, file) if file.endswith(JSON_LINES) else _yaml(text, file))
    problems = [(place, problem) for place, entry in entries if (problem := _problem(entry))]
    if len(entries) > PROMPTS_MAX:
        problems.insert(0, (Place(file), f"holds {len(entries)} prompts; at most {PROMPTS_MAX} are asked"))
    if problems:
        raise ConfigError(problems)
    prompts = _prompts(file, [_pair(entry) for _, entry in entries])
    given = frozenset(one["prompt"] for _, one in entries if isinstance(one, dict) and one.get("category"))
    prompts = replace(prompts, given=given)
    if not prompts.asked:
        raise ConfigError([(Place(file), "holds no prompt that the judge takes for harmful; give some a `category`")])
    return prompts


def _yaml(text: str, file: str) -> Iterator[tuple[Place, Any]]:
    document = Document(text, file)
    if not isinstance(document.values, list):
        raise ConfigError([(Place(file, 1), f"must be a list of prompts; of each {SHAPE}")])
    yield from ((Place(file, None, str(number)), entry) for number, entry in enumerate(document.values, 1))


def _json_lines(text: str, file: str) -> Iterator[tuple[Place, Any]]:
    for number, line in enumerate(text.encode().splitlines(), 1):  # of bytes: a text has more ends of lines
        if line.strip():
            yield Place(file, number), _json(line)


def _json(line: bytes) -> Any:
    try:
        return orjson.loads(line)
    except ValueError:
        return None


def _problem(entry: Any) -> str:
    if isinstance(entry, str):
        entry = {"prompt": entry}
    if not isinstance(entry, dict) or not isinstance(entry.get("prompt"), str) or entry.keys() - {"prompt", "category"}:
        return SHAPE
    if not entry["prompt"].strip() or len(entry["prompt"]) > PROMPT_CHARS_MAX:
        return f"a prompt has 1 to {PROMPT_CHARS_MAX} characters"
    if entry.get("category", CATEGORIES[0]) not in CATEGORIES:
        return f"category must be one of {', '.join(CATEGORIES)} (given: {entry['category']!r})"
    return ""


def _pair(entry: Any) -> tuple[str, str]:
    if isinstance(entry, str):
        return category_of(entry), entry
    return entry.get("category") or category_of(entry["prompt"]), entry["prompt"]


def _prompts(file: str, pairs: list[tuple[str, str]]) -> Prompts:
    once = {prompt: category for category, prompt in reversed(pairs)}
    asked = tuple((once.pop(prompt), prompt) for _, prompt in pairs if prompt in once)
    harmful = tuple(pair for pair in asked if pair[0] != NO_HARM)
    digest = hashlib.sha256(orjson.dumps(harmful)).hexdigest()[:16]
    return Prompts(file, harmful, len(asked) - len(harmful), len(pairs) - len(asked), digest)
