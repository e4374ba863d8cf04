"""From one exchange to its observations: which answers can be judged, and what the judgement is."""

from __future__ import annotations

from collections.abc import Callable

from proxy.core.exchange import Body, Exchange, Purpose
from proxy.core.observation import Observation
from proxy.dialects.contract import Dialect, Plain


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
    prompt_hash: a keyed hash of the judged prompt text
    """
    raise NotImplementedError
