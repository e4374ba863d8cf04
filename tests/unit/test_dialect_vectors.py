"""What each recorded body must be read as."""

from __future__ import annotations

from typing import Final

import pytest

from proxy.core.errors import Unreadable
from proxy.dialects.contract import Completion, Dialect, Response, Usage
from proxy.dialects.openai_chat import OpenAIChat
from proxy.dialects.openai_completions import OpenAICompletions
from tests.vectors import content_type, names, vector

DIALECTS: Final[dict[str, Dialect]] = {
    "openai_chat": OpenAIChat(),
    "openai_completions": OpenAICompletions(),
}


def one(text: str = "", finish: str = "stop", **more: object) -> tuple[Completion, ...]:
    return (Completion(0, text, finish_reason=finish, **more),)  # type: ignore[arg-type]


def said(*texts: str, finish: str = "length") -> tuple[Completion, ...]:
    return tuple(Completion(index, text, finish_reason=finish) for index, text in enumerate(texts))


EXPECTED: Final[dict[str, Response]] = {
    "openai_chat/interleaved.sse": Response(
        (Completion(0, "Red rose", finish_reason="length"), Completion(1, "Blue sea", finish_reason="stop")),
        Usage(9, 4),
        done=True,
    ),
    "openai_chat/tool_calls.sse": Response(one(finish="tool_calls", tool_calls=2), done=True),
    "openai_chat/refusal_field.sse": Response(one(refusal="I can't help with that."), done=True),
    "openai_chat/reasoning.sse": Response(one("A pear.", reasoning="The user wants a fruit. Pear?"), done=True),
    "openai_chat/think_tags.sse": Response(one("A plum.", reasoning="I cannot decide."), done=True),
    "openai_chat/content_filter.sse": Response(one("First, take", "content_filter"), done=True),
    "openai_chat/error_event.sse": Response(one("Half an", ""), error="engine died"),
    "openai_chat/guardrail.sse": Response(error="blocked"),
    "openai_chat/cut.sse": Response(one("The beginning and", "")),
    "openai_chat/no_done.sse": Response(one("All of it"), Usage(2, 3)),
    "openai_chat/crlf.sse": Response(one("Windows lines"), done=True),
    "openai_chat/split_surrogates.sse": Response(one("Oh \U0001f600!"), done=True),
    "openai_chat/unlike_all_others.sse": Response(one("Fine"), done=True),
    "openai_chat/parts.json": Response(one("Two parts.", reasoning="Hm."), done=True),
    "openai_chat/refusal_part.json": Response(one(refusal="No."), done=True),
    "openai_chat/tool_calls.json": Response(one(finish="tool_calls", tool_calls=1), Usage(5, 7), done=True),
    "openai_chat/function_call.json": Response(one(finish="function_call", tool_calls=1), done=True),
    "openai_chat/error_in_200.json": Response(error="out of memory", done=True),
    "openai_chat/vllm_error_in_200.json": Response(error="too long", done=True),
    "openai_chat/nan_logprobs.json": Response(one("Yes"), done=True),
    "openai_completions/interleaved.sse": Response(
        (Completion(0, "ab", finish_reason="stop"), Completion(1, "xy", finish_reason="length")),
        Usage(1, 4),
        done=True,
    ),
}
RECORDED: Final[dict[str, Response]] = {
    "openai_chat/llamacpp_chat_n2.json": Response(
        said(
            "1. Red: the most visible colour of the sky and", "The sky is comprised of three primary colors: blue (from"
        ),
        Usage(37, 12),
        done=True,
    ),
    "openai_chat/llamacpp_chat_n2_stream.sse": Response(
        said("The most popular and widely", "The colours in your home"), None, done=True
    ),
    "openai_chat/llamacpp_chat_stream.sse": Response(
        said("The colour of the sky is blue.", finish="stop"), Usage(42, 9), done=True
    ),
    "openai_completions/llamacpp_completions.json": Response(said(" already on fire.\n\n"), Usage(3, 6), done=True),
    "openai_completions/llamacpp_completions_stream.sse": Response(
        said(" a canvas, with different colors"), Usage(3, 6), done=True
    ),
    "openai_completions/llamacpp_completions_two.json": Response(
        said(" a canvas of countless", " a place where the"), Usage(3, 4), done=True
    ),
}
ALL: Final = EXPECTED | RECORDED


def read(name: str, body: bytes | None = None, truncated: bool = False) -> Response:
    dialect = DIALECTS[name.partition("/")[0]]
    return dialect.response(content_type(name), vector(name) if body is None else body, truncated)


def test_every_vector_has_its_reading() -> None:
    assert sorted(ALL) == [name for folder in DIALECTS for name in names(folder)]


@pytest.mark.parametrize("name", ALL)
def test_vector(name: str) -> None:
    assert read(name) == ALL[name]


@pytest.mark.parametrize("name", ALL)
def test_a_wrong_content_type_changes_nothing(name: str) -> None:
    dialect = DIALECTS[name.partition("/")[0]]
    assert dialect.response("application/octet-stream", vector(name), False) == ALL[name]


@pytest.mark.parametrize("name", [name for name in ALL if name.endswith(".sse") and "think" not in name])
def test_every_beginning_of_a_stream_reads_as_the_beginning_of_its_text(name: str) -> None:
    body, whole = vector(name), {one.index: one.text for one in ALL[name].completions}
    for end in range(len(body)):
        cut = read(name, body[:end], truncated=True)
        assert all(whole[one.index].startswith(one.text) for one in cut.completions), end


@pytest.mark.parametrize("name", ALL)
def test_every_cut_is_read_or_unreadable(name: str) -> None:
    body = vector(name)
    for start, end in [(0, end) for end in range(0, len(body), 3)] + [
        (start, len(body)) for start in range(0, len(body), 7)
    ]:
        for truncated in (True, False):
            try:
                read(name, body[start:end], truncated)
            except Unreadable as finding:
                assert finding.reason in {"malformed", "truncated"}
