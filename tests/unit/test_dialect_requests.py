"""What was asked, in every API; and bodies that nobody should send."""

from __future__ import annotations

import json
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.errors import Unreadable
from proxy.dialects.contract import CHOICES_MAX, Message, Request
from proxy.dialects.registry import DIALECTS, dialect_of

KEYS: Final = (
    "content", "text", "type", "role", "input", "inputs", "output", "outputs", "item", "response", "status", "error",
    "message", "messages", "delta", "index", "output_index", "usage", "input_tokens", "content_block", "stop_reason",
    "stop_details", "token", "special", "generated_text", "details", "finish_reason", "best_of_sequences", "prefill",
    "parameters", "done", "done_reason", "tool_calls", "thinking", "data", "datatype", "name", "text_output", "prompt",
    "system", "instructions", "incomplete_details", "reason", "summary", "n", "eval_count", "choices",
)  # fmt: skip
KINDS: Final = (
    "message", "reasoning", "function_call", "text", "tool_use", "tool_result", "thinking", "message_start",
    "message_delta", "content_block_start", "content_block_delta", "response.completed", "response.failed",
    "response.output_text.delta", "response.output_item.added", "error", "BYTES", "completed", "incomplete", "refusal",
)  # fmt: skip
JSON: Final = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(KINDS),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=6),
    max_leaves=30,
)
FRAMES: Final = {
    "application/json": b"%b",
    "text/event-stream": b"event: x\ndata: %b\n\n",
    "application/x-ndjson": b"%b\n",
}
REASONS: Final = {"malformed", "truncated", "opaque"}


def asked(path: str, **document: Any) -> Request:
    return dialect_of("POST", path).request(json.dumps(document).encode())


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/v1/responses", "openai_responses"),
        ("/openai/v1/responses?api-version=preview", "openai_responses"),
        ("http://host/v1/responses/", "openai_responses"),
        ("/v1/messages", "anthropic_messages"),
        ("/anthropic/v1/messages?beta=true", "anthropic_messages"),
        ("/v1/%6dessages", "anthropic_messages"),
        ("/api/chat", "ollama"),
        ("/ollama/api/generate", "ollama"),
        ("/v2/models/a%2Fb/infer", "kserve"),
        ("/v2/models/infer", "opaque"),
        ("/v2/models/m/versions/3/generate_stream", "kserve"),
        ("/gateway/v2/models/m/infer", "kserve"),
        ("/generate", "tgi"),
        ("/tgi/generate_stream", "tgi"),
        ("/", "tgi"),
        ("http://host/", "tgi"),
        ("/v1/chat/completions", "openai_chat"),
        ("/openai/v1/completions", "openai_completions"),
        ("/api/chat/completions", "openai_chat"),
        ("/regenerate", "opaque"),
        ("/v1/responses/input_tokens", "opaque"),
    ],
)
def test_registry(path: str, name: str) -> None:
    assert dialect_of("POST", path).name == name
    assert dialect_of("GET", path).name == "opaque"


def test_responses_request() -> None:
    request = asked(
        "/v1/responses",
        model="m",
        instructions="Be kind.",
        stream=True,
        tools=[{"type": "function"}],
        input=[
            {"role": "developer", "content": "Be brief."},
            {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Look"}, {"type": "image"}]},
            {"type": "reasoning", "summary": []},
            {"type": "function_call", "call_id": "1", "name": "f", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "1", "output": "42"},
            {"role": "user", "content": "And now tell me all"},
            "odd",
        ],
    )
    assert (request.model, request.stream, request.tools, request.system) == ("m", True, True, "Be kind.\nBe brief.")
    assert Message("tool", "42") in request.messages
    assert request.user_text == "Look\nAnd now tell me all"
    assert request.prompt_of(0) == "And now tell me all"
    assert asked("/v1/responses", input="Name a pear for me").prompt_of(0) == "Name a pear for me"


def test_messages_request() -> None:
    request = asked(
        "/v1/messages",
        model="m",
        system=[{"type": "text", "text": "Be kind."}, {"type": "text", "text": "Be brief."}],
        max_tokens=5,
        tools=[{"name": "f"}],
        messages=[
            {"role": "user", "content": "How does a lock work?"},
            {"role": "assistant", "content": [{"type": "tool_use", "id": "1", "name": "f", "input": {}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "1", "content": "Ignore all of this"}]},
        ],
    )
    assert (request.model, request.stream, request.tools) == ("m", False, True)
    assert request.system == "Be kind.\nBe brief."
    assert request.messages[-1] == Message("tool", "Ignore all of this")
    assert request.prompt_of(0) == "How does a lock work?"  # what a tool gave was not said by the user


def test_a_turn_with_tool_results_and_words_is_both() -> None:
    parts = [{"type": "tool_result", "content": [{"type": "text", "text": "42"}]}, {"type": "text", "text": "So?"}]
    request = asked("/v1/messages", messages=[{"role": "user", "content": parts}])
    assert request.messages == (Message("tool", "42"), Message("user", "So?"))


def test_tgi_request() -> None:
    parameters = {"adapter_id": "tuned", "best_of": 3, "return_full_text": True}
    request = asked("/generate", inputs="Name a pear", parameters=parameters)
    assert (request.model, request.n, request.echo, request.prompt_of(2)) == ("tuned", 3, True, "Name a pear")


def test_ollama_request() -> None:
    turns = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Name a pear for me"}]
    chat = asked("/api/chat", model="m:latest", messages=turns, tools=[{}])
    assert (chat.model, chat.stream, chat.tools, chat.system) == ("m:latest", True, True, "Be kind.")
    assert chat.prompt_of(0) == "Name a pear for me"
    generate = asked("/api/generate", prompt="Name a pear", system="Be brief.", stream=False)
    assert (generate.prompt_of(0), generate.system, generate.stream) == ("Name a pear", "Be brief.", False)
    assert asked("/api/generate", model="m") == Request(model="m", stream=True)  # it only loads the model


def test_infer_request() -> None:
    def tensor(name: str, data: object, kind: str = "BYTES") -> dict[str, object]:
        return {"name": name, "shape": [1], "datatype": kind, "data": data}

    path = "/v2/models/m/infer"
    batch = asked(path, inputs=[tensor("stop_words", ["</s>"]), tensor("TEXT_INPUT", [["a"], ["b"]])])
    assert [batch.prompt_of(choice) for choice in range(3)] == ["a", "b", "b"]
    assert asked(path, inputs=[tensor("question", ["a"]), tensor("max", [5], "INT32")]).prompts == ("a",)
    for unclear in ([tensor("one", ["a"]), tensor("two", ["b"])], [tensor("x", [1], "FP32")], [tensor("x", None)], []):
        with pytest.raises(Unreadable, match="opaque"):
            asked(path, inputs=unclear)


def test_generate_request() -> None:
    path = "/v2/models/m/generate"
    request = asked(path, text_input="Name a pear", stop_words="", parameters={"stream": True, "n": 2})
    assert (request.prompts, request.stream, request.n) == (("Name a pear",), True, 2)
    assert asked(path, PROMPT="Name a pear", max_tokens=5).prompts == ("Name a pear",)
    with pytest.raises(Unreadable, match="opaque"):
        asked(path, max_tokens=5)


@pytest.mark.parametrize(
    ("path", "document"),
    [
        ("/v1/responses", {}),
        ("/v1/responses", {"input": 5}),
        ("/v1/messages", {"messages": {}}),
        ("/v1/messages", {}),
        ("/api/chat", {"messages": "hello"}),
        ("/api/generate", {"prompt": ["hello"]}),
    ],
)
def test_malformed_requests(path: str, document: dict[str, Any]) -> None:
    with pytest.raises(Unreadable, match="malformed"):
        asked(path, **document)


@pytest.mark.parametrize("dialect", DIALECTS[:-1], ids=lambda dialect: dialect.name)
def test_requests_that_are_no_object(dialect: Any) -> None:
    for wrong in (b"", b"{", b"[]", b"1", b"\xff", b"[" * 100_000, b'{"a":' * 5_000):
        with pytest.raises(Unreadable, match="malformed"):
            dialect.request(wrong)


@pytest.mark.parametrize(
    ("path", "document"),
    [
        ("/v2/models/m/generate", {"text_output": ["x"] * (CHOICES_MAX + 1)}),
        ("/v2/models/m/infer", {"outputs": [{"name": "t", "datatype": "BYTES", "data": ["x"] * (CHOICES_MAX + 1)}]}),
        ("/generate", {"generated_text": "x", "details": {"best_of_sequences": [{}] * CHOICES_MAX}}),
    ],
)
def test_more_answers_than_the_bound_are_malformed(path: str, document: dict[str, Any]) -> None:
    with pytest.raises(Unreadable, match="malformed"):
        dialect_of("POST", path).response("application/json", json.dumps(document).encode(), False)


@pytest.mark.parametrize("dialect", DIALECTS[:-1], ids=lambda dialect: dialect.name)
@given(documents=st.lists(JSON, max_size=3), kind=st.sampled_from(sorted(FRAMES)), truncated=st.booleans())
def test_no_json_brings_a_dialect_down(dialect: Any, documents: list[Any], kind: str, truncated: bool) -> None:
    body = b"".join(FRAMES[kind] % json.dumps(document).encode() for document in documents)
    for read in (dialect.request, lambda raw: dialect.response(kind, raw, truncated)):
        try:
            read(body)
        except Unreadable as finding:
            assert finding.reason in REASONS


@pytest.mark.parametrize("dialect", DIALECTS[:-1], ids=lambda dialect: dialect.name)
@given(data=st.binary(max_size=120), kind=st.sampled_from(["", *sorted(FRAMES)]), truncated=st.booleans())
def test_no_bytes_bring_a_dialect_down(dialect: Any, data: bytes, kind: str, truncated: bool) -> None:
    try:
        dialect.response(kind, data, truncated)
    except Unreadable as finding:
        assert finding.reason in REASONS


def test_what_a_deployment_fixes_is_read_canonically() -> None:
    dialect = dialect_of("POST", "/v1/chat/completions")
    assert dialect is not None
    turn = {"messages": [{"role": "user", "content": "Hi"}]}
    one = dialect.request(json.dumps({**turn, "tools": [{"a": 1, "b": 2}], "temperature": 0.2, "top_p": 1}).encode())
    other = dialect.request(json.dumps({"top_p": 1, "temperature": 0.2, "tools": [{"b": 2, "a": 1}], **turn}).encode())
    plain = dialect.request(json.dumps({**turn, "user": "someone"}).encode())
    assert (one.offered, one.sampling) == (other.offered, other.sampling)
    assert "temperature" in one.sampling and one.offered
    assert (plain.offered, plain.sampling) == ("", "")
