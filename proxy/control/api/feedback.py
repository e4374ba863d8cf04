"""`POST /v1/feedback {response_id, score}`: what a user thought of an answer, from whoever runs the application."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

from aiohttp import web

from proxy.control.api.bodies import body_of, json_answer
from proxy.control.orders import NoRouteError, OrderError

ID_CHARS_MAX: Final = 512

Take = Callable[[str, float], bool]  # a response id and a score in [0, 1]; False where no such answer waits for one


def feedback(take: Callable[[], Take | None]) -> Callable[[web.Request], Awaitable[web.Response]]:
    """The handler. `take` gives what takes scores, None where nothing does."""

    async def handle(request: web.Request) -> web.Response:
        response_id, score = _read(await body_of(request))
        taker = take()
        if taker is None or not taker(response_id, score):
            raise NoRouteError("no answer of this id waits for feedback: it is too old, not analysed, or has its score")
        return json_answer({"counted": True})

    return handle


def _read(body: dict[str, Any]) -> tuple[str, float]:
    """Raises OrderError."""
    response_id, score = body.get("response_id"), body.get("score")
    if not isinstance(response_id, str) or not 0 < len(response_id) <= ID_CHARS_MAX:
        raise OrderError(f"`response_id` must be the id of an answer, 1 to {ID_CHARS_MAX} characters")
    if isinstance(score, bool) or not isinstance(score, int | float) or not 0 <= score <= 1:
        raise OrderError("`score` must be a number from 0 (bad) to 1 (good)")
    return response_id, float(score)
