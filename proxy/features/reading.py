"""From one exchange to what can be judged of it: for each completion its prompt and its text, or why it has none. Pure.

What can be judged. An answer counts where all of this holds; else it is *unassessed*, with the first reason that fits:

1.  Groundwire did not answer itself (REFUSED_BY_GROUNDWIRE); a dialect knows the path (OPAQUE); the client stayed to
    the end (CLIENT_GONE); the status is 2xx (ERROR).
2.  Request and response can be decoded and read (ENCODING, MALFORMED, TRUNCATED); no error object came (ERROR).
3.  The answer came to its own end: a finish reason, a whole JSON body, or the stream's end mark. Otherwise TRUNCATED
    where the capture was cut, CUT where the stream broke.
4.  It holds text, or the API's own refusal field: TOOL_CALL where there are only tool calls, CUT where the length limit
    came while the model still thought or spoke fewer than TELLING_WORDS words, EMPTY otherwise.
5.  `content_filter` as finish reason is CUT: the server's filter hid what the model said, and a filter that works must
    not pass for a model that refuses.

An answer that the length limit ended *is* judged from TELLING_WORDS words on, as a refusal shows at its beginning. A
filled refusal field is a refusal. Whether the language is one that the judge knows (LANGUAGE) is the judge's to say.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final

from proxy.core.errors import Unreadable
from proxy.core.exchange import Body, End, Exchange
from proxy.core.observation import Unassessed
from proxy.dialects.contract import Completion, Dialect, Plain, Request, Response, Usage

TELLING_WORDS: Final = 8  # of an answer that was stopped: enough to see which way it goes
FEATURED_CHARS_MAX: Final = 262_144  # a small encoded body unpacks to megabytes; no honest answer is longer
LENGTH: Final = "length"
FILTERED: Final = "content_filter"


@dataclass(frozen=True, slots=True)
class Reading:
    """One completion: what was asked, what was said, and why it cannot be judged (`unassessed`, None where it can).

    `prompt` is the text that it answers, "" where none could be read. `text` is what the user reads, at most
    FEATURED_CHARS_MAX characters, without an echoed prompt. `refused`: the API's own refusal field is filled. `asked`,
    `said` and `usage` are what the dialect read, `id` is the server's name for the answer, `model` that of who
    answered; where nothing could be read they are None and "".
    """

    choice: int = 0
    prompt: str = ""
    text: str = ""
    refused: bool = False
    unassessed: Unassessed | None = None
    asked: Request | None = field(default=None, compare=False, repr=False)
    said: Completion | None = field(default=None, compare=False, repr=False)
    usage: Usage | None = field(default=None, compare=False)
    id: str = field(default="", compare=False)
    model: str = field(default="", compare=False)


def readings(exchange: Exchange, *, dialect: Dialect, decode: Callable[[Body], Plain]) -> tuple[Reading, ...]:
    """One reading for each completion, or one with the reason why the exchange has none; never empty.

    dialect: `registry.dialect_of(exchange.method, exchange.path)`
    decode:  `analysis.decoding.decode`; may raise Unreadable
    """
    try:
        _require_an_answer(exchange, dialect)
        request = _request(dialect, decode(exchange.request))
        body = decode(exchange.response)
        response = _response(exchange, dialect, body)
    except Unreadable as finding:
        return (Reading(unassessed=Unassessed(finding.reason)),)
    break_off = _break_off(response, body.truncated)
    return tuple(_read(request, response, one, break_off) for one in response.completions)


def _require_an_answer(exchange: Exchange, dialect: Dialect) -> None:
    """Rule 1. Raises Unreadable with the reason."""
    if exchange.end is End.REFUSED:
        raise Unreadable(Unassessed.REFUSED_BY_GROUNDWIRE)
    if dialect.name == Unassessed.OPAQUE:
        raise Unreadable(Unassessed.OPAQUE)
    if exchange.end is End.CLIENT_GONE:
        raise Unreadable(Unassessed.CLIENT_GONE)
    if exchange.end is End.UPSTREAM_FAILED or not 200 <= exchange.status < 300:
        raise Unreadable(Unassessed.ERROR, f"status {exchange.status}")


def _request(dialect: Dialect, plain: Plain) -> Request:
    if plain.truncated:
        raise Unreadable(Unassessed.TRUNCATED, "the request is longer than the capture bound")
    return dialect.request(plain.data)


def _response(exchange: Exchange, dialect: Dialect, plain: Plain) -> Response:
    """Raises Unreadable; a body that broke off names the break, not the JSON that it spoilt."""
    broken = exchange.end is not End.COMPLETE
    if not plain.data:
        raise Unreadable(Unassessed.CUT if broken else Unassessed.EMPTY)
    try:
        response = dialect.response(exchange.response.content_type, plain.data, plain.truncated or broken)
    except Unreadable as finding:
        if broken and finding.reason != Unassessed.ENCODING:
            raise Unreadable(Unassessed.CUT) from None
        raise
    if response.error and not response.completions:
        raise Unreadable(Unassessed.ERROR, response.error)
    if not response.completions:
        raise Unreadable(_break_off(response, plain.truncated) or Unassessed.EMPTY)
    return response


def _break_off(response: Response, truncated: bool) -> Unassessed | None:
    """Why an answer without a finish reason did not come to its end (rule 3); None where it did."""
    if response.error:
        return Unassessed.ERROR
    if response.done:
        return None
    return Unassessed.TRUNCATED if truncated else Unassessed.CUT


def _read(request: Request, response: Response, completion: Completion, break_off: Unassessed | None) -> Reading:
    prompt = request.prompt_of(completion.index)
    text = completion.text.removeprefix(prompt) if request.echo else completion.text
    text = text[:FEATURED_CHARS_MAX]
    reason = _unassessed(completion, text, break_off)
    blank = Reading(completion.index, prompt, text, bool(completion.refusal), reason)
    return replace(blank, asked=request, said=completion, usage=response.usage, id=response.id, model=response.model)


def _unassessed(completion: Completion, text: str, break_off: Unassessed | None) -> Unassessed | None:
    """Rules 3 to 5."""
    finish = completion.finish_reason
    if not finish and break_off is not None:
        return break_off
    if completion.refusal:
        return None
    if finish == FILTERED:
        return Unassessed.CUT
    words = len(text.split())
    if finish == LENGTH and words < TELLING_WORDS:
        return Unassessed.CUT
    if words:
        return None
    return Unassessed.TOOL_CALL if completion.tool_calls else Unassessed.EMPTY
