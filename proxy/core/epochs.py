"""Sampler epochs: the probabilities of a route by pane, published before they hold. Pure; JSON in and out.

The counts of a pane need one reference, so probabilities change at a pane's edge only, and far enough ahead that every
replica has read the change before the pane begins (all of them keep to the schedule in the route's entry).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Final

from proxy.core.sampling import FULL_RATES, Now, Order, Rates, Strategy, rates_of
from proxy.core.windows import pane_of
from proxy.detectors.e_process import UNIT

HEARD_WITHIN_S: Final = 4.0  # each replica reads the entry once a second
EPOCHS_MAX: Final = 128  # older panes are closed
CLOCK_SLACK_S: Final = 60.0  # the clocks of replicas differ by less
SUSPECTS: Final = round(6.907755278982137 * UNIT)  # ln 1000, of the odds for a change (detection section 5)
TRUSTS: Final = round(2.302585092994046 * UNIT)  # ln 10: suspicion ends below it


@dataclass(frozen=True, slots=True)
class Epoch:
    """One set of probabilities: its number, the first pane that it holds in, and why it began."""

    number: int = 0
    first_pane: int = 0
    rates: Rates = FULL_RATES
    why: str = "all answers are analysed until something else is asked for"


@dataclass(frozen=True, slots=True)
class Sampling:
    """All that is kept of a route's sampling. `epochs`, oldest first, is never empty.

    `order`: an operator's, None follows the settings. `suspected`: the trigger is on. `unusual_pane`: the last pane
    that an unusual one before it speaks for.
    """

    order: Order | None = None
    epochs: tuple[Epoch, ...] = (Epoch(),)
    suspected: bool = False
    unusual_pane: int = -1

    def at(self, pane: int) -> Epoch:
        """The epoch that holds in this pane."""
        return self.epochs[max(0, bisect_right(self.epochs, pane, key=lambda one: one.first_pane) - 1)]


@dataclass(frozen=True, slots=True)
class Moment:
    """What the probabilities of a route depend on now.

    `settings`: the order where no operator gave one. `load`, `raised`: as in `sampling.Now`. `odds`: log E, in UNIT, of
    the route's tests that something changed. `unusual`: its last pane was.
    """

    now_s: float
    pane_s: float
    settings: Order = Order()
    load: int = 0
    raised: bool = False
    odds: tuple[int, ...] = ()
    unusual: bool = False


def steered(sampling: Sampling, moment: Moment, unusual_panes: int = 10) -> Sampling:
    """The sampling of this moment: itself where nothing is to change, else with an epoch that begins in time."""
    pane = pane_of(moment.now_s, moment.pane_s)
    after = replace(
        sampling,
        suspected=suspicion(moment.odds, suspected=sampling.suspected),
        unusual_pane=pane + unusual_panes if moment.unusual else sampling.unusual_pane,
    )
    now = Now(moment.load, moment.raised, after.suspected, pane <= after.unusual_pane)
    order = sampling.order or moment.settings
    return _changed(after, rates_of(order, now), _why(order, now), moment)


def suspicion(odds: Iterable[int], *, suspected: bool) -> bool:
    """Whether harmful prompts are to be sampled at 1: from odds of 1,000 for a change on, until all are below 10."""
    return max(odds, default=0) >= (TRUSTS if suspected else SUSPECTS)


def first_pane(now_s: float, pane_s: float) -> int:
    """The first pane of an epoch that is decided on now."""
    return pane_of(now_s + HEARD_WITHIN_S, pane_s) + 1


def _changed(sampling: Sampling, rates: Rates, why: str, moment: Moment) -> Sampling:
    first = first_pane(moment.now_s, moment.pane_s)
    epochs = _in_time(sampling.epochs, first, moment.pane_s)
    last = epochs[-1]
    if rates == last.rates or first < last.first_pane:
        return replace(sampling, epochs=epochs)
    again = first == last.first_pane  # one that has not begun is replaced: nobody has drawn by it
    after = (*(epochs[:-1] if again else epochs), Epoch(last.number + 1, first, rates, why))
    return replace(sampling, epochs=after[-EPOCHS_MAX:])


def _in_time(epochs: tuple[Epoch, ...], first: int, pane_s: float) -> tuple[Epoch, ...]:
    """Without those that lie far ahead: the clock was set back, and they would hold back every change until then."""
    last = first + round(CLOCK_SLACK_S / pane_s)
    return tuple(one for one in epochs if one.first_pane <= last) or (replace(epochs[-1], first_pane=0),)


def _why(order: Order, now: Now) -> str:
    moved = {
        f"the CPU budget asks for level {now.load}": order.strategy is Strategy.ADAPTIVE and now.load > 0,
        "the alarm level is raised": now.raised,
        "a change is suspected": now.suspected,
        "traffic is unusual": order.strategy is Strategy.ADAPTIVE and now.unusual,
    }
    reasons = [text for text, holds in moved.items() if holds and order.strategy is not Strategy.FULL]
    return "; ".join((f"strategy {order.strategy}", *reasons))


def to_json(sampling: Sampling) -> dict[str, Any]:
    """Plain JSON values; `from_json` is the inverse."""
    order = sampling.order
    return {
        "order": None if order is None else [order.strategy.value, order.k],
        "epochs": [
            [
                one.number,
                one.first_pane,
                one.rates.harm_k,
                one.rates.risky_k,
                one.rates.rest_k,
                one.rates.review,
                one.why,
            ]
            for one in sampling.epochs
        ],
        "suspected": sampling.suspected,
        "unusual_pane": sampling.unusual_pane,
    }


def from_json(data: Mapping[str, Any] | None) -> Sampling:
    """Read a sampling; nothing is that of a route which was kept by a version without it. Raises ValueError."""
    if not data:
        return Sampling()
    order = data["order"]
    epochs = tuple(
        Epoch(int(number), int(first), Rates(int(harm), int(risky), int(rest), bool(review)), str(why))
        for number, first, harm, risky, rest, review, why in data["epochs"]
    )
    if not epochs or any(a.first_pane >= b.first_pane for a, b in pairwise(epochs)):
        raise ValueError("the epochs of a sampler are not in order")
    return Sampling(
        None if order is None else Order(Strategy(order[0]), int(order[1])),
        epochs,
        bool(data["suspected"]),
        int(data["unusual_pane"]),
    )
