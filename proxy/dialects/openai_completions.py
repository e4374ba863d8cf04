"""OpenAI completions (legacy): `POST .../v1/completions`. Several prompts at once, each with n answers."""

from __future__ import annotations

import re
from typing import Any, Final

from proxy.core.errors import Unreadable
from proxy.dialects import openai_common as common
from proxy.dialects.asking import schema_of, user_of
from proxy.dialects.contract import Request, Response
from proxy.dialects.fields import Json, a_text, an_int, healed, parse_object
from proxy.dialects.gathering import Gathered
from proxy.dialects.paths import posts_to

# A bare /completions is llama.cpp's own API, which has another shape.
_PATH: Final = re.compile(r"(?:/v\d+|/deployments/[^/]+)/completions/?$")


class OpenAICompletions:
    """Unary and streamed; choice i answers prompt i // n."""

    name = "openai_completions"

    def matches(self, method: str, path: str) -> bool:
        """POST to /v1/completions, or to a deployment's completions (Azure)."""
        return posts_to(method, path, _PATH)

    def request(self, body: bytes) -> Request:
        """Raises Unreadable("malformed"), or Unreadable("opaque") where the prompt is token numbers."""
        document = parse_object(body)
        return Request(
            model=healed(a_text(document.get("model"))),
            prompts=_prompts(document.get("prompt")),
            n=max(an_int(document.get("n"), 1), 1),
            stream=document.get("stream") is True,
            echo=document.get("echo") is True,
            user=user_of(document),
            schema=schema_of(document),
        )

    def response(self, content_type: str, body: bytes, truncated: bool) -> Response:
        """Raises Unreadable("malformed" or "truncated")."""
        return common.read(content_type, body, truncated, _add)


def _prompts(prompt: Any) -> tuple[str, ...]:
    prompts = prompt if isinstance(prompt, list) else [prompt]
    if not prompts or any(not isinstance(one, str) for one in prompts):
        raise Unreadable("opaque", "the prompt is not text")
    return tuple(map(healed, prompts))


def _add(gathered: Gathered, choice: Json) -> None:
    gathered.text.append(a_text(choice.get("text")))
    gathered.reasoning.append(a_text(choice.get("reasoning_content")) or a_text(choice.get("reasoning")))
