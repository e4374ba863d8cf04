"""The dialects that Groundwire reads, in the order in which they are asked. An explicit list: no discovery."""

from __future__ import annotations

from typing import Final

from proxy.dialects.anthropic_messages import AnthropicMessages
from proxy.dialects.contract import Dialect
from proxy.dialects.kserve import KServe
from proxy.dialects.ollama import Ollama
from proxy.dialects.opaque import Opaque
from proxy.dialects.openai_chat import OpenAIChat
from proxy.dialects.openai_completions import OpenAICompletions
from proxy.dialects.openai_responses import OpenAIResponses
from proxy.dialects.tgi import TGI

DIALECTS: Final[tuple[Dialect, ...]] = (
    OpenAIChat(),
    OpenAICompletions(),
    OpenAIResponses(),
    AnthropicMessages(),
    Ollama(),  # before TGI: /api/generate is not its /generate
    KServe(),  # before TGI: /v2/models/NAME/generate neither
    TGI(),
    Opaque(),
)


def dialect_of(method: str, path: str) -> Dialect:
    """The dialect of a request line; Opaque, which matches everything, is the last of the list."""
    return next(dialect for dialect in DIALECTS if dialect.matches(method, path))
