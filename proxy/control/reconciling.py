"""What stands where a replica decided alone, the shared store being away, and another replica decided too. Pure.

The fleet saw more and stands, with one exception: a latch. A route that a replica put on its base stays there until a
person restores it, whatever the others saw of their own traffic.
"""

from __future__ import annotations

from dataclasses import replace

from proxy.control import entry
from proxy.control.entry import Entry
from proxy.core.decisions.ladder import LATCHED
from proxy.core.errors import StateError


def reconciled(key: str, fleet: bytes, ours: bytes) -> bytes:
    """For `Store.resolve_by`: the value of this key that stands."""
    if not key.startswith(entry.PREFIX):
        return fleet
    try:
        theirs, own = entry.from_bytes(fleet), entry.from_bytes(ours)
    except StateError:
        return fleet
    return entry.to_bytes(_latched(theirs, own)) if _latches(theirs, own) else fleet


def _latches(fleet: Entry, ours: Entry) -> bool:
    """Of the same model, since the same number of restores: an order of a person is newer than our revert."""
    same = (fleet.epoch, fleet.restores, fleet.closed) == (ours.epoch, ours.restores, ours.closed)
    return same and ours.state.step in LATCHED and fleet.state.step not in LATCHED


def _latched(fleet: Entry, ours: Entry) -> Entry:
    held = ours.state
    state = replace(
        fleet.state,
        step=held.step,
        would=held.would,
        severity=held.severity,
        record_id=held.record_id,
        reason=held.reason,
        since_s=held.since_s,
    )
    return replace(fleet, state=state, enforcement=ours.enforcement, unsent=ours.unsent)
