"""What is kept of a route, in one value, so that one compare-and-set moves all of it. Pure data and its JSON."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

import orjson

from proxy.control.routes.resolve import Found
from proxy.core import closing as closings
from proxy.core import epochs
from proxy.core.baselines import baseline as baselines
from proxy.core.baselines import fingerprint as fingerprints
from proxy.core.baselines.baseline import Baseline, Kind
from proxy.core.baselines.fingerprint import Fingerprint
from proxy.core.baselines.learning import Learning
from proxy.core.closing import Closing
from proxy.core.decisions.engine import Phase, RouteState, state_from_json, state_to_json
from proxy.core.decisions.ladder import LATCHED
from proxy.core.enforcement import Enforcement, Snapshot, Step
from proxy.core.enforcement import from_json as snapshot_from_json
from proxy.core.enforcement import to_json as snapshot_to_json
from proxy.core.epochs import Sampling
from proxy.core.errors import ConfigError, StateError, WireError
from proxy.core.routes import Pin, Route

FORMAT: Final = 1
PREFIX: Final = "route/"


@dataclass(frozen=True, slots=True)
class Entry:
    """One route with all that was decided about it.

    `epoch` counts the models that stood behind the name: another `root` or `parent` begins another. `by_hand`: the
    settings name it. `switched`: an operator's word on enforcing, None follows the policy. `forced`: who armed the
    revert without a check, "" nobody. `stale` says why the baseline before this one was given up. `closed`: the
    candidate is no longer served, since `closed_s` (Unix time). `phase` is the last one found. `unsent` is the evidence
    record of the last decision, until it is known to be appended. `base_root` is the root listed for the base.
    `built_of` names the asking (`base_baseline.Job.id`) that the baseline was made of, "" where it was not made of the
    base's answers. `version`: the number of the baseline in force on the route's shelf, 0 not shelved yet. `outdated`
    says why the baseline in force is stale ("" where it is not), and `context` what it was made in. Of the panes up to
    `context_pane` no baseline may be made: they are of another context. `sampling`: with which probabilities its
    answers are analysed. `restores` counts how often a person gave it back to its candidate, with its evidence anew.
    `judge`: version of what judges its answers ("": whoever does now); panes up to `judge_pane` may hold verdicts of
    another, and are no evidence. `heir`: the judge that has learnt a baseline beside it, which is on the shelf.
    `closing`: how late answers come, which says when panes close.
    """

    route: Route
    root: str = ""
    parent: str = ""
    no_base: str = ""
    by_hand: bool = False
    epoch: int = 1
    closed: bool = False
    closed_s: float = 0.0
    switched: bool | None = None
    forced: str = ""
    stale: str = ""
    phase: Phase = Phase.LEARNING
    state: RouteState = RouteState()
    baseline: Baseline | None = None
    enforcement: Enforcement | None = None
    unsent: str = ""
    base_root: str = ""
    built_of: str = ""
    version: int = 0
    outdated: str = ""
    context: Fingerprint = Fingerprint()
    context_pane: int = -1
    sampling: Sampling = Sampling()
    restores: int = 0
    judge: str = ""
    judge_pane: int = -1
    heir: str = ""
    closing: Closing = Closing()

    @property
    def holds(self) -> bool:
        """Whether traffic must know the route even after its candidate vanished: a latch or a pin holds it."""
        return self.state.step in LATCHED or self.route.pin is not Pin.NONE

    @property
    def shown(self) -> bool:
        """Whether the route is in the snapshot."""
        return not self.closed or self.holds


def key_of(name: str) -> str:
    """The key of a route in the store."""
    return PREFIX + name


def opened(found: Found, pane: int) -> Entry:
    """A route seen for the first time; evidence begins after `pane`."""
    start = RouteState(last_pane=pane)
    known = Entry(found.route, found.root, found.parent, found.no_base, found.by_hand, state=start)
    return replace(known, base_root=found.base_root)


def updated(entry: Entry, found: Found, pane: int) -> Entry:
    """The route as it was found now. Another model behind the name begins a new epoch, in state learning."""
    change = _change(entry, found)
    route = found.route
    keeps = found.tentative or entry.state.step in LATCHED or route.pin is Pin.BASE
    if route.base is None and keeps and entry.route.base != route.candidate:
        route = replace(route, base=entry.route.base)  # a revert in force may not lose what it leads to
    if found.tentative:
        route = replace(route, default=route.default or entry.route.default)
    known = replace(
        entry,
        route=route,
        root=found.root or entry.root,
        parent=found.parent or entry.parent,
        no_base=found.no_base if route.base is None else "",
        by_hand=found.by_hand,
        closed=False,
        closed_s=0.0,
        base_root=_base_root(entry, route, found),
    )
    if base_changed(entry, known):
        known = replace(known, forced="")  # somebody's word was on another model
    if entry.closed and not change:
        known = outdated(known, "the candidate was unloaded, and loaded again under the same name", pane)
    return anew(known, change, pane) if change else known


def base_changed(before: Entry, after: Entry) -> str:
    """What changed behind the name of the base, in words; "" where nothing did, or where it was not known before."""
    old, new = before.base_root, after.base_root
    if before.route.base != after.route.base or not (old and new) or old == new:
        return ""
    return f"the base's root changed from {old!r} to {new!r}"


def _base_root(entry: Entry, route: Route, found: Found) -> str:
    if route.base != entry.route.base:
        return found.base_root
    return found.base_root or entry.base_root


def outdated(entry: Entry, why: str, pane: int) -> Entry:
    """The baseline in force is stale from this pane on: its safety lines stay, and a named person says what follows.

    A baseline of the base's answers says nothing of the candidate, and is not; the first reason stays.
    """
    context_pane = max(pane, entry.context_pane)
    if entry.baseline is None or entry.baseline.kind is Kind.BASE or entry.outdated:
        return replace(entry, context_pane=context_pane)
    return replace(entry, outdated=why, context_pane=context_pane)


def in_force(entry: Entry, baseline: Baseline, number: int, context: Fingerprint) -> Entry:
    """With this version in force. Another plan begins the evidence anew; a line that is crossed stays crossed."""
    state = replace(entry.state, learning=Learning())
    put = replace(entry, baseline=baseline, version=number, context=context, state=state)
    return replace(put, outdated="", stale="", built_of="", heir="")


def anew(entry: Entry, why: str, pane: int) -> Entry:
    """A new epoch: the old evidence spoke of another model. A latched step stays, a milder one falls.

    The baseline stays in force, and is stale: a new model that refuses less must not become its own measure.
    """
    step = entry.state.step if entry.state.step in LATCHED else Step.STEADY
    kept = entry.state if step in LATCHED else RouteState()
    state = RouteState(
        last_pane=pane,
        step=step,
        would=step,
        record_id=kept.record_id,
        reason=kept.reason,
        since_s=kept.since_s,
    )
    return replace(
        outdated(entry, why, pane),
        epoch=entry.epoch + 1,
        stale=why,
        phase=Phase.LEARNING if entry.baseline is None else Phase.WATCHING,
        state=state,
        forced="",
        enforcement=entry.enforcement if step in LATCHED else None,
    )


def _change(entry: Entry, found: Found) -> str:
    """What changed behind the name, in words; "" where nothing did, or where it was not known before."""
    before, now = entry.route.candidate, found.route.candidate
    if before != now:
        return f"the candidate changed from {before.model!r} at {before.upstream} to {now.model!r} at {now.upstream}"
    for what, old, new in (("root", entry.root, found.root), ("parent", entry.parent, found.parent)):
        if old and new and old != new:
            return f"the candidate's {what} changed from {old!r} to {new!r}"
    return ""


def to_bytes(entry: Entry) -> bytes:
    """JSON; `from_bytes` is its inverse."""
    enforcements = () if entry.enforcement is None else (entry.enforcement,)
    return orjson.dumps(
        {
            "format": FORMAT,
            "traffic": snapshot_to_json(Snapshot(0, (entry.route,), enforcements)),
            "root": entry.root,
            "parent": entry.parent,
            "no_base": entry.no_base,
            "by_hand": entry.by_hand,
            "epoch": entry.epoch,
            "closed": entry.closed,
            "closed_s": entry.closed_s,
            "switched": entry.switched,
            "forced": entry.forced,
            "stale": entry.stale,
            "phase": entry.phase.value,
            "state": state_to_json(entry.state),
            "baseline": None if entry.baseline is None else baselines.to_json(entry.baseline),
            "unsent": entry.unsent,
            "base_root": entry.base_root,
            "built_of": entry.built_of,
            "restores": entry.restores,
            "sampling": epochs.to_json(entry.sampling),
            "version": entry.version,
            "outdated": entry.outdated,
            "context": fingerprints.to_json(entry.context),
            "context_pane": entry.context_pane,
            "judge": entry.judge,
            "judge_pane": entry.judge_pane,
            "heir": entry.heir,
            "closing": closings.to_json(entry.closing),
        }
    )


def from_bytes(value: bytes) -> Entry:
    """Read an entry. Raises StateError."""
    try:
        data = orjson.loads(value)
        if data["format"] != FORMAT:
            raise StateError(f"route entry has format {data['format']!r}, this version reads {FORMAT}")
        return _entry(data)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, WireError, ConfigError) as wrong:
        raise StateError(f"route entry cannot be read: {wrong!r}") from wrong


def _entry(data: Any) -> Entry:
    traffic = snapshot_from_json(data["traffic"])
    return Entry(
        route=traffic.routes[0],
        root=str(data["root"]),
        parent=str(data["parent"]),
        no_base=str(data["no_base"]),
        by_hand=bool(data["by_hand"]),
        epoch=int(data["epoch"]),
        closed=bool(data["closed"]),
        closed_s=float(data.get("closed_s", 0.0)),
        switched=data["switched"],
        forced=str(data["forced"]),
        stale=str(data["stale"]),
        phase=Phase(data["phase"]),
        state=state_from_json(data["state"]),
        baseline=None if data["baseline"] is None else baselines.from_json(data["baseline"], "state"),
        enforcement=next(iter(traffic.enforcements), None),
        unsent=str(data["unsent"]),
        base_root=str(data.get("base_root", "")),
        built_of=str(data.get("built_of", "")),
        restores=int(data.get("restores", 0)),
        sampling=epochs.from_json(data.get("sampling")),
        version=int(data.get("version", 0)),
        outdated=str(data.get("outdated", "")),
        context=fingerprints.from_json(data.get("context", {"facts": {}, "seen": {}})),
        context_pane=int(data.get("context_pane", -1)),
        judge=str(data.get("judge", "")),
        judge_pane=int(data.get("judge_pane", -1)),
        heir=str(data.get("heir", "")),
        closing=closings.from_json(data.get("closing")),
    )
