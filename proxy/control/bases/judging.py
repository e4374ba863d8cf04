"""Who judges the answers to Groundwire's own questions: whoever judged what they are compared with."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Protocol, TypeAlias

from proxy.core.exchange import Body, Exchange, Purpose
from proxy.core.observation import Observation
from proxy.core.windows import SCALE, Cell, cell
from proxy.dialects.contract import Plain
from proxy.dialects.registry import dialect_of
from proxy.features.judge import observations

Count: TypeAlias = Callable[[Observation], Iterable[tuple[Cell, int]]]


class Judge(Protocol):
    """Judges the answer of an exchange. `version` names who does, "" whoever judges users' answers now.

    One that is not at hand leaves the answer unassessed.
    """

    def __call__(
        self, exchange: Exchange, purpose: Purpose, version: str = ""
    ) -> Awaitable[tuple[Observation, ...]]: ...


async def by_patterns(exchange: Exchange, purpose: Purpose, version: str = "") -> tuple[Observation, ...]:  # noqa: ARG001
    """The cue lists, whoever is asked for: no classifier, no thread."""
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
