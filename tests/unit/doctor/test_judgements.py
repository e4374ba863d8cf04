"""What is said of what was seen: pure, case by case."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy import VERSION
from proxy.config.address import Address
from proxy.config.sections.serving import Auth, Limits, Listen, Upstream
from proxy.config.sections.watching import Analysis, RouteSettings, StoreSettings
from proxy.config.settings import Settings
from proxy.control.routes.discovery import Reach, Reading
from proxy.control.routes.listing import Model
from proxy.core.errors import GroundwireError
from proxy.doctor.cgroup import Container, read_container
from proxy.doctor.checks import (
    classifiers,
    clock,
    enforcing,
    machine,
    permissions,
    ports,
    processes,
    store_file,
    telemetry,
    upstreams,
)
from proxy.doctor.checks.machine import Machine
from proxy.doctor.checks.permissions import Entry
from proxy.doctor.checks.store_file import File
from proxy.doctor.checks.upstreams import Seen
from proxy.doctor.finding import Finding, Level
from proxy.doctor.running import Page, Process, Running
from proxy.doctor.scene import Scene
from proxy.stores.database import SCHEMA_VERSION
from proxy.tracing.asked import Way

MIB = 1 << 20


def levels(found: Iterable[Finding]) -> list[str]:
    return [one.level.value for one in found]


def words(found: Iterable[Finding]) -> str:
    return " | ".join(f"{one.what} {one.where} {one.mend}" for one in found)


# --- upstreams and routes ---------------------------------------------------------------------------------------------

BASE, ADAPTER = Model("base", "base"), Model("tuned", "/adapters/x", "base")


def seen(*models: Model, name: str = "default", reach: Reach = Reach.LISTED, took_s: float = 0.01) -> Seen:
    return Seen(name, Upstream(), reading=Reading(reach, models, "what it said"), took_s=took_s)


@pytest.mark.parametrize(
    ("one", "wanted"),
    [
        (seen(BASE), ["ok"]),
        (seen(), ["warn"]),
        (seen(BASE, took_s=2.0), ["ok", "warn"]),
        (seen(reach=Reach.UNAUTHORISED), ["warn"]),
        (seen(reach=Reach.NO_LISTING), ["warn"]),
        (seen(reach=Reach.UNREACHABLE), ["fail"]),
    ],
)
def test_a_reading_of_an_upstream(one: Seen, wanted: list[str]) -> None:
    assert levels(upstreams.judge(one)) == wanted


def test_a_listed_adapter_has_its_base_on_the_same_server() -> None:
    (found,) = upstreams.routes(Settings(), [seen(BASE, ADAPTER)])
    assert found.level is Level.OK
    assert "same server" in found.what


def test_an_adapter_without_its_parent_cannot_be_reverted() -> None:
    (found,) = upstreams.routes(Settings(), [seen(Model("other"), ADAPTER)])
    assert (found.level, "base_model" in found.mend) == (Level.WARN, True)


def test_a_base_elsewhere_must_be_listed_there() -> None:
    two = {"default": Upstream(), "safe": Upstream()}
    route = RouteSettings(base_upstream="safe", base_model="base")
    settings = Settings(upstreams=two, routes={"tuned": route})
    both = [seen(Model("tuned")), seen(BASE, name="safe")]
    assert levels(upstreams.routes(settings, both)) == ["ok"]
    assert levels(upstreams.routes(settings, [both[0], seen(Model("other"), Model("more"), name="safe")])) == ["warn"]
    assert levels(upstreams.routes(settings, both[:1])) == ["warn"]
    assert levels(upstreams.routes(settings, both[1:])) == ["note"]
    gone = upstreams.routes(settings, [seen(Model("another"), Model("more")), both[1]])
    assert "does not list 'tuned'" in words(gone)


def test_no_route_at_all_is_said_and_many_are_cut() -> None:
    assert "nothing would be watched" in words(upstreams.routes(Settings(), [seen(BASE, Model("b"))]))
    many = upstreams.routes(Settings(), [seen(BASE, *(Model(f"a{n}", "r", "base") for n in range(25)))])
    assert many[-1].what == "and 5 more routes"
    assert upstreams.routes(Settings(), []) == []


def test_a_certificate_is_watched_before_it_ends() -> None:
    not_after, end_s = "Jan  1 00:00:00 2027 GMT", 1_798_761_600
    assert levels(upstreams.certificate("u", not_after, end_s - 86_400 * 13)) == ["warn"]
    assert levels(upstreams.certificate("u", not_after, end_s - 86_400 * 15)) == []
    assert levels(upstreams.certificate("u", "", 0.0)) == []


def test_an_address_of_our_own_is_known() -> None:
    anywhere = Address("0.0.0.0", 8900)
    assert upstreams._is_own(["127.0.0.1"], 8900, anywhere)
    assert upstreams._is_own(["10.0.0.7"], 8900, Address("10.0.0.7", 8900))
    assert not upstreams._is_own(["10.0.0.7"], 8900, anywhere)
    assert not upstreams._is_own(["127.0.0.1"], 8000, anywhere)


# --- clocks -----------------------------------------------------------------------------------------------------------


@given(st.integers(1_700_000_000, 2_000_000_000), st.integers(-500, 500), st.floats(0.0, 3.0))
def test_a_date_header_tells_the_skew_within_what_it_claims(now_s: int, behind_s: int, took_s: float) -> None:
    found = clock.behind_of(formatdate(now_s - behind_s, usegmt=True), now_s, now_s + took_s)
    assert found is not None
    middle_behind = behind_s + took_s / 2  # the server said its whole second some time between
    assert abs(found[0] - middle_behind) <= found[1] + 1e-6
    judged = clock.skew("it", "there", *found)
    assert (judged.level is Level.WARN) == (abs(found[0]) - found[1] > clock.SKEW_WARN_S)


def test_what_is_no_date_says_nothing() -> None:
    assert clock.behind_of("", 0.0, 1.0) is None
    assert clock.behind_of("yesterday", 0.0, 1.0) is None


# --- processes --------------------------------------------------------------------------------------------------------

METRICS = """# HELP x y
groundwire_requests_total{status="2xx"} 90
groundwire_requests_total{status="5xx"} 10
groundwire_link_connected 1
groundwire_snapshot_version 7
groundwire_snapshot_received_timestamp_seconds 1000
groundwire_exchanges_dropped_total{reason="full"} 0
"""


def process(metrics: str = METRICS, ready: Page | None = None, version: str = VERSION) -> Process:
    return Process("127.0.0.1:1", Page(200, "alive\n", version), ready or Page(200, "ready\n", version), metrics)


def running(traffic: Process | None = None, analysis: Process | None = None, **status: Any) -> Running:
    told: Mapping[str, Any] = {"version": 7, "held": "", "fault": "", **status}
    return Running(traffic or process(), analysis or process("", Page(200, "ok\n", VERSION)), told, [])


def test_all_is_well_where_both_run() -> None:
    assert set(levels(processes.judge(running(), 9_000.0))) == {"ok"}
    assert levels(processes.judge(Running(), 0.0)) == ["note"]
    assert "snapshot 7, 2 h ago" in words(processes.judge(running(), 9_000.0))
    assert [processes.ago(one) for one in (-1.0, 90.0, 200.0, 200_000.0)] == [
        "0 s ago",
        "90 s ago",
        "3 min ago",
        "2 d ago",
    ]


@pytest.mark.parametrize(
    ("seen_", "word"),
    [
        (running(Process("127.0.0.1:1")), "traffic process does not answer"),
        (running(analysis=Process("127.0.0.1:2")), "analysis process does not answer"),
        (running(process(version="0.0.9")), "version 0.0.9"),
        (
            running(process(ready=Page(503, "[+] listening\n[-] upstream: not yet\nnot ready", VERSION))),
            "upstream: not yet",
        ),
        (running(analysis=process("", Page(200, "ok, degraded: no model\n", VERSION))), "no model"),
        (running(process(METRICS.replace("connected 1", "connected 0"))), "not analysed"),
        (running(process(METRICS + 'groundwire_degraded{reason="enforcement_unknown"} 1\n')), "enforcement_unknown"),
        (running(process(METRICS.replace('"full"} 0', '"full"} 50'))), "50 of 100 exchanges were dropped"),
        (running(version=8), "snapshot 7, analysis has sent 8"),
        (running(fault="suspected"), "suspected"),
        (running(analysis=process('groundwire_control_faults_total{work="looks"} 2\n')), "2 rounds"),
        (running(evidence_local="store away"), "store away"),
        (replace(running(), status=None), "control API"),
    ],
)
def test_what_is_wrong_with_what_runs(seen_: Running, word: str) -> None:
    found = processes.judge(seen_, 0.0)
    assert any(word in one.what for one in found if one.level is Level.WARN), words(found)
    assert not [one for one in found if one.level is Level.FAIL]


def test_a_few_drops_are_a_note_and_a_stranger_must_go() -> None:
    few = process(METRICS.replace('"full"} 0', '"full"} 1'))
    assert "note" in levels(processes.judge(running(few), 0.0))
    stranger = Running(Process("127.0.0.1:1", Page(200, "hello")))
    assert levels(processes.judge(stranger, 0.0)) == ["fail"]


# --- enforcement ------------------------------------------------------------------------------------------------------


def test_replicas_that_share_nothing() -> None:
    alone, many = Settings(), Settings(replicas=3)
    shared = Settings(replicas=3, store=StoreSettings(kind="redis"))
    assert enforcing.judge_replicas(alone, True) == []
    assert enforcing.judge_replicas(shared, True) == []
    assert levels(enforcing.judge_replicas(many, True)) == ["fail"]
    assert levels(enforcing.judge_replicas(many, False)) == ["warn"]


def route(**more: Any) -> dict[str, Any]:
    return {"name": "m", "mode": "enforce", "armed": {"armed": True}, "step": "steady", "status": "healthy", **more}


def test_routes_that_would_not_act_or_have_acted() -> None:
    assert levels(enforcing.judge_routes([route()])) == ["ok"]
    assert levels(enforcing.judge_routes([route(armed={"armed": False, "reason": "no base"})])) == ["warn"]
    assert levels(enforcing.judge_routes([route(armed={"armed": False}, mode="shadow")])) == ["ok"]
    assert levels(enforcing.judge_routes([route(step="reverted", reason="it fell")])) == ["note"]
    assert levels(enforcing.judge_routes([route(armed={}, status="closed")])) == ["ok"]
    assert enforcing.judge_routes(None) == []


# --- permissions ------------------------------------------------------------------------------------------------------


def an_entry(mode: int = 0o700, **more: Any) -> Entry:
    return Entry(**{"path": Path("/state"), "mode": mode, "mine": True, "readable": True, "writable": True,
                    "folder": True, **more})  # fmt: skip


@pytest.mark.parametrize(
    ("folder", "parent", "contained", "wanted"),
    [
        (an_entry(), None, False, "ok"),
        (None, an_entry(), False, "note"),
        (None, an_entry(writable=False), False, "fail"),
        (an_entry(folder=False), None, False, "fail"),
        (an_entry(writable=False), None, False, "fail"),
        (an_entry(0o777), None, False, "warn"),
        (an_entry(0o1777, mine=False), None, True, "ok"),
        (an_entry(0o777), None, True, "ok"),
        (an_entry(0o770, mine=False), None, False, "note"),
    ],
)
def test_the_state_folder(folder: Entry | None, parent: Entry | None, contained: bool, wanted: str) -> None:
    assert levels(permissions.judge_folder(folder, parent, contained)) == [wanted]


def test_files_of_our_own_are_for_their_owner() -> None:
    assert levels(permissions.judge_own(an_entry(0o600), secret=True)) == []
    assert levels(permissions.judge_own(an_entry(0o640), secret=True)) == ["warn"]
    assert levels(permissions.judge_own(an_entry(0o600, writable=False), secret=False)) == ["fail"]


def test_secrets_of_yours() -> None:
    def judged(found: Entry | None, contained: bool = False) -> str:
        return permissions.judge_secret("store.password_file", "/run/pw", found, contained).level.value

    assert judged(None) == "fail"
    assert judged(an_entry(0o400, readable=False)) == "fail"
    assert judged(an_entry(0o644)) == "warn"
    assert judged(an_entry(0o644), contained=True) == "ok"
    assert judged(an_entry(0o640)) == "ok"


def test_every_setting_that_names_a_secret_is_looked_at() -> None:
    settings = Settings(
        listen=Listen(control_token_file="a", tls_key_file="b"),
        store=StoreSettings(password_file="c", tls_key_file="d", prompt_key_file="e"),
        upstreams={"default": Upstream(auth=Auth(value_file="f"))},
    )
    assert [file for _, file in permissions.secrets_of(settings)] == list("abcdef")


def test_a_socket_needs_a_short_path_and_a_folder_to_lie_in() -> None:
    assert levels(permissions.judge_socket("link.socket", Path("/" + "x" * 108), None)) == ["fail"]
    shut = an_entry(path=Path("/state"), writable=False)
    assert levels(permissions.judge_socket("link.socket", Path("/state/link.sock"), shut)) == ["fail"]
    assert levels(permissions.judge_socket("link.socket", Path("/state/new/link.sock"), shut)) == []


def test_the_system_is_asked_rightly(tmp_path: Path) -> None:
    (tmp_path / "f").touch(0o640)
    found = permissions.entry(tmp_path / "f")
    assert found is not None
    assert (found.mode, found.mine, found.folder) == (0o640, True, False)
    assert permissions.entry(tmp_path / "g") is None
    refused = permissions.entry(tmp_path, lambda _, how: not how & os.W_OK)
    assert refused is not None
    assert (refused.readable, refused.writable) == (True, False)


# --- addresses --------------------------------------------------------------------------------------------------------


def test_two_listeners_on_one_port() -> None:
    wanted = ports.wanted_of(Listen(data="127.0.0.1:1", health="127.0.0.1:2", analysis_health="0.0.0.0:1", control=""))
    assert list(wanted) == ["data", "health", "analysis_health"]
    assert levels(ports.twice(wanted)) == ["fail"]
    assert ports.wanted_of(Listen(control="unix:/run/x", data="127.0.0.1:0")).keys() == {"health", "analysis_health"}


@pytest.mark.parametrize(
    ("key", "number", "runs", "wanted"),
    [
        ("data", 0, False, "ok"),
        ("data", errno.EADDRINUSE, False, "fail"),
        ("data", errno.EADDRINUSE, True, "ok"),
        ("health", errno.EACCES, False, "fail"),
        ("control", errno.EADDRNOTAVAIL, False, "fail"),
    ],
)
def test_a_port_that_is_free_or_not(key: str, number: int, runs: bool, wanted: str) -> None:
    found = ports.judge(key, Address("127.0.0.1", 1), number, "nginx, pid 7", running() if runs else Running())
    assert found.level.value == wanted
    assert ("nginx" in found.what) == (number == errno.EADDRINUSE)


# --- machine ----------------------------------------------------------------------------------------------------------

ROOMY = Machine(Container(), 16 << 30, 4, 65_536, root=False)


def test_a_roomy_machine_is_well() -> None:
    assert set(levels(machine.judge(Settings(), ROOMY))) == {"ok"}


@pytest.mark.parametrize(
    ("settings", "one", "word"),
    [
        (Settings(), replace(ROOMY, container=Container(memory_bytes=256 * MIB)), "256 MiB"),
        (Settings(analysis=Analysis(memory_bytes_max=0)), ROOMY, "no limit of its own"),
        (Settings(), replace(ROOMY, container=Container(cpus=0.25)), "0.25 CPUs"),
        (Settings(), replace(ROOMY, files_max=1_024), "1024 open files"),
        (Settings(limits=Limits(connections_max=100_000)), ROOMY, "connections"),
    ],
)
def test_what_the_machine_will_not_bear(settings: Settings, one: Machine, word: str) -> None:
    assert word in words(found for found in machine.judge(settings, one) if found.level is Level.WARN)


def test_limits_of_a_container_of_either_version(tmp_path: Path) -> None:
    second, first = tmp_path / "2", tmp_path / "1"
    (first / "memory").mkdir(parents=True)
    (first / "cpu").mkdir()
    second.mkdir()
    for name, text in {
        "2/memory.max": "1073741824\n",
        "2/memory.current": "300000000\n",
        "2/memory.stat": "anon 1\ninactive_file 100000000\n",
        "2/cpu.max": "50000 100000\n",
        "1/memory/memory.limit_in_bytes": "9223372036854771712\n",
        "1/cpu/cpu.cfs_quota_us": "-1\n",
        "1/cpu/cpu.cfs_period_us": "100000\n",
    }.items():
        (tmp_path / name).write_text(text)
    assert read_container(second) == Container(1 << 30, 200_000_000, 0.5)
    assert read_container(first) == read_container(tmp_path / "none") == Container()
    assert read_container(second).room_bytes == (1 << 30) - 200_000_000


# --- classifiers ------------------------------------------------------------------------------------------------------


def test_what_a_cpu_can_do() -> None:
    def judged(*flags: str, of: str = "x86_64") -> list[str]:
        return levels(classifiers.judge_cpu(frozenset(flags), of))

    assert judged("avx2", "avx512_vnni") == ["ok"]
    assert judged("avx2") == ["note"]
    assert judged("sse4_2") == ["warn"]
    assert judged() == judged("fp", of="aarch64") == []
    assert classifiers.judge_speed("m@1", 500.0, "x").level is Level.WARN


# --- the store's file -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "wanted"),
    [
        (File(10, 1, True), "ok"),
        (File(10, 1, None), "note"),
        (File(10, 1, False), "fail"),
        (File(10, 0, None, "unable to open"), "fail"),
        (File(10, SCHEMA_VERSION + 1, True), "fail"),
    ],
)
def test_the_file_of_the_store(file: File, wanted: str) -> None:
    assert levels(store_file.judge_file(file, Path("/x"), running=False)) == [wanted]


def disk(free: int, inodes: int = 10) -> os.statvfs_result:
    return os.statvfs_result((1, 1, free, free, free, 100, inodes, inodes, 0, 255))


@pytest.mark.parametrize(
    ("found", "kind", "wanted"),
    [
        (disk(10 << 30), "ext4", ["ok"]),
        (disk(100 * MIB), "xfs", ["warn"]),
        (disk(MIB), "ext4", ["fail"]),
        (disk(10 << 30, inodes=0), "ext4", ["ok", "fail"]),
        (disk(10 << 30), "nfs4", ["ok", "warn"]),
        (disk(10 << 30), "fuse.s3fs", ["ok", "warn"]),
        (disk(10 << 30), "tmpfs", ["ok", "note"]),
    ],
)
def test_the_disk(found: os.statvfs_result, kind: str, wanted: list[str]) -> None:
    assert levels(store_file.judge_disk(found, kind, Path("/"))) == wanted


def test_the_nearest_mount_holds_a_path() -> None:
    mounts = (
        "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n"
        "2 1 0:5 / /var/lib rw shared:1 - nfs4 server:/x rw\n"
        "3 1 0:6 / /var/my\\040disk rw - xfs /dev/sdb rw\nbroken\n"
    )
    assert store_file.filesystem(mounts, "/var/lib/groundwire") == "nfs4"
    assert store_file.filesystem(mounts, "/var/library") == "ext4"
    assert store_file.filesystem(mounts, "/var/my disk/x") == "xfs"
    assert store_file.filesystem("", "/") == ""


# --- traces and metrics -----------------------------------------------------------------------------------------------


def test_where_signals_are_sent() -> None:
    both = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"}
    assert telemetry.endpoints(both) == {("http://c:4318", Way.HTTP): "OTEL_EXPORTER_OTLP_ENDPOINT"}
    one = {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://t", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "grpc"}
    assert telemetry.endpoints(one) == {("http://t", Way.GRPC): "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"}
    assert telemetry.endpoints({**one, "OTEL_TRACES_EXPORTER": "none"}) == {}
    assert telemetry.endpoints({"OTEL_METRICS_EXPORTER": "otlp"}).keys() == {("http://localhost:4318", Way.HTTP)}
    for off in ({}, {**both, "OTEL_SDK_DISABLED": "true"}, {"OTEL_TRACES_EXPORTER": "console"}):
        assert telemetry.endpoints(off) == {}


async def test_variables_that_cannot_be_used_are_named() -> None:
    scene = Scene(Settings(), environment={"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c", "OTEL_TRACES_SAMPLER": "often"})
    (found,) = await telemetry.look(scene)
    assert (found.level, "OTEL_TRACES_SAMPLER=often" in found.what) == (Level.FAIL, True)


def test_errors_of_the_system_in_words() -> None:
    assert (
        upstreams.reason(ConnectionRefusedError(errno.ECONNREFUSED, "Connect call failed ('x', 1)"))
        == "Connection refused"
    )
    assert upstreams.reason(OSError(-2, "Name or service not known")) == "Name or service not known"
    assert "no answer" in upstreams.reason(TimeoutError())
    assert upstreams.reason(GroundwireError("why")) == "why"
