"""Answers that Groundwire gives itself: error bodies in the shape that OpenAI's clients read. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final

import orjson

CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"

_TYPES: Final = {403: "permission_error", 429: "rate_limit_error"}


@dataclass(frozen=True, slots=True)
class Reply:
    """A refusal. `code` tells programs which ("groundwire_limited"), `text` tells people what to do."""

    status: int
    code: str
    text: str
    param: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def body(self) -> bytes:
        """{"error": {"message", "type", "param", "code"}}."""
        kind = _TYPES.get(self.status) or ("invalid_request_error" if self.status < 500 else "server_error")
        message = f"Groundwire: {self.text}"
        error = {"message": message, "type": kind, "param": self.param, "code": self.code}
        return orjson.dumps({"error": error})

    def encode(self, close: bool, to_head: bool = False, keep_alive: bool = False) -> bytes:
        """The whole response, without its body where it answers HEAD. `keep_alive`: say so, for HTTP/1.0."""
        body = self.body()
        lines = [
            f"HTTP/1.1 {self.status} {HTTPStatus(self.status).phrase}",
            "Content-Type: application/json",
            f"Content-Length: {len(body)}",
            *(f"{name}: {value}" for name, value in self.headers.items()),
        ]
        if close or keep_alive:
            lines.append("Connection: close" if close else "Connection: keep-alive")
        head = "\r\n".join((*lines, "\r\n")).encode()
        return head if to_head else head + body


NO_RETRY: Final = {"x-should-retry": "false"}  # the OpenAI and Anthropic clients obey it


def bad_framing(status: int, text: str) -> Reply:
    """A request whose bounds are not certain, or that is not HTTP/1.1."""
    return Reply(status, "groundwire_bad_request", f"{text}; the connection is closed")


def denied_path(path: str, pattern: str) -> Reply:
    """A path of the setting `denied_paths`."""
    text = (
        f"{path} is refused by the setting `denied_paths` ({pattern}): it changes the server behind Groundwire's back"
    )
    return Reply(403, "groundwire_denied_path", text)


def upstream_failed(status: int, code: str, upstream: str, text: str) -> Reply:
    """502, 503 or 504: no answer came from the model server."""
    return Reply(status, code, f"upstream {upstream!r} {text}")


def undecidable(text: str, status: int = 400) -> Reply:
    """A body that cannot be routed while a route is held back; letting it pass would go around that."""
    code = {413: "groundwire_body_too_large", 415: "groundwire_unreadable_body"}.get(status, "groundwire_undecidable")
    return Reply(status, code, f"{text}, and a route is limited, reverted, offline or pinned here", "model")


def limited(route: str, limit: int, reset_s: float, reason: str) -> Reply:
    """429: the route's bucket is empty."""
    wait_s = max(1, -int(-reset_s // 1))
    text = f"route {route!r} is limited{_because(reason)}; try again in {wait_s} s"
    headers = {
        "Retry-After": str(wait_s),
        "x-ratelimit-limit-requests": str(limit),
        "x-ratelimit-remaining-requests": "0",
        "x-ratelimit-reset-requests": f"{wait_s}s",
    }
    return Reply(429, "groundwire_limited", text, headers=headers)


def offline(route: str, reason: str) -> Reply:
    """503: the route is taken off."""
    return Reply(503, "groundwire_offline", f"route {route!r} is offline{_because(reason)}", headers=NO_RETRY)


def _because(reason: str) -> str:
    return f" ({reason})" if reason else ""
