"""OpenAI chat completions: `POST .../chat/completions` (OpenAI, Azure, vLLM, llama.cpp, and all that copy them)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from proxy.core.errors import Unreadable
from proxy.dialects import openai_common as common
from proxy.dialects.asking import schema_of, user_of
from proxy.dialects.contract import Message, Request, Response, system_of
from proxy.dialects.fields import Json, a_content, a_list, a_text, an_int, an_object, healed, parse_object
from proxy.dialects.gathering import Gathered
from proxy.dialects.marks import sampling_text, tools_text
from proxy.dialects.paths import posts_to

_PATH: Final = re.compile(r"/chat/completions/*$")


class OpenAIChat:
    """Unary and streamed, n > 1, tool calls, refusal and reasoning fields, content-part lists."""

    name = "openai_chat"

    def matches(self, method: str, path: str) -> bool:
        """POST to a path that ends with /chat/completions."""
        return posts_to(method, path, _PATH)

    def request(self, body: bytes) -> Request:
        """Raises Unreadable("malformed") where there is no list of messages."""
        document = parse_object(body)
        if not isinstance(document.get("messages"), list):
            raise Unreadable("malformed", "a chat request without a list of messages")
        messages = tuple(_messages(document))
        return Request(
            model=healed(a_text(document.get("model"))),
            messages=messages,
            system=system_of(messages),
            n=max(an_int(document.get("n"), 1), 1),
            stream=document.get("stream") is True,
            tools=bool(document.get("tools") or document.get("functions")),
            offered=tools_text(document),
            sampling=sampling_text(document),
            user=user_of(document),
            schema=schema_of(document),
        )

    def response(self, content_type: str, body: bytes, truncated: bool) -> Response:
        """Raises Unreadable("malformed" or "truncated")."""
        return common.read(content_type, body, truncated, _add)


def _messages(document: Json) -> Iterator[Message]:
    for message in map(an_object, a_list(document["messages"])):
        yield Message(a_text(message.get("role")), healed(a_content(message.get("content"))))


def _add(gathered: Gathered, choice: Json) -> None:
    message = an_object(choice.get("delta")) or an_object(choice.get("message"))
    common.parts(message.get("content"), gathered)
    gathered.refusal.append(a_text(message.get("refusal")))
    gathered.reasoning.append(a_text(message.get("reasoning_content")) or a_text(message.get("reasoning")))
    common.tool_calls(message, gathered)
