"""The control plane's metrics of this moment, from what it read or wrote last: no call to the store."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from proxy.control.entry import Entry
from proxy.control.plane import ControlPlane
from proxy.control.routes.discovery import Reach
from proxy.control.views.route import mode
from proxy.control.views.standing import Standing
from proxy.core.drift.apart import Apart
from proxy.core.drift.kinds import kind_of
from proxy.core.evidence.findings import Finding
from proxy.core.windows import pane_of
from proxy.stores.samples import store_samples
from proxy.telemetry import both
from proxy.telemetry import control as declared
from proxy.telemetry.metrics import Sample, sample

LOOPS: Final = ("look", "discover", "check", "baseline", "standing")


def control_samples(plane: ControlPlane) -> Iterator[Sample]:
    """Every metric of `telemetry.control`, and what both processes say of the enforcement."""
    guard, now_s = plane.memory.guard.known, plane.now()
    for name, entry in sorted(plane.memory.known_entries().items()):
        yield from _route(plane, name, entry)
        yield sample(declared.HELD, bool(plane.setup.held(guard, name, now_s)), route=name)
        outcome = plane.looks.outcomes.get(name)
        for finding in () if outcome is None or entry.closed else outcome.findings:
            yield from _finding(name, finding)
        yield from _drift(name, entry)
        yield from _shapes(name, plane.standings.known.get(name, Standing()).shapes)
    yield from _pulse(plane)
    yield sample(declared.SAMPLING_LOAD, plane.memory.loads.known.level(now_s))
    yield sample(declared.FAULT, bool(guard.fault))
    yield sample(declared.NOT_DURABLE, bool(plane.memory.store.not_durable))
    yield from store_samples(plane.memory.store)
    yield sample(both.SNAPSHOT_VERSION, plane.snapshot.version)
    for upstream, reading in sorted(plane.discovery.readings.items()):
        yield sample(declared.LISTED, reading.reach is Reach.LISTED, upstream=upstream)


def _route(plane: ControlPlane, name: str, entry: Entry) -> Iterator[Sample]:
    status = "closed" if entry.closed else entry.phase.value
    yield sample(both.STEP_IN_FORCE, 1, route=name, step=entry.state.step.value)
    yield sample(declared.WOULD_STEP, 1, route=name, step=entry.state.would.value)
    yield sample(declared.SEVERITY, entry.state.severity.rank, route=name)
    yield sample(declared.STATUS, 1, route=name, status=status)
    yield sample(declared.BASELINE_STALE, bool(entry.outdated), route=name)
    yield sample(declared.BASELINE_VERSION, entry.version, route=name)
    policy = plane.setup.loaded(name)
    yield sample(declared.POLICY, 1, route=name, policy=policy.name, mode=mode(entry, policy.policy))
    if entry.baseline is not None:
        yield sample(declared.BASELINE_MADE, entry.baseline.made_s, route=name)
    yield sample(declared.ARMED, plane.bases.verdict(plane.setup, entry).armed, route=name)
    yield sample(declared.ENFORCES, plane.setup.enforces(entry), route=name)
    yield sample(declared.CLOSE_LAG, plane.looks.lag_s(plane.setup, name), route=name)
    epoch = entry.sampling.at(pane_of(plane.now(), plane.setup.pane_s))
    yield sample(declared.EPOCH, epoch.number, route=name)
    rates = epoch.rates
    for what, k in (("harmful", rates.harm_k), ("risky", rates.risky_k), ("all", rates.rest_k)):
        yield sample(declared.SAMPLED, 2.0**-k, route=name, of=what)


def _pulse(plane: ControlPlane) -> Iterator[Sample]:
    pulse = plane.pulse
    yield sample(declared.LOOKED, pulse.looked_s)
    yield sample(declared.LOOK_SECONDS, pulse.spent_s)
    yield sample(declared.LOOKS, pulse.rounds)
    for work in LOOPS:
        yield sample(declared.FAULTS, pulse.faults[work], work=work)
    for (route, action, by), count in sorted(pulse.actions.items()):
        yield sample(declared.ACTIONS, count, route=route, action=action, by=by)


def _drift(name: str, entry: Entry) -> Iterator[Sample]:
    """0 where the kind has lines and none is crossed."""
    crossed: dict[str, bool] = {}
    for signal, one in entry.state.drifts.items():
        kind = kind_of(signal).value
        crossed[kind] = crossed.get(kind, False) or one.is_crossed
    for kind, is_crossed in crossed.items():
        yield sample(declared.DRIFT, is_crossed, route=name, kind=kind)


def _shapes(name: str, by_signal: Mapping[str, Apart]) -> Iterator[Sample]:
    """None where a shape has too few answers to say anything."""
    for signal, one in by_signal.items():
        for metric, bits in ((declared.JS, one.js_bits), (declared.KL, one.kl_bits)):
            if bits is not None:
                yield sample(metric, bits, route=name, signal=signal)


def _finding(name: str, finding: Finding) -> Iterator[Sample]:
    labels = {"route": name, "signal": finding.metric, "stratum": finding.stratum, "line": finding.line.value}
    yield sample(declared.ODDS, max(0.0, finding.ln_odds) / finding.ln_limit, **labels)
    if finding.estimate is not None:
        yield sample(declared.ESTIMATE, finding.estimate.rate, **labels)
