"""Of sampling: what answers were analysed with which probability, in the store."""

from __future__ import annotations

from typing import Final

from proxy.inventory.declared import OPERATORS, STATE_LIFE, Kept, fields

_ROUTE: Final = "store, state `route/NAME`; a copy in `groundwire.state/`"

SAMPLING: Final = (
    Kept(
        "proxy.control.sampling:Loads",
        "What replicas can take",
        "store, state `sampling`",
        "All replicas analyse with the same probabilities.",
        "three minutes after a replica's last word",
        OPERATORS,
        fields("""
            levels: by replica (a random name), what its CPU budget asks for, and when
        """),
    ),
    Kept(
        "proxy.core.sampling:Order",
        "A sampling order",
        _ROUTE,
        "A strategy with its share.",
        STATE_LIFE,
        OPERATORS,
        fields("""
            strategy: full, random, risk-based, adaptive
            k: share 2^-k
        """),
    ),
    Kept(
        "proxy.core.epochs:Sampling",
        "Sampling of a route",
        _ROUTE,
        "Probabilities over time.",
        STATE_LIFE,
        OPERATORS,
        fields("""
            order: an operator's word
            epochs: the last ones
            suspected: whether evidence asks for more
            unusual_pane: last pane of unusual traffic
        """),
    ),
    Kept(
        "proxy.core.epochs:Epoch",
        "An epoch of sampling",
        _ROUTE,
        "From which pane on which probabilities hold.",
        STATE_LIFE,
        OPERATORS,
        fields("""
            number: number
            first_pane: first pane
            rates: probabilities
            why: in words
        """),
    ),
    Kept(
        "proxy.core.sampling:Rates",
        "Probabilities",
        _ROUTE,
        "With which answers are analysed.",
        STATE_LIFE,
        OPERATORS,
        fields("""
            harm_k: of harmful prompts, 2^-k
            risky_k: of risky ones
            rest_k: of others
            review: share looked at and in no estimate
        """),
    ),
)
