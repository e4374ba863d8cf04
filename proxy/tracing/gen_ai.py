"""What a request and its answer say of themselves, as `gen_ai.*` attributes: numbers and names, never content. Pure.

Source: OpenTelemetry's GenAI conventions, status Development
(https://github.com/open-telemetry/semantic-conventions-genai). `stop` sequences are texts of clients: left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from proxy.dialects.contract import Usage
from proxy.dialects.fields import an_object, parse
from proxy.features.reading import Reading
from proxy.tracing.span import Attributes, Value, bounded

OPERATION: Final = "gen_ai.operation.name"
PROVIDER: Final = "gen_ai.provider.name"
REQUEST_MODEL: Final = "gen_ai.request.model"
RESPONSE_ID: Final = "gen_ai.response.id"
FIRST_CHUNK: Final = "gen_ai.response.time_to_first_chunk"
STREAM: Final = "gen_ai.request.stream"

NOTHING: Final[Attributes] = {}

_FLOATS: Final = ("temperature", "top_p", "top_k", "frequency_penalty", "presence_penalty")
_TOKENS_MAX: Final = ("max_tokens", "max_completion_tokens", "max_output_tokens", "num_predict")


def told(found: Sequence[Reading]) -> Attributes:
    """All that the readings of one exchange say; nothing where the dialect could read nothing."""
    first = found[0]
    said: dict[str, Value] = {}
    if first.asked is not None:
        said |= _asked(first)
        said |= parameters(first.asked.sampling)
    said |= _answered(found)
    return said


def parameters(sampling: str) -> dict[str, Value]:
    """Of sampling parameters as canonical JSON (`dialects.marks`): those that are numbers."""
    given = an_object(parse(sampling)) if sampling else {}
    given = {**an_object(given.get("options")), **given}
    said: dict[str, Value] = {
        f"gen_ai.request.{name}": float(given[name]) for name in _FLOATS if _is_number(given.get(name))
    }
    if _is_whole(given.get("seed")):
        said["gen_ai.request.seed"] = given["seed"]
    tokens = next((given[name] for name in _TOKENS_MAX if _is_whole(given.get(name))), None)
    if tokens is not None:
        said["gen_ai.request.max_tokens"] = tokens
    return said


def _asked(first: Reading) -> dict[str, Value]:
    asked = first.asked
    assert asked is not None
    said: dict[str, Value] = {}
    if asked.stream:
        said[STREAM] = True
    if asked.n != 1:
        said["gen_ai.request.choice.count"] = asked.n
    if asked.schema is not None:
        said["gen_ai.output.type"] = "json"
    return said


def _answered(found: Sequence[Reading]) -> dict[str, Value]:
    first = found[0]
    reasons = tuple(bounded(one.said.finish_reason) for one in found if one.said is not None and one.said.finish_reason)
    said: dict[str, Value] = {}
    if first.id:
        said[RESPONSE_ID] = bounded(first.id)
    if first.model:
        said["gen_ai.response.model"] = bounded(first.model)
    if reasons:
        said["gen_ai.response.finish_reasons"] = reasons
    if first.usage is not None:
        said |= _used(first.usage)
    return said


def _used(usage: Usage) -> dict[str, Value]:
    counts = {
        "input_tokens": usage.prompt_tokens,
        "cache_read.input_tokens": usage.cached_tokens,
        "cache_creation.input_tokens": usage.cache_written_tokens,
        "output_tokens": usage.completion_tokens,
        "reasoning.output_tokens": usage.reasoning_tokens,
    }
    return {f"gen_ai.usage.{name}": count for name, count in counts.items() if count is not None}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e18


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63
