"""One look at one route: panes in, a decision out, by compare-and-set.

Only the one that wins tells. A decision's record travels in the route's entry until it is known to be appended, so
that a crash between the two loses nothing and two replicas append it once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from proxy.control.baselines.handover import seated
from proxy.control.bases.armed import Bases
from proxy.control.entry import Entry
from proxy.control.guard import Guard, climbed
from proxy.control.memory import Memory
from proxy.control.policies.in_force import Loaded
from proxy.control.pulse import Pulse
from proxy.control.setup import Setup
from proxy.control.views import route as view
from proxy.core import closing as closings
from proxy.core.baselines.baseline import Baseline
from proxy.core.closing import Steady, Watermark
from proxy.core.decisions.decide import JUDGE
from proxy.core.decisions.engine import Context, Outcome, Phase, plan_of, step
from proxy.core.decisions.ladder import ORDER
from proxy.core.decisions.record import from_bytes as record_from_bytes
from proxy.core.decisions.record import to_bytes as record_to_bytes
from proxy.core.drift.kinds import drift_text, kind_of
from proxy.core.epochs import first_pane
from proxy.core.evidence.plan import Plan
from proxy.core.evidence.signals import is_impaired
from proxy.core.evidence.state import RouteState
from proxy.core.policies.policy import Policy
from proxy.core.windows import Counts, merge, pane_of
from proxy.telemetry.logs import get_logger

log = get_logger(__name__)

TRIES_MAX: Final = 4
FLUSHED_WITHIN_S: Final = 2.0  # what the pipeline took before a pane closed is in the store by then
CLOCK_SLACK_S: Final = 60.0  # a state may be this far ahead of a look that took long; further, the clock was set back
EVIDENCE: Final = "evidence"  # in a record's versions, where a replica decided on its own while the store was away
GROUNDWIRE: Final = "groundwire"  # the actor of automatic actions

Pane = tuple[int, Counts]


@dataclass(frozen=True, slots=True)
class Inputs:
    """All that the engine reads in one look. Of time it reads the pane of now, and `context.now_s` says no more."""

    entry: Entry
    closed: list[Pane]
    still_open: Pane | None
    baseline: Baseline | None
    policy: Policy
    context: Context


class Looks:
    """Looks at routes, and remembers the last outcome of each to show it.

    A look that changed nothing is not repeated while its inputs are the same: the engine would say the same again, at
    some milliseconds a route and second.
    """

    def __init__(self, memory: Memory, bases: Bases, pulse: Pulse) -> None:
        self._memory = memory
        self._pulse = pulse
        self._bases = bases
        self.outcomes: dict[str, Outcome] = {}
        self.on_decided: Callable[[Entry, Outcome], str] | None = None  # told of each that won; gives its trace
        self._settled: dict[str, Inputs] = {}  # of the last look at a route, where it changed nothing
        self._plans: dict[str, tuple[Any, ...]] = {}  # of the last look at a route, after what it was made of
        self._steady: dict[str, Steady] = {}
        self._lags_s: dict[str, float] = {}  # of the last look at a route: how long after their end panes close

    def forget(self, name: str) -> None:
        """This route is no more."""
        self.outcomes.pop(name, None)
        self._settled.pop(name, None)
        self._plans.pop(name, None)
        self._steady.pop(name, None)
        self._lags_s.pop(name, None)

    async def look(self, setup: Setup, name: str, now_s: float) -> Entry | None:
        """Evaluate, decide and keep; the entry as it is afterwards."""
        kept = self._memory.entry(name)
        for _ in range(TRIES_MAX):
            version, stored = await kept.load()
            if stored is None or stored.closed:
                return stored
            await self._send(stored)
            self._steady[name] = self._steadied(name, now_s)
            entry = self._seated(setup, in_time(stored, setup.pane_s, now_s), now_s)
            inputs = await self.inputs(setup, entry, setup.loaded(name), now_s)
            if inputs == self._settled.get(name):
                return entry
            outcome, after = await self._decide(setup, inputs, now_s)
            self.outcomes[name] = outcome
            if after == stored:
                self._settled[name] = inputs
                return entry
            if await kept.swap(version, after):
                _say_phase(entry, outcome)
                _say_drift(entry, outcome)
                await self.tell(setup, after, outcome)
                return after
        return entry

    def _steadied(self, name: str, now_s: float) -> Steady:
        """Looked at now. Where the store is away, what others counted comes when it is back."""
        whole = not self._memory.store.evidence_local
        return self._steady.get(name, Steady(now_s, now_s)).at(now_s, whole=whole)

    def watermark(self, setup: Setup, name: str, served: str, now_s: float) -> Watermark:
        """Which panes of a route have closed. Of another model than the candidate nothing is read as evidence, so that
        its counts have the most time that is given to any.
        """
        entry, most_s = self._memory.known_entry(name), setup.settings.close_lag_s
        if entry is None or served != entry.route.candidate.key:
            return Watermark(most_s)
        steady = self._steady.get(name)
        is_known = steady is not None and steady.is_fresh(now_s)
        return Watermark(self.lag_s(setup, name) if is_known else most_s, entry.closing.pane)

    def lag_s(self, setup: Setup, name: str) -> float:
        """How long after their end the panes of a route closed at the last look."""
        most_s = setup.settings.close_lag_s
        return min(self._lags_s.get(name, most_s), most_s)

    def _seated(self, setup: Setup, entry: Entry, now_s: float) -> Entry:
        at_hand = setup.judges
        if self._memory.store.shared:
            at_hand |= self._memory.at_hand.known.fresh(now_s)
        clear = first_pane(now_s, setup.pane_s)
        after = seated(entry, setup.baseline(entry), setup.judge, at_hand, clear)
        if after.judge_pane != entry.judge_pane:
            log.info("judge_changes", route=entry.route.name, before=entry.judge, version=after.judge)
        return after

    def context(self, setup: Setup, entry: Entry, held: str, now_s: float) -> Context:
        """What the engine must know besides the counts."""
        verdict = self._bases.verdict(setup, entry)
        return Context(
            route=entry.route.name,
            model=entry.route.candidate.model,
            now_s=now_s,
            pane_s=setup.pane_s,
            armed=verdict.armed,
            unarmed_reason=verdict.reason,
            enforce=entry.switched,
            held=held,
            pin=entry.route.pin,
            policy_text=setup.loaded(entry.route.name).text,
            versions=self._versions(setup, entry),
            stale=entry.outdated,
            routes=self.watched(),
        )

    def _versions(self, setup: Setup, entry: Entry) -> Mapping[str, str]:
        """For records: with whose verdicts these are. One that was made of local evidence only says so, and why."""
        local = self._memory.store.evidence_local
        judge = {JUDGE: entry.judge} if entry.judge else {}
        return {**setup.versions, **judge, **({EVIDENCE: f"local: {local}"} if local else {})}

    async def tell(self, setup: Setup, entry: Entry, outcome: Outcome) -> None:
        """Append the record of a decision that won, and say it in one line."""
        name = entry.route.name
        if outcome.baseline is not None:
            log.info("baseline_learnt", route=name, n=outcome.baseline.n, rate=outcome.baseline.rate)
        if outcome.record is None:
            return
        await self._send(entry)
        emit = log.warning if outcome.action or outcome.would_action else log.info
        trace = "" if self.on_decided is None else self.on_decided(entry, outcome)
        emit("decision", **view.decision_fields(entry, outcome, setup.pane_s), trace=trace)
        if outcome.action is not None:
            by = "order" if "order" in outcome.record.body["inputs"] else "policy"
            self._pulse.actions[name, outcome.action.value, by] += 1
        if outcome.action is not None and "order" not in outcome.record.body["inputs"]:
            await self._memory.note(outcome.record.at_s, GROUNDWIRE, outcome.action.value, name, entry.state.reason)

    async def _send(self, entry: Entry) -> None:
        if entry.unsent:
            await self._memory.append_decision(record_from_bytes(entry.unsent.encode()))

    async def inputs(self, setup: Setup, entry: Entry, loaded: Loaded, now_s: float) -> Inputs:
        """What this policy, live or not, would be shown of a route now."""
        closed, still_open = await self._panes(setup, entry, loaded.policy, now_s)
        pane_begin_s = pane_of(now_s, setup.pane_s) * setup.pane_s
        context = self.context(
            setup, entry, setup.held(self._memory.guard.known, entry.route.name, now_s), pane_begin_s
        )
        context = replace(context, policy_text=loaded.text)
        return Inputs(entry, closed, still_open, setup.baseline(entry), loaded.policy, context)

    async def closed_since(self, setup: Setup, entry: Entry, first: int, now_s: float) -> Inputs:
        """What the policy in force would be shown of a route's closed panes from `first` on, had it read none."""
        loaded = setup.loaded(entry.route.name)
        unread = replace(entry, state=replace(entry.state, last_pane=first - 1))
        return replace(await self.inputs(setup, unread, loaded, now_s), still_open=None)

    async def _decide(self, setup: Setup, inputs: Inputs, now_s: float) -> tuple[Outcome, Entry]:
        entry, name = inputs.entry, inputs.entry.route.name
        context = replace(inputs.context, now_s=now_s)
        outcome = self._step(inputs, context)
        if _climbs(entry, outcome):
            held = setup.held(await self._climbed(setup, name, now_s), name, now_s)
            if held != context.held:
                outcome = self._step(inputs, replace(context, held=held))
        after = taken(entry, outcome, inputs.baseline)
        consumed = (one for one in inputs.closed if one[0] <= outcome.state.last_pane)
        return outcome, replace(after, closing=closings.remembered(entry.closing, consumed, setup.pane_s))

    def _step(self, inputs: Inputs, context: Context) -> Outcome:
        entry, baseline, policy = inputs.entry, inputs.baseline, inputs.policy
        plan = self._plan(entry.route.name, baseline, policy, context)
        return step(entry.state, inputs.closed, inputs.still_open, baseline, policy, context, plan=plan)

    def _plan(self, name: str, baseline: Baseline | None, policy: Policy, context: Context) -> Plan:
        """The plan of a route, made again only where something that it is made of changed."""
        made_of = (baseline, policy, context.pane_s, context.routes)
        known = self._plans.get(name)
        if known is None or any(a is not b and a != b for a, b in zip(known, made_of, strict=False)):
            known = (*made_of, plan_of(baseline, policy, context))
            self._plans[name] = known
        plan: Plan = known[-1]
        return plan

    def watched(self) -> int:
        """How many routes share the budgets."""
        return max(1, sum(not one.closed for one in self._memory.known_entries().values()))

    async def _panes(self, setup: Setup, entry: Entry, policy: Policy, now_s: float) -> tuple[list[Pane], Pane | None]:
        """Closed panes after the last consumed one, and the open ones as one, under the number of the newest.

        An impaired open pane is left out before they are joined: among others its losses would not show.
        """
        route, served = entry.route.name, entry.route.candidate.key
        first, last = max(entry.state.last_pane, entry.judge_pane) + 1, pane_of(now_s, setup.pane_s)
        panes = await self._memory.store.panes(route, served, first, last)
        lag_s = self._lag(setup, entry, panes, now_s)
        last_closed = pane_of(now_s - lag_s - FLUSHED_WITHIN_S, setup.pane_s) - 1
        lost_max = policy.blind.lost_share_max
        still = [pane for pane in panes if pane[0] > last_closed and not is_impaired(pane[1], lost_max)]
        newest = (still[-1][0], merge(counts for _, counts in still)) if still else None
        return [pane for pane in panes if pane[0] <= last_closed], newest

    def _lag(self, setup: Setup, entry: Entry, panes: Sequence[Pane], now_s: float) -> float:
        """How long after their end panes close now. What was consumed stays so, however it moves."""
        name, most_s = entry.route.name, setup.settings.close_lag_s
        steady = self._steady.get(name)
        holds = steady is None or not steady.is_fresh(now_s) or steady.holds(now_s, most_s)
        lag_s = most_s if holds else closings.lag_of(entry.closing.known(panes), most_s)
        self._lags_s[name] = lag_s
        return lag_s

    async def _climbed(self, setup: Setup, name: str, now_s: float) -> Guard:
        """Count a climb, and say it loudly where it makes a storm."""
        routes = self.watched()
        before = self._memory.guard.known
        rules = setup.policies.overall.policy.fault
        after = await self._memory.guard.edit(lambda guard: climbed(guard, name, now_s, routes, rules))
        if after.fault and not before.fault:
            log.error("monitor_fault_suspected", why=after.fault, routes=sorted(after.climbs or {}), then="held")
            await self._memory.note(now_s, GROUNDWIRE, "hold", "", after.fault)
        return after


def in_time(entry: Entry, pane_s: float, now_s: float) -> Entry:
    """After the clock was set back: what was consumed lies ahead, and would keep every pane until then out."""
    state, now = entry.state, pane_of(now_s, pane_s)
    ahead = max(state.last_pane, state.seen_pane, entry.judge_pane, entry.context_pane, entry.closing.pane)
    if ahead <= pane_of(now_s + CLOCK_SLACK_S, pane_s):
        return entry
    log.warning("clock_set_back", route=entry.route.name, panes=ahead - now, then="evidence goes on from now")
    judge_pane, context_pane = min(entry.judge_pane, now), min(entry.context_pane, now)
    entry = replace(entry, judge_pane=judge_pane, context_pane=context_pane)
    return replace(entry, state=_until(state, now), closing=closings.until(entry.closing, now))


def _until(state: RouteState, pane: int) -> RouteState:
    """With nothing that lies ahead of this pane."""
    return replace(
        state,
        last_pane=min(state.last_pane, pane),
        seen_pane=min(state.seen_pane, pane),
        harmful_pane=min(state.harmful_pane, pane),
        learning=replace(state.learning, after_pane=min(state.learning.after_pane, pane)),
    )


def taken(entry: Entry, outcome: Outcome, baseline: Baseline | None) -> Entry:
    """The entry once this outcome is taken."""
    return replace(
        entry,
        state=outcome.state,
        phase=outcome.phase,
        baseline=outcome.baseline or baseline,
        enforcement=outcome.enforcement or entry.enforcement,
        unsent="" if outcome.record is None else record_to_bytes(outcome.record).decode(),
    )


def _say_phase(before: Entry, outcome: Outcome) -> None:
    """A route that is not seen must say so: blind is not healthy."""
    if before.phase is outcome.phase:
        return
    if outcome.phase is Phase.BLIND:
        log.warning("route_blind", route=before.route.name, why=outcome.blind)
    else:
        log.info(f"route_{outcome.phase}", route=before.route.name, before=before.phase)


def _say_drift(before: Entry, outcome: Outcome) -> None:
    """What drifts, and what no longer does: drift of input and performance moves no step, and is said all the same."""
    drifts = before.state.drifts
    crossed = [name for name, one in outcome.state.drifts.items() if one.is_crossed]
    for name in crossed:
        if name not in drifts or not drifts[name].is_crossed:
            led = outcome.state.drifts[name].led
            text = drift_text(outcome.findings)
            log.warning("drift", route=before.route.name, kind=kind_of(name).value, signal=name, bins=led, moved=text)
    for name, one in drifts.items():
        if one.is_crossed and name not in crossed:
            log.info("drift_ended", route=before.route.name, kind=kind_of(name).value, signal=name)


def _climbs(entry: Entry, outcome: Outcome) -> bool:
    return ORDER.index(outcome.would) > ORDER.index(entry.state.would)
