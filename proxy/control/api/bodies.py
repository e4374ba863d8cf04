"""Bodies of the control API: JSON in, JSON out, and who and why of every change."""

from __future__ import annotations

from typing import Any, Final

import orjson
from aiohttp import web

from proxy.control.orders import OrderError, Word

TEXT_CHARS_MAX: Final = 2_000


async def body_of(request: web.Request, bytes_max: int = 0) -> dict[str, Any]:
    """The JSON object that was sent; up to `bytes_max` bytes where that is more than the API's own bound.

    Raises OrderError.
    """
    if request.content_type != "application/json":
        raise OrderError("the body must be JSON, with Content-Type: application/json")
    whole = request.clone(client_max_size=bytes_max) if bytes_max else request
    try:
        body = orjson.loads(await whole.read())
    except ValueError as wrong:
        raise OrderError(f"the body is not JSON: {wrong}") from wrong
    if not isinstance(body, dict):
        raise OrderError("the body must be a JSON object")
    return body


def word_of(body: dict[str, Any]) -> Word:
    """Who and why. Raises OrderError where one is missing: no change without a name and a reason."""
    for key in ("actor", "reason"):
        value = body.get(key)
        if not isinstance(value, str) or not value.strip() or len(value) > TEXT_CHARS_MAX:
            raise OrderError(f"`{key}` must be a text of 1 to {TEXT_CHARS_MAX} characters: every change carries it")
    return Word(body["actor"].strip(), body["reason"].strip(), body.get("force") is True)


def json_answer(body: Any, status: int = 200) -> web.Response:
    """An answer as JSON."""
    data = orjson.dumps(body, option=orjson.OPT_NON_STR_KEYS)
    return web.Response(body=data, status=status, content_type="application/json")
