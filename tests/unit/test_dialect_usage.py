"""Token counts of each API, their shares of cache and reasoning, and counts that no server can mean."""

from __future__ import annotations

from dataclasses import astuple
from typing import Any, Final

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.resources import Resource

from proxy.dialects.contract import Usage
from proxy.dialects.fields import COUNT_MAX, a_count
from proxy.dialects.registry import dialect_of
from proxy.features.reading import Reading
from proxy.tracing import gen_ai
from proxy.tracing.exchange import Done, spans_of
from proxy.tracing.otlp import readable
from tests.unit.tracing.test_exchange import exchange

CHAT, COMPLETIONS, RESPONSES = "/v1/chat/completions", "/v1/completions", "/v1/responses"
MESSAGES, OLLAMA, TGI = "/v1/messages", "/api/chat", "/generate"

SAID: Final[dict[str, tuple[str, dict[str, Any], Usage | None]]] = {
    "chat": (
        CHAT,
        {
            "prompt_tokens": 37,
            "completion_tokens": 12,
            "prompt_tokens_details": {"cached_tokens": 30},
            "completion_tokens_details": {"reasoning_tokens": 8},
        },
        Usage(37, 12, cached_tokens=30, reasoning_tokens=8),
    ),
    "chat of vLLM, which writes null": (
        CHAT,
        {"prompt_tokens": 37, "completion_tokens": 12, "prompt_tokens_details": None},
        Usage(37, 12),
    ),
    "completions": (
        COMPLETIONS,
        {"prompt_tokens": 3, "completion_tokens": 6, "prompt_tokens_details": {"cached_tokens": 0}},
        Usage(3, 6, cached_tokens=0),
    ),
    "responses": (
        RESPONSES,
        {
            "input_tokens": 9,
            "output_tokens": 5,
            "input_tokens_details": {"cached_tokens": 4},
            "output_tokens_details": {"reasoning_tokens": 2},
        },
        Usage(9, 5, cached_tokens=4, reasoning_tokens=2),
    ),
    "messages": (
        MESSAGES,
        {"input_tokens": 20, "cache_read_input_tokens": 5, "cache_creation_input_tokens": 3, "output_tokens": 18},
        Usage(28, 18, cached_tokens=5, cache_written_tokens=3),
    ),
    "messages without a cache": (MESSAGES, {"input_tokens": 20, "output_tokens": 18}, Usage(20, 18)),
    "counts that are none": (
        CHAT,
        {"prompt_tokens": -4, "completion_tokens": True, "prompt_tokens_details": {"cached_tokens": "3"}},
        Usage(0, 0),
    ),
    "no usage": (CHAT, {}, None),
}


def used(path: str, counts: dict[str, Any]) -> Usage | None:
    answer = {
        CHAT: {"choices": [{"index": 0, "message": {"content": "Hm."}}], "usage": counts or None},
        COMPLETIONS: {"choices": [{"index": 0, "text": "Hm."}], "usage": counts or None},
        RESPONSES: {"status": "completed", "object": "response", "output": [], "usage": counts or None},
        MESSAGES: {"content": [{"type": "text", "text": "Hm."}], "usage": counts or None},
        OLLAMA: {"message": {"content": "Hm."}, "done": True, **counts},
        TGI: {"generated_text": "Hm.", "details": counts},
    }[path]
    return dialect_of("POST", path).response("application/json", orjson.dumps(answer), False).usage


@pytest.mark.parametrize("case", SAID)
def test_what_each_api_says(case: str) -> None:
    path, counts, usage = SAID[case]
    found = used(path, counts)
    assert (found and astuple(found)) == (usage and astuple(usage))


@pytest.mark.parametrize(
    ("path", "prompt", "completion"),
    [
        (CHAT, "prompt_tokens", "completion_tokens"),
        (COMPLETIONS, "prompt_tokens", "completion_tokens"),
        (RESPONSES, "input_tokens", "output_tokens"),
        (MESSAGES, "input_tokens", "output_tokens"),
        (OLLAMA, "prompt_eval_count", "eval_count"),
        (TGI, "input_length", "generated_tokens"),
    ],
)
@given(count=st.integers(-(2**63), -1) | st.integers(COUNT_MAX + 1, 2**64 - 1))
def test_a_count_that_no_server_can_mean_is_none(path: str, prompt: str, completion: str, count: int) -> None:
    assert used(path, {prompt: count, completion: 7}) == Usage(0, 7)


@given(st.integers() | st.booleans() | st.floats() | st.text() | st.none())
def test_a_count_is_a_whole_number_of_things(value: Any) -> None:
    is_one = type(value) is int and 0 <= value <= COUNT_MAX
    assert a_count(value) == (value if is_one else None)


def test_a_span_says_what_the_server_said_and_no_more() -> None:
    def said(usage: Usage) -> dict[str, Any]:
        return dict(gen_ai.told([Reading(usage=usage)]))

    assert said(Usage(9, 5)) == {"gen_ai.usage.input_tokens": 9, "gen_ai.usage.output_tokens": 5}
    assert said(Usage(9, 5, cached_tokens=0, cache_written_tokens=3, reasoning_tokens=2)) == {
        "gen_ai.usage.input_tokens": 9,
        "gen_ai.usage.cache_read.input_tokens": 0,
        "gen_ai.usage.cache_creation.input_tokens": 3,
        "gen_ai.usage.output_tokens": 5,
        "gen_ai.usage.reasoning.output_tokens": 2,
    }


@pytest.mark.parametrize("count", [2**63, 2**64 - 1, COUNT_MAX])
def test_every_count_of_a_span_can_be_exported(count: int) -> None:
    """A protobuf integer has 64 bits with a sign; the encoder leaves out, with a traceback, what does not fit."""
    usage = used(MESSAGES, {"input_tokens": count, "cache_read_input_tokens": count, "output_tokens": count})
    [span] = spans_of(Done(exchange(), "analysed", told=gen_ai.told([Reading(usage=usage)])))
    [encoded] = encode_spans([readable(span, Resource({}))]).resource_spans[0].scope_spans[0].spans
    assert {one.key for one in encoded.attributes} == set(span.attributes)
