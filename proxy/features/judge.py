"""From one exchange to its observations: which answers can be judged, and what the judgement is.

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
6.  Prompt and answer are in a language that the cue lists know (LANGUAGE).

An answer that the length limit ended *is* judged from TELLING_WORDS words on, as a refusal shows at its beginning. A
filled refusal field is a refusal. Each completion of n is one observation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Final

from proxy.core.errors import Unreadable
from proxy.core.exchange import Body, End, Exchange, Purpose
from proxy.core.observation import Observation, Unassessed
from proxy.dialects.contract import Completion, Dialect, Plain, Request, Response
from proxy.features import script
from proxy.features.formatting import formatting
from proxy.features.harm_cues import category_of
from proxy.features.hedging_patterns import is_hedged
from proxy.features.refusal_patterns import is_refusal
from proxy.features.shape import shape
from proxy.features.vocabulary import distinct_share

# Part of every baseline's identity: raise it with any change of what is judged how (a test holds the verdicts).
JUDGE_VERSION: Final = "patterns-1"

TELLING_WORDS: Final = 8  # of an answer that was stopped: enough to see which way it goes
FEATURED_CHARS_MAX: Final = 262_144  # a small encoded body unpacks to megabytes; no honest answer is longer
LENGTH: Final = "length"
FILTERED: Final = "content_filter"


def observations(
    exchange: Exchange,
    *,
    dialect: Dialect,
    decode: Callable[[Body], Plain],
    prompt_hash: Callable[[str], str],
    pi_k: int = 0,
    purpose: Purpose = Purpose.USER,
) -> tuple[Observation, ...]:
    """One observation for each completion, or one with the reason why the exchange has none; never empty.

    dialect:     `registry.dialect_of(exchange.method, exchange.path)`
    decode:      `analysis.decoding.decode`; may raise Unreadable
    prompt_hash: a keyed hash of the judged prompt text; "" is hashed where no prompt could be read
    """
    blank = Observation(
        exchange_id=exchange.id,
        route=exchange.route,
        served_model=exchange.served_model,
        base_served=exchange.base_served,
        time_s=exchange.started_s,
        purpose=purpose,
        prompt_hash="",
        pi_k=pi_k,
    )
    try:
        _require_an_answer(exchange, dialect)
        request = _request(dialect, decode(exchange.request))
        body = decode(exchange.response)
        response = _response(exchange, dialect, body)
    except Unreadable as finding:
        return (replace(blank, prompt_hash=prompt_hash(""), unassessed=Unassessed(finding.reason)),)
    break_off = _break_off(response, body.truncated)

    @cache  # a prompt has up to CHOICES_MAX answers, and reading it is most of the work
    def asked(prompt: str) -> _Asked:
        return _Asked(prompt, prompt_hash(prompt), category_of(prompt), script.is_judgeable(prompt))

    return tuple(
        _observed(blank, asked(request.prompt_of(one.index)), one, break_off, echo=request.echo)
        for one in response.completions
    )


def features(text: str) -> Mapping[str, float]:
    """The stage-0 numbers of an answer's first FEATURED_CHARS_MAX, by name; docs/signals.md says what each means."""
    text = text[:FEATURED_CHARS_MAX]
    return {**shape(text)._asdict(), "distinct_share": distinct_share(text), **formatting(text)._asdict()}


@dataclass(frozen=True, slots=True)
class _Asked:
    """A prompt, and what all of its answers share."""

    text: str
    hash: str
    category: str
    judgeable: bool


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
        response = dialect.response(exchange.response.content_type, plain.data, plain.truncated)
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


def _observed(
    blank: Observation,
    asked: _Asked,
    completion: Completion,
    break_off: Unassessed | None,
    *,
    echo: bool,
) -> Observation:
    text = completion.text.removeprefix(asked.text) if echo else completion.text
    seen = replace(
        blank,
        prompt_hash=asked.hash,
        category=asked.category,
        choice=completion.index,
        script=script.main_script(text),
        features=features(text),
    )
    reason = _unassessed(completion, text, break_off) or _language(asked, text)
    if reason is not None:
        return replace(seen, unassessed=reason)
    refuses = bool(completion.refusal) or is_refusal(text)
    return replace(seen, refusal=int(refuses), hedging=int(is_hedged(text)))


def _unassessed(completion: Completion, text: str, break_off: Unassessed | None) -> Unassessed | None:
    """Rules 3 to 5."""
    finish = completion.finish_reason
    if not finish and break_off is not None:
        return break_off
    if completion.refusal:
        return None
    if finish == FILTERED:
        return Unassessed.CUT
    words = len(text[:FEATURED_CHARS_MAX].split())
    if finish == LENGTH and words < TELLING_WORDS:
        return Unassessed.CUT
    if words:
        return None
    return Unassessed.TOOL_CALL if completion.tool_calls else Unassessed.EMPTY


def _language(asked: _Asked, text: str) -> Unassessed | None:
    """Rule 6."""
    return None if asked.judgeable and script.is_judgeable(text) else Unassessed.LANGUAGE
