"""Reading JSON from the network: every getter takes anything and gives the type that it names."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson

from proxy.core.errors import Unreadable

Json = Mapping[str, Any]

COUNT_MAX: Final = 2**53 - 1  # what a JSON number holds exactly; two of them still fit a signed integer of 64 bits

_EMPTY: Final[Json] = {}
_SURROGATE: Final = re.compile("[\ud800-\udfff]")


def parse(body: bytes | str) -> Any:
    """The JSON value. Raises Unreadable("malformed").

    What orjson refuses and servers do send (NaN, lone surrogates, a BOM) gets a second, lenient look.
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        text = body if isinstance(body, str) else body.decode("utf-8-sig", "replace")
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Unreadable("malformed", str(error)[:200]) from None


def parse_object(body: bytes | str) -> Json:
    """The JSON object. Raises Unreadable("malformed") where it is another kind of value."""
    value = parse(body)
    if not isinstance(value, dict):
        raise Unreadable("malformed", f"expected a JSON object, found {type(value).__name__}")
    return value


def an_object(value: Any) -> Json:
    """The value where it is an object, else an empty one."""
    return value if isinstance(value, dict) else _EMPTY


def a_list(value: Any) -> Sequence[Any]:
    """The value where it is a list, else an empty one."""
    return value if isinstance(value, list) else ()


def a_text(value: Any) -> str:
    """The value where it is a string, else ""."""
    return value if isinstance(value, str) else ""


def a_content(value: Any) -> str:
    """The text of a message's content: a string, or a list of parts whose texts are joined by newlines."""
    if isinstance(value, str):
        return value
    texts = (a_text(an_object(part).get("text")) for part in a_list(value))
    return "\n".join(text for text in texts if text)


def an_int(value: Any, default: int = 0) -> int:
    """The value where it is an integer (a truth value is none), else the default."""
    return value if isinstance(value, int) and not isinstance(value, bool) else default


def a_count(value: Any) -> int | None:
    """The value where it can be a count, else None: what is below 0 would run a counter backwards."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= COUNT_MAX else None


def healed(text: str) -> str:
    """Text that can be encoded: surrogate halves that were streamed apart are joined, lone ones replaced.

    A first half at the very end is dropped: its second half has not come.
    """
    if not _SURROGATE.search(text):
        return text
    whole = text[:-1] if "\ud800" <= text[-1] <= "\udbff" else text
    return whole.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
