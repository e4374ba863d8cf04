"""Sampling of routes: what the settings order, what each replica's CPU budget asks for, and the moment of a route.

The busiest replica sets the level: counts of a pane need one reference, so all keep to the same probabilities.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

import orjson

from proxy.config.settings import Settings
from proxy.control.entry import Entry
from proxy.core.decisions.severity import Severity
from proxy.core.epochs import Epoch, Moment, steered
from proxy.core.errors import StateError
from proxy.core.evidence.findings import LineKind
from proxy.core.sampling import LOAD_MAX, Order, Strategy, exponent
from proxy.core.windows import pane_of
from proxy.detectors.e_process import log_evidence

FRESH_S: Final = 180.0  # a replica that has said nothing for as long is gone
SAID_EVERY_S: Final = 60.0
REPLICAS_MAX: Final = 1_000


@dataclass(frozen=True, slots=True)
class Loads:
    """What each replica's budget asks for: replica -> (level, Unix time of its word). Level 0 needs no word."""

    levels: Mapping[str, tuple[int, float]] = field(default_factory=dict)

    def level(self, now_s: float) -> int:
        """The highest that a living replica asks for."""
        return max((level for level, at_s in self.levels.values() if abs(now_s - at_s) < FRESH_S), default=0)

    def saying(self, replica: str, level: int, now_s: float) -> Loads:
        """With the word of one replica; itself where it was said just now."""
        last, at_s = self.levels.get(replica, (0, now_s))
        if last == level and abs(now_s - at_s) < SAID_EVERY_S:
            return self
        fresh = {name: one for name, one in self.levels.items() if abs(now_s - one[1]) < FRESH_S and name != replica}
        kept = dict(list(fresh.items())[-REPLICAS_MAX:])
        return Loads({**kept, replica: (level, now_s)} if level else kept)


def order_of(settings: Settings, name: str) -> Order:
    """What the settings order for a route."""
    own = settings.routes.get(name)
    return ordered(settings, name, Strategy((own.sampling_strategy if own else "") or settings.sampling.strategy))


def ordered(settings: Settings, name: str, strategy: Strategy, share: float | None = None) -> Order:
    """A strategy with its share, rounded up to a power of two; None is the settings' share."""
    general, own = settings.sampling, settings.routes.get(name)
    if strategy is Strategy.FULL:
        return Order()
    if share is None:
        share = (own.sampling_share if own else 0.0) or general.share
        share = general.share_min if strategy is Strategy.ADAPTIVE else share
    return Order(strategy, exponent(share))


def adapts(entry: Entry, settings: Settings) -> bool:
    """Whether the CPU budget moves the sampling of a route."""
    order = entry.sampling.order or order_of(settings, entry.route.name)
    return order.strategy is Strategy.ADAPTIVE and not entry.closed


def steering(settings: Settings, load: int, now_s: float, unusual: bool, entry: Entry) -> Entry:
    """The entry with the probabilities that it is to have soon; itself where nothing is to change."""
    lines = entry.state.evidence.lines
    moment = Moment(
        now_s=now_s,
        pane_s=settings.pane_s,
        settings=order_of(settings, entry.route.name),
        load=load,
        raised=entry.state.severity.rank >= Severity.MEDIUM.rank,
        odds=tuple(log_evidence(one.bets) for key, one in lines.items() if key.endswith(f"/{LineKind.CHANGED}")),
        unusual=unusual,
    )
    return replace(entry, sampling=steered(entry.sampling, moment))


def shown(entry: Entry, settings: Settings, now_s: float) -> dict[str, Any]:
    """The sampling of a route, for people and programs: probabilities in force, and those that begin next."""
    pane, kept = pane_of(now_s, settings.pane_s), entry.sampling
    now, last = kept.at(pane), kept.epochs[-1]
    order = kept.order or order_of(settings, entry.route.name)
    return {
        "strategy": order.strategy.value,
        "share": 2.0**-order.k,
        "by": "settings" if kept.order is None else "order",
        "suspected": kept.suspected,
        "now": _epoch(now, settings.pane_s),
        "next": None if last.number == now.number else _epoch(last, settings.pane_s),
    }


def _epoch(epoch: Epoch, pane_s: float) -> dict[str, Any]:
    rates = epoch.rates
    return {
        "epoch": epoch.number,
        "from_s": epoch.first_pane * pane_s,
        "why": epoch.why,
        "harmful": 2.0**-rates.harm_k,
        "risky": 2.0**-rates.risky_k,
        "all": 2.0**-rates.rest_k,
        "review": rates.review,
    }


def loads_to_bytes(loads: Loads) -> bytes:
    """JSON; `loads_from_bytes` is its inverse."""
    return orjson.dumps(loads.levels)


def loads_from_bytes(value: bytes) -> Loads:
    """Read what `loads_to_bytes` gave. Raises StateError."""
    try:
        data: Any = orjson.loads(value)
        levels = {str(name): (int(level), float(at_s)) for name, (level, at_s) in data.items()}
    except (ValueError, TypeError, AttributeError) as wrong:
        raise StateError(f"what replicas ask of the sampler cannot be read: {wrong!r}") from wrong
    if not all(0 <= level <= LOAD_MAX for level, _ in levels.values()):
        raise StateError(f"what replicas ask of the sampler cannot be read: a level outside 0..{LOAD_MAX}")
    return Loads(levels)
