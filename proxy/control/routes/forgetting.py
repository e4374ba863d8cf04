"""Which routes are forgotten, and which are not taken at all: a listing that changes for ever has a bound. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from proxy.config.settings import Settings
from proxy.control.entry import Entry
from proxy.control.routes.resolve import Found


def may_forget(entry: Entry, settings: Settings) -> bool:
    """Whether a route is closed, and nothing and nobody holds on to it."""
    return entry.closed and not entry.holds and entry.route.name not in settings.routes


def overdue(entry: Entry, settings: Settings, now_s: float) -> bool:
    """Whether a route has been closed for long enough."""
    return may_forget(entry, settings) and now_s - entry.closed_s >= settings.discovery.forget_s


def crowded_out(known: Mapping[str, Entry], found: Mapping[str, Found], settings: Settings) -> list[str]:
    """Closed routes that make room for new ones, those closed for longest first, as few as will do."""
    kept = [name for name in known if name not in settings.routes]
    new = [name for name, one in found.items() if name not in known and not one.by_hand]
    over = len(kept) + len(new) - settings.discovery.routes_max
    spare = [name for name in kept if name not in found and may_forget(known[name], settings)]
    return sorted(spare, key=lambda name: known[name].closed_s)[: max(0, over)]


def beyond(known: Mapping[str, Entry], found: Mapping[str, Found], settings: Settings) -> Collection[str]:
    """New discovered routes for which there is no room: the last ones listed."""
    room = settings.discovery.routes_max - sum(name not in settings.routes for name in known)
    new = [name for name, one in found.items() if name not in known and not one.by_hand]
    return dict.fromkeys(new[max(0, room) :]).keys()
