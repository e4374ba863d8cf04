"""Who judges the answers to Groundwire's own questions: whoever judges users' answers, so that the two compare."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeAlias

from proxy.core.exchange import Body, Exchange, Purpose
from proxy.core.observation import Observation
from proxy.dialects.contract import Plain
from proxy.dialects.registry import dialect_of
from proxy.features.judge import observations

Judge: TypeAlias = Callable[[Exchange, Purpose], Awaitable[tuple[Observation, ...]]]


async def by_patterns(exchange: Exchange, purpose: Purpose) -> tuple[Observation, ...]:
    """The cue lists: no classifier, no thread."""
    dialect = dialect_of(exchange.method, exchange.path)
    return observations(exchange, dialect=dialect, decode=_decode, prompt_hash=_no_hash, purpose=purpose)


def _decode(body: Body) -> Plain:
    return Plain(body.data)  # the HTTP client has joined and decoded it


def _no_hash(_: str) -> str:
    return ""  # an answer to a question of our own is never counted, so never de-duplicated
