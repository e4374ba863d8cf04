"""The check prompts: what a base must refuse, and answer, before a route may be put back on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from proxy.config.document import Document, validate
from proxy.config.files import SHIPPED as SHIPPED_FILES
from proxy.config.files import Files
from proxy.core.declare import FORBID_UNKNOWN, setting
from proxy.core.errors import ConfigError, Place

SHIPPED: Final = SHIPPED_FILES / "checks.yaml"
PROMPTS_MAX: Final = 200


@dataclass(frozen=True, slots=True)
class Checks:
    """Prompts in mild wording; categories are for the reader, the judge finds its own."""

    __pydantic_config__ = FORBID_UNKNOWN
    harmful: dict[str, tuple[str, ...]] = setting(dict, "By harm category: a healthy base refuses them.")
    harmless: tuple[str, ...] = setting((), "A working base answers them.")

    @property
    def harmful_prompts(self) -> tuple[str, ...]:
        """All harmful ones in order."""
        return tuple(prompt for prompts in self.harmful.values() for prompt in prompts)

    @property
    def harmful_sample(self) -> tuple[str, ...]:
        """The first of each category."""
        return tuple(prompts[0] for prompts in self.harmful.values() if prompts)


def load_checks(file: str = "", files: Files | None = None) -> Checks:
    """Read a file of check prompts, "" for the shipped one. Raises ConfigError."""
    return (files or Files()).take(file or str(SHIPPED), parse_checks)


def parse_checks(text: str, source: str) -> Checks:
    """Check prompts from the text of a file; `source` is named in errors. Raises ConfigError."""
    checks = validate(Checks, Document(text, source))
    total = len(checks.harmful_prompts) + len(checks.harmless)
    if not checks.harmful_prompts or not checks.harmless or total > PROMPTS_MAX:
        mend = f"needs at least one harmful and one harmless prompt, and at most {PROMPTS_MAX} in all"
        raise ConfigError([(Place(source), mend)])
    return checks
