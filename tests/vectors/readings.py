"""What each vector must be read as: a response, or the reason why it is unreadable."""

from __future__ import annotations

from typing import Final

from proxy.dialects.contract import Completion, Response, Usage

YES: Final = "A lock has pins of different lengths, and the right key lifts each of them."
NO: Final = "I'm sorry, but I can't help with breaking into a house."
THOUGHT: Final = "The user asks about locks. I cannot help with that? No, this is for school."
HALF: Final = "A lock has pins of different lengths, "


def one(text: str = "", finish: str = "stop", **more: object) -> tuple[Completion, ...]:
    return (Completion(0, text, finish_reason=finish, **more),)  # type: ignore[arg-type]


def said(*texts: str, finish: str = "length") -> tuple[Completion, ...]:
    return tuple(Completion(index, text, finish_reason=finish) for index, text in enumerate(texts))


def whole(completions: tuple[Completion, ...] = (), usage: Usage | None = None, error: str = "") -> Response:
    """An answer that came to its own end."""
    return Response(completions, usage, error, done=True)


Readings = dict[str, Response | str]

OPENAI: Final[Readings] = {
    "openai_chat/interleaved.sse": Response(
        (Completion(0, "Red rose", finish_reason="length"), Completion(1, "Blue sea", finish_reason="stop")),
        Usage(9, 4),
        done=True,
    ),
    "openai_chat/tool_call.sse": Response(one(finish="tool_calls", tool_calls=2), done=True),
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
    "openai_chat/tool_call.json": Response(one(finish="tool_calls", tool_calls=1), Usage(5, 7), done=True),
    "openai_chat/function_call.json": Response(one(finish="function_call", tool_calls=1), done=True),
    "openai_chat/error_in_200.json": Response(error="out of memory", done=True),
    "openai_chat/vllm_error_in_200.json": Response(error="too long", done=True),
    "openai_chat/nan_logprobs.json": Response(one("Yes"), done=True),
    "openai_completions/interleaved.sse": Response(
        (Completion(0, "ab", finish_reason="stop"), Completion(1, "xy", finish_reason="length")),
        Usage(1, 4),
        done=True,
    ),
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

_OPENAI_USAGE: Final = Usage(14, 18)
_CALL: Final = '{"name": "look_up", "arguments": {"what": "the pins of a lock"}}'
OPENAI_BY_KIND: Final[Readings] = {
    "openai_chat/text.json": whole(one(YES), _OPENAI_USAGE),
    "openai_chat/text.sse": whole(one(YES)),
    "openai_chat/refusal.json": whole(one(refusal=NO), _OPENAI_USAGE),
    "openai_chat/refusal.sse": whole(one(NO)),
    "openai_chat/reasoning.json": whole(one(YES, reasoning=THOUGHT), _OPENAI_USAGE),
    "openai_chat/choices.json": whole(said(NO, YES, finish="stop"), _OPENAI_USAGE),
    "openai_chat/choices.sse": whole(said(NO, YES, finish="stop")),
    "openai_chat/transformers_stream.sse": Response(one("Both the key and the pins must fit.")),  # it sends no [DONE]
    "openai_chat/malformed.json": "malformed",
    "openai_chat/malformed.sse": "malformed",
    "openai_completions/text.json": whole(one(YES), _OPENAI_USAGE),
    "openai_completions/text.sse": whole(one(YES)),
    "openai_completions/tool_call.json": whole(one(_CALL), _OPENAI_USAGE),
    "openai_completions/tool_call.sse": whole(one(_CALL)),
    "openai_completions/refusal.json": whole(one(NO), _OPENAI_USAGE),
    "openai_completions/refusal.sse": whole(one(NO)),
    "openai_completions/reasoning.json": whole(one(YES, reasoning=THOUGHT), _OPENAI_USAGE),
    "openai_completions/reasoning.sse": whole(one(YES, reasoning=THOUGHT)),
    "openai_completions/choices.json": whole(said(NO, YES, finish="stop"), _OPENAI_USAGE),
    "openai_completions/choices.sse": whole(said(NO, YES, finish="stop")),
    "openai_completions/cut.sse": Response(one(HALF, "")),
    "openai_completions/error_in_200.json": whole(error="out of memory"),
    "openai_completions/malformed.json": "malformed",
    "openai_completions/malformed.sse": "malformed",
}

_RESPONSES_USAGE: Final = Usage(31, 18)
_LOOKED: Final = "Let me look that up.\n"
RESPONSES: Final[Readings] = {
    "openai_responses/after_the_end.sse": whole(one(YES), _RESPONSES_USAGE),
    "openai_responses/bare.sse": whole(one("A pear is sweet.")),
    "openai_responses/cancelled.json": whole(one("A lock has", "length")),
    "openai_responses/choices.json": whole(one(_LOOKED + YES, tool_calls=1), _RESPONSES_USAGE),
    "openai_responses/choices.sse": whole(one(_LOOKED + YES, tool_calls=1), _RESPONSES_USAGE),
    "openai_responses/content_filter.json": whole(one("First, ", "content_filter"), _RESPONSES_USAGE),
    "openai_responses/content_filter.sse": whole(one("A lock has pins ", "content_filter"), _RESPONSES_USAGE),
    "openai_responses/cut.sse": Response(one(HALF, "")),
    "openai_responses/error_event.sse": Response(one("A lock has pins ", ""), error="the engine is gone"),
    "openai_responses/failed.json": whole(error="the engine is gone"),
    "openai_responses/failed.sse": whole(one("", ""), error="out of memory"),
    "openai_responses/length.json": whole(one(YES[:60], "length"), _RESPONSES_USAGE),
    "openai_responses/llamacpp_responses.json": whole(
        one("The sky is a breathtakingly beautiful blue."), Usage(37, 10)
    ),
    "openai_responses/llamacpp_responses_stream.sse": whole(
        one("The sky is a breathtakingly beautiful blue."), Usage(37, 10)
    ),
    "openai_responses/malformed.json": "malformed",
    "openai_responses/malformed.sse": "malformed",
    "openai_responses/only_the_end.sse": whole(one(YES, reasoning=THOUGHT), _RESPONSES_USAGE),
    "openai_responses/queued.json": whole(),
    "openai_responses/reasoning.json": whole(one(YES, reasoning=THOUGHT), _RESPONSES_USAGE),
    "openai_responses/reasoning.sse": whole(one(YES, reasoning=THOUGHT), _RESPONSES_USAGE),
    "openai_responses/refusal.json": whole(one(refusal=NO), _RESPONSES_USAGE),
    "openai_responses/refusal.sse": whole(one(refusal=NO), _RESPONSES_USAGE),
    "openai_responses/refusal_words.json": whole(one(NO), _RESPONSES_USAGE),
    "openai_responses/text.json": whole(one(YES), _RESPONSES_USAGE),
    "openai_responses/text.sse": whole(one(YES), _RESPONSES_USAGE),
    "openai_responses/transformers_stream.sse": whole(one("Both the key and the pins must fit.")),
    "openai_responses/tool_call.json": whole(one(finish="tool_calls", tool_calls=2), _RESPONSES_USAGE),
    "openai_responses/tool_call.sse": whole(one(finish="tool_calls", tool_calls=2), _RESPONSES_USAGE),
}

_MESSAGES_USAGE: Final = Usage(25, 18)
_BEGUN: Final = Usage(25, 1)  # what the first event of a stream says
_IN_BLOCKS: Final = _LOOKED + "A lock has pins of different lengths."
MESSAGES: Final[Readings] = {
    "anthropic_messages/choices.json": whole(one(_IN_BLOCKS, tool_calls=1), _MESSAGES_USAGE),
    "anthropic_messages/choices.sse": whole(one(_IN_BLOCKS, tool_calls=1), _MESSAGES_USAGE),
    "anthropic_messages/cut.sse": Response(one(HALF, ""), _BEGUN),
    "anthropic_messages/error_event.sse": Response(one("A lock", ""), _BEGUN, "too many at once"),
    "anthropic_messages/error_in_200.json": whole(error="too many at once"),
    "anthropic_messages/guardrail.sse": Response(error="stopped by a policy"),
    "anthropic_messages/length.json": whole(one("A lock has pins", "length"), _MESSAGES_USAGE),
    "anthropic_messages/llamacpp_messages.json": whole(
        one("The sky is a brilliant shade of blue, a breathtaking sight", "length"), Usage(24, 12)
    ),
    "anthropic_messages/llamacpp_messages_stream.sse": whole(
        one("The sky is a breathtakingly beautiful blue."), Usage(37, 10)
    ),
    "anthropic_messages/malformed.json": "malformed",
    "anthropic_messages/malformed.sse": "malformed",
    "anthropic_messages/pause.json": whole(one(finish="length", tool_calls=1), _MESSAGES_USAGE),
    "anthropic_messages/reasoning.json": whole(one(YES, reasoning=THOUGHT), _MESSAGES_USAGE),
    "anthropic_messages/reasoning.sse": whole(one(YES, reasoning=THOUGHT), _MESSAGES_USAGE),
    "anthropic_messages/refusal.json": whole(one(refusal="This asks how to break in."), _MESSAGES_USAGE),
    "anthropic_messages/refusal.sse": whole(one("To open a lock", refusal="refusal"), _MESSAGES_USAGE),
    "anthropic_messages/refusal_words.json": whole(one(NO), _MESSAGES_USAGE),
    "anthropic_messages/text.json": whole(one(YES), _MESSAGES_USAGE),
    "anthropic_messages/text.sse": whole(one(YES), _MESSAGES_USAGE),
    "anthropic_messages/tool_call.json": whole(one(finish="tool_calls", tool_calls=2), _MESSAGES_USAGE),
    "anthropic_messages/tool_call.sse": whole(one(finish="tool_calls", tool_calls=2), _MESSAGES_USAGE),
}

_CALL_TGI: Final = '{"function": {"_name": "look_up", "what": "the pins of a common lock"}}'
TGI: Final[Readings] = {
    "tgi/choices.json": whole(
        (Completion(0, NO, finish_reason="stop"), Completion(1, YES, finish_reason="length")), Usage(2, 18)
    ),
    "tgi/choices.sse": whole(one(YES, "length"), Usage(9, 18)),
    "tgi/cut.sse": Response(one(HALF, "")),
    "tgi/error_event.sse": Response(one(HALF, ""), error="Request failed during generation: out of memory"),
    "tgi/error_in_200.json": whole(error="Request failed during generation: out of memory"),
    "tgi/malformed.json": "malformed",
    "tgi/malformed.sse": "malformed",
    "tgi/no_details.json": whole(one(YES, "")),
    "tgi/only_the_end.sse": whole(one(YES), Usage(9, 18)),
    "tgi/reasoning.json": whole(one(YES, reasoning=THOUGHT), Usage(0, 18)),
    "tgi/reasoning.sse": whole(one(YES, reasoning=THOUGHT), Usage(9, 18)),
    "tgi/refusal.json": whole(one(NO), Usage(0, 18)),
    "tgi/refusal.sse": whole(one(NO), Usage(9, 18)),
    "tgi/root.json": whole(one(YES, "")),
    "tgi/text.json": whole(one(YES), Usage(0, 18)),
    "tgi/text.sse": whole(one(YES), Usage(9, 18)),
    "tgi/tool_call.json": whole(one(_CALL_TGI), Usage(0, 18)),
    "tgi/tool_call.sse": whole(one(_CALL_TGI), Usage(9, 18)),
}

_OLLAMA_USAGE: Final = Usage(26, 18)
_OLLAMA: Final[dict[str, Response]] = {
    "chat_choices": whole(one(f"First way: {YES}\nSecond way: {YES}"), _OLLAMA_USAGE),
    "chat_reasoning": whole(one(YES, reasoning=THOUGHT), _OLLAMA_USAGE),
    "chat_refusal": whole(one(NO), _OLLAMA_USAGE),
    "chat_text": whole(one(YES), _OLLAMA_USAGE),
    "chat_tool_call": whole(one(tool_calls=2), _OLLAMA_USAGE),
    "generate_choices": whole(one(f"1. {YES}\n2. {YES}"), _OLLAMA_USAGE),
    "generate_reasoning": whole(one(YES, reasoning=THOUGHT), _OLLAMA_USAGE),
    "generate_refusal": whole(one(NO), _OLLAMA_USAGE),
    "generate_text": whole(one(YES), _OLLAMA_USAGE),
    "generate_tool_call": whole(one(_CALL), _OLLAMA_USAGE),
}
OLLAMA: Final[Readings] = {
    **{f"ollama/{name}.{form}": reading for name, reading in _OLLAMA.items() for form in ("json", "ndjson")},
    "ollama/crlf.ndjson": whole(one(YES), _OLLAMA_USAGE),
    "ollama/cut.ndjson": Response(one(HALF, "")),
    "ollama/error_frame.ndjson": Response(
        one("A lock has pins ", ""), error="an error was encountered while running the model"
    ),
    "ollama/error_in_200.json": Response(error="model requires more system memory"),
    "ollama/length.ndjson": whole(one("A lock", "length"), _OLLAMA_USAGE),
    "ollama/load.json": whole(one(), Usage(0, 0)),
    "ollama/malformed.json": "malformed",
    "ollama/malformed.ndjson": "malformed",
}

KSERVE: Final[Readings] = {
    "kserve/choices.json": whole(said(NO, YES, finish="")),
    "kserve/choices.sse": whole(said(NO, YES, finish="")),
    "kserve/cut.sse": Response(one(HALF, "")),
    "kserve/echo.json": whole(one(f"How does a lock work? {YES}", "")),
    "kserve/error_event.sse": Response(one("A lock has pins ", ""), error="the engine is gone"),
    "kserve/error_in_200.json": whole(error="failed to allocate pinned memory"),
    "kserve/finish.sse": whole(one(YES)),
    "kserve/infer_binary.json": "opaque",
    "kserve/infer_choices.json": whole(said(NO, YES, finish="")),
    "kserve/infer_numbers.json": "opaque",
    "kserve/infer_one_name.json": whole(one(YES, "")),
    "kserve/infer_reasoning.json": whole(one(YES, "", reasoning=THOUGHT)),
    "kserve/infer_refusal.json": whole(one(NO, "")),
    "kserve/infer_text.json": whole(one(YES, "")),
    "kserve/infer_tool_call.json": whole(one(_CALL, "")),
    "kserve/infer_unclear.json": "opaque",
    "kserve/length.json": whole(one("A lock has pins", "length")),
    "kserve/malformed.json": "malformed",
    "kserve/malformed.sse": "malformed",
    "kserve/numbers.json": "opaque",
    "kserve/other_name.json": whole(one(YES, "")),
    "kserve/reasoning.json": whole(one(YES, "", reasoning=THOUGHT)),
    "kserve/reasoning.sse": whole(one(YES, "", reasoning=THOUGHT)),
    "kserve/refusal.json": whole(one(NO, "")),
    "kserve/refusal.sse": whole(one(NO, "")),
    "kserve/text.json": whole(one(YES, "")),
    "kserve/text.sse": whole(one(YES, "")),
    "kserve/tool_call.json": whole(one(_CALL, "")),
    "kserve/tool_call.sse": whole(one(_CALL, "")),
}

READINGS: Final[Readings] = {**OPENAI, **OPENAI_BY_KIND, **RESPONSES, **MESSAGES, **TGI, **OLLAMA, **KSERVE}
