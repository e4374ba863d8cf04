"""The dialects that Groundwire reads, in the order in which they are asked. An explicit list: no discovery."""

from __future__ import annotations

from typing import Final

from proxy.dialects.contract import Dialect
from proxy.dialects.opaque import Opaque
from proxy.dialects.openai_chat import OpenAIChat
from proxy.dialects.openai_completions import OpenAICompletions

DIALECTS: Final[tuple[Dialect, ...]] = (
    OpenAIChat(),
    OpenAICompletions(),
    Opaque(),
)


def dialect_of(method: str, path: str) -> Dialect:
    """The dialect of a request line; Opaque, which matches everything, is the last of the list."""
    return next(dialect for dialect in DIALECTS if dialect.matches(method, path))
