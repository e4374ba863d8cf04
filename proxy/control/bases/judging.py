"""Who judges the answers to Groundwire's own questions: whoever judges users' answers, so that the two compare."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import TypeAlias

from proxy.core.exchange import Body, Exchange, Purpose
from proxy.core.observation import Observation
from proxy.core.windows import SCALE, Cell, cell
from proxy.dialects.contract import Plain
from proxy.dialects.registry import dialect_of
from proxy.features.judge import observations

Judge: TypeAlias = Callable[[Exchange, Purpose], Awaitable[tuple[Observation, ...]]]
Count: TypeAlias = Callable[[Observation], Iterable[tuple[Cell, int]]]


async def by_patterns(exchange: Exchange, purpose: Purpose) -> tuple[Observation, ...]:
    """The cue lists: no classifier, no thread."""
    dialect = dialect_of(exchange.method, exchange.path)
    return observations(exchange, dialect=dialect, decode=_decode, prompt_hash=_no_hash, purpose=purpose)


def _decode(body: Body) -> Plain:
    return Plain(body.data)  # the HTTP client has joined and decoded it


def _no_hash(_: str) -> str:
    return ""  # an answer to a question of our own is never counted, so never de-duplicated


def plain_cells(seen: Observation) -> Iterable[tuple[Cell, int]]:
    """What every judge says: assessed, refusal, hedging."""
    if seen.unassessed is not None:
        yield cell("assessed", seen.unassessed.value, 0, 0), SCALE
        return
    yield cell("assessed", "ok", 0, 1), SCALE
    for signal, y in (("refusal", seen.refusal), ("hedging", seen.hedging)):
        if y is not None:
            yield cell(signal, seen.category, 0, y), SCALE
