"""What is kept of one shadow policy on one route: a state of its own, moved by a compare-and-set of its own. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

import orjson

from proxy.control.entry import Entry
from proxy.control.policies.in_force import Loaded
from proxy.core.decisions.severity import Severity
from proxy.core.enforcement import Step
from proxy.core.errors import StateError
from proxy.core.evidence.state import NO_PANE, RouteState
from proxy.core.evidence.state import from_json as state_from_json
from proxy.core.evidence.state import to_json as state_to_json
from proxy.core.policies.diff import Stand

FORMAT: Final = 1
PREFIX: Final = "shadow."


@dataclass(frozen=True, slots=True)
class Shadow:
    """`sha256` is of the policy's text. `epoch` and `restores` are those of the entry that the evidence belongs to.

    It runs since `since_s` (Unix time), when the live policy stood at `live`. `unsent` is the record of the last
    decision, until it is known to be appended.
    """

    sha256: str
    epoch: int
    restores: int
    since_s: float
    live: tuple[Severity, Step]
    state: RouteState
    unsent: str = ""

    @property
    def begin(self) -> tuple[Stand, Stand]:
        """What live and shadow said at first."""
        return Stand(self.since_s, *self.live), Stand(self.since_s)


def key_of(policy: str, route: str) -> str:
    """The key of a shadow in the store: it lies with its route."""
    return f"{PREFIX}{policy}/{route}"


def fitting(kept: Shadow | None, entry: Entry, loaded: Loaded, now_s: float) -> Shadow:
    """What is kept, where it belongs to this text and this model; else a beginning, at the pane where live stands now.

    A model that was given back begins anew here too, and the shadow runs since it did before.
    """
    live = entry.state.severity, entry.state.would
    state = RouteState(last_pane=entry.state.last_pane, seen_pane=entry.state.seen_pane)
    begun = Shadow(loaded.sha256, entry.epoch, entry.restores, now_s, live, state)
    if kept is None or kept.sha256 != begun.sha256:
        return begun
    if (kept.epoch, kept.restores) != (begun.epoch, begun.restores):
        return replace(begun, since_s=kept.since_s, live=kept.live, unsent=kept.unsent)
    return kept


def handed_over(entry: Entry, shadow: Shadow) -> Entry:
    """The route with the shadow's evidence for its own: nothing that was seen is forgotten. Its step stays.

    The entry as it is where the two have not consumed the same panes: then the evidence begins anew.
    """
    same = (shadow.epoch, shadow.restores) == (entry.epoch, entry.restores)
    if not same or shadow.state.last_pane != entry.state.last_pane or shadow.state.last_pane == NO_PANE:
        return entry
    live = entry.state
    kept = {key: getattr(live, key) for key in ("step", "record_id", "reason", "since_s", "learning", "seen_pane")}
    return replace(entry, state=replace(shadow.state, **kept))


def to_bytes(shadow: Shadow | None) -> bytes:
    """JSON; `from_bytes` is its inverse."""
    assert shadow is not None  # one is removed, never emptied
    return orjson.dumps(
        {
            "format": FORMAT,
            "sha256": shadow.sha256,
            "epoch": shadow.epoch,
            "restores": shadow.restores,
            "since_s": shadow.since_s,
            "live": [one.value for one in shadow.live],
            "state": state_to_json(shadow.state),
            "unsent": shadow.unsent,
        }
    )


def from_bytes(value: bytes) -> Shadow:
    """Read a shadow. Raises StateError."""
    try:
        data = orjson.loads(value)
        if data["format"] != FORMAT:
            raise StateError(f"shadow has format {data['format']!r}, this version reads {FORMAT}")
        return _shadow(data)
    except (KeyError, TypeError, ValueError, AttributeError) as wrong:
        raise StateError(f"shadow cannot be read: {wrong!r}") from wrong


def _shadow(data: Any) -> Shadow:
    severity, step = data["live"]
    return Shadow(
        sha256=str(data["sha256"]),
        epoch=int(data["epoch"]),
        restores=int(data["restores"]),
        since_s=float(data["since_s"]),
        live=(Severity(severity), Step(step)),
        state=state_from_json(data["state"]),
        unsent=str(data["unsent"]),
    )
