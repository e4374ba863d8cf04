"""The Groundwire that runs: life, readiness, what it lacks, what it dropped, and whether both processes fit."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from proxy import VERSION
from proxy.doctor.finding import Finding, fail, note, ok, warn
from proxy.doctor.running import Process, Running
from proxy.doctor.running import look as ask
from proxy.doctor.scene import Scene

DROPPED_SHARE: Final = 0.01
ON_ITS_WAY_S: Final = 1.0
NAMES: Final = {"traffic": "listen.health", "analysis": "listen.analysis_health"}
LACKS: Final[Mapping[str, str]] = {
    "enforcement_unknown": "start the analysis process: what it holds back is not known here",
    "enforcement_file_corrupt": "start the analysis process; it sends the enforcements anew",
    "enforcement_file_not_written": "make state_dir writable: a restart would forget what is held back",
}
STATUS: Final[Mapping[str, str]] = {
    "fault": "read `groundwire log` and the log; automatic actions are held",
    "not_durable": "bring the store back: what is decided now is not yet on disk",
    "evidence_local": "bring the shared store back: this replica decides on its own",
}


async def look(scene: Scene) -> Sequence[Finding]:
    """What was asked already; asked anew where the answers crossed a snapshot on its way."""
    running = scene.running
    if differing(running):
        await asyncio.sleep(ON_ITS_WAY_S)
        running = await ask(scene.settings)
    return judge(running, time.time())


def differing(running: Running) -> bool:
    """Whether traffic holds other enforcements than analysis has sent. Pure."""
    has = running.traffic.value("groundwire_snapshot_version")
    return has is not None and running.status is not None and has != running.status.get("version")


def judge(running: Running, now_s: float) -> list[Finding]:
    """What is said of the processes. Pure."""
    processes = (("traffic", running.traffic), ("analysis", running.analysis))
    strangers = [_stranger(name, one) for name, one in processes if one.live and not one.version]
    if not running.any:
        return strangers or [note("no Groundwire runs here: what follows is what a start would meet")]
    found = [*strangers, *(one for name, process in processes for one in _process(name, process))]
    if running.traffic.version:
        found += _traffic(running.traffic)
    if running.analysis.version:
        found += _analysis(running.analysis)
    found += _together(running, now_s)
    return found


def _stranger(name: str, process: Process) -> Finding:
    text = f"something that is not Groundwire (or one before 0.1) answers at {process.address}"
    return fail(text, NAMES[name], f"stop it, or set {NAMES[name]} to another port")


def _process(name: str, process: Process) -> Iterator[Finding]:
    where = f"{NAMES[name]} ({process.address})"
    if process.live is None:
        yield warn(f"the {name} process does not answer, and the other one does", where, _START[name])
        return
    if not process.version:
        return
    if process.version != VERSION:
        mend = "restart it: both processes and this command should be of one version"
        yield warn(f"the {name} process is version {process.version}, this command {VERSION}", where, mend)
    ready = process.ready
    told = ready.text.strip() if ready else "no answer"
    if ready is None or ready.status != 200:
        lacking = "; ".join(line for line in told.splitlines() if line.startswith("[-]")) or told
        yield warn(f"the {name} process {process.version} lives and is not ready: {lacking}", where, _READY[name])
    elif name == "analysis" and "degraded" in told:
        yield warn(f"the analysis process works, {told.partition(', ')[2]}", where, "mend what it names; see the log")
    else:
        yield ok(f"the {name} process {process.version} lives and is ready", where)


_START: Final = {
    "traffic": "start it (`groundwire serve`), or correct listen.health",
    "analysis": "look into its log; traffic goes on, and nothing is analysed meanwhile",
}
_READY: Final = {
    "traffic": "mend what it names: until then it is out of its Service",
    "analysis": "look into its log; traffic goes on meanwhile",
}


def _traffic(traffic: Process) -> Iterator[Finding]:
    where = f"listen.health ({traffic.address})"
    for labels, _ in traffic.values("groundwire_degraded"):
        name = labels.partition('"')[2].rstrip('"')
        yield warn(f"serving with a lack: {name}", where, LACKS.get(name, "see the log of the traffic process"))
    if traffic.value("groundwire_link_connected") == 0.0:
        mend = "look whether the analysis process runs and both name the same link.socket"
        yield warn("no analysis process is connected: answers are not analysed", "link.socket", mend)
    else:
        yield ok("the link to analysis is up")
    yield from _dropped(traffic)


def _dropped(traffic: Process) -> Iterator[Finding]:
    requests = sum(value for _, value in traffic.values("groundwire_requests_total"))
    dropped = {labels: value for labels, value in traffic.values("groundwire_exchanges_dropped_total") if value}
    if not dropped:
        return
    reasons = ", ".join(f"{labels.partition(chr(34))[2].rstrip(chr(34))} {n:.0f}" for labels, n in dropped.items())
    told = f"{sum(dropped.values()):.0f} of {requests:.0f} exchanges"
    text = f"{told} were dropped before analysis since traffic started: {reasons}"
    if sum(dropped.values()) > DROPPED_SHARE * max(1.0, requests):
        mend = "give analysis more CPU, or raise link.buffer_bytes_max; a start without analysis counts here too"
        yield warn(text, "link", mend)
    else:
        yield note(text, "link")


def _analysis(analysis: Process) -> Iterator[Finding]:
    where = f"listen.analysis_health ({analysis.address})"
    if analysis.value("groundwire_analysis_state_salvaged_info"):
        yield note("its state file was broken at start: reverts were kept, counters were lost", where)
    failed = sum(value for _, value in analysis.values("groundwire_control_faults_total"))
    if failed:
        mend = "read its log; where it goes on, report it with the line"
        yield warn(f"{failed:.0f} rounds of the control loops failed since its start", where, mend)


def _together(running: Running, now_s: float) -> Iterator[Finding]:
    if running.analysis.version and running.traffic.version and running.analysis.version != running.traffic.version:
        text = f"traffic is version {running.traffic.version}, analysis {running.analysis.version}"
        yield warn(text, "", "restart the older one: they speak one version of the wire")
    status = running.status
    if status is None:
        if running.analysis.version:
            mend = "run this as the user of the analysis process, or name listen.control_token_file"
            yield warn("the control API does not answer this user", "listen.control", mend)
        return
    yield from _status(status)
    yield from _snapshot(running.traffic, status, now_s)


def _status(status: Mapping[str, Any]) -> Iterator[Finding]:
    for key, mend in STATUS.items():
        if status.get(key):
            yield warn(f"{key}: {status[key]}", "control API", mend)
    if status.get("held"):
        yield note(f"automatic actions are held: {status['held']}", "control API")


def _snapshot(traffic: Process, status: Mapping[str, Any], now_s: float) -> Iterator[Finding]:
    has, wanted = traffic.value("groundwire_snapshot_version"), status.get("version")
    if has is None:
        return
    if has == wanted:
        came_s = traffic.value("groundwire_snapshot_received_timestamp_seconds")
        since = f", {ago(now_s - came_s)}" if came_s else ", from its file"
        yield ok(f"traffic holds the newest enforcements (snapshot {wanted}{since})")
    else:
        mend = "look whether both name the same link.socket; if they do, restart the traffic process"
        yield warn(f"traffic holds snapshot {has:.0f}, analysis has sent {wanted}", "link.socket", mend)


def ago(seconds: float) -> str:
    """A span of time in one number. Pure."""
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit} ago"
    return f"{max(0.0, seconds):.0f} s ago"
