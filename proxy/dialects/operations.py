"""What OpenTelemetry calls the request of a dialect: `gen_ai.operation.name` and `gen_ai.provider.name`. Pure.

The provider is the one whose API is spoken, as OpenTelemetry asks where the model's own server cannot be known: vLLM
and llama.cpp behind OpenAI's API are `openai`. Ollama, TGI and KServe have no name there; own names are allowed.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class Operation(NamedTuple):
    """Both names."""

    name: str
    provider: str


CHAT: Final = "chat"
COMPLETION: Final = "text_completion"
_BY_DIALECT: Final = {
    "openai_chat": Operation(CHAT, "openai"),
    "openai_completions": Operation(COMPLETION, "openai"),
    "openai_responses": Operation(CHAT, "openai"),
    "anthropic_messages": Operation(CHAT, "anthropic"),
    "tgi": Operation(COMPLETION, "tgi"),
    "kserve": Operation(COMPLETION, "kserve"),
}
NAMES: Final = (CHAT, COMPLETION)
PROVIDERS: Final = ("openai", "anthropic", "ollama", "tgi", "kserve")


def operation_of(dialect: str, path: str) -> Operation | None:
    """The operation of a request to `path`, which may carry a query; None for what no dialect reads."""
    if dialect == "ollama":
        return Operation(COMPLETION if path.partition("?")[0].endswith("/generate") else CHAT, "ollama")
    return _BY_DIALECT.get(dialect)
