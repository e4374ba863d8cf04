"""The enforcement file survives a restart, and a broken one is moved aside and said."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import orjson
import pytest

from proxy.core.enforcement import Enforcement, Snapshot, Step, from_json, to_json
from proxy.core.errors import StateError, WireError
from proxy.core.http.trace_context import Tracing
from proxy.core.routes import Pin, Route, Target
from proxy.traffic.state import DATABASE, FILE, SnapshotFile, is_fresh, read_snapshot, write_snapshot

SNAPSHOT = Snapshot(
    7,
    (Route("tuned", Target("default", "tuned"), Target("b", "base"), Pin.BASE, True), Route("x", Target("d", "é"))),
    (Enforcement("tuned", Step.LIMITED, "id", "why", 1.5, 2.5, 3),),
    coverage_k=2,
    tracing=Tracing(0.25, follows_parent=False),
)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    assert read_snapshot(tmp_path) is None
    write_snapshot(tmp_path, SNAPSHOT)
    assert read_snapshot(tmp_path) == SNAPSHOT
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


def test_only_its_owner_reads_it_even_after_a_crash_left_one_behind(tmp_path: Path) -> None:
    (tmp_path / f"{FILE}.new").write_text("half of one")
    (tmp_path / f"{FILE}.new").chmod(0o666)
    write_snapshot(tmp_path, SNAPSHOT)
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600
    assert read_snapshot(tmp_path) == SNAPSHOT


def test_one_of_before_tracing_is_read_without_it(tmp_path: Path) -> None:
    old = to_json(SNAPSHOT)
    del old["tracing"]
    (tmp_path / FILE).write_bytes(orjson.dumps(old))
    assert read_snapshot(tmp_path) == replace(SNAPSHOT, tracing=None)


@pytest.mark.parametrize("tracing", [[2.0, True], [0.5], "on", [None, True], [float("nan"), True]])
def test_tracing_that_is_none_is_refused(tracing: object) -> None:
    with pytest.raises(WireError):
        from_json({**to_json(SNAPSHOT), "tracing": tracing})


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b'{"version": 1}', b"\xff\xfe", b'{"version":"x"}'])
def test_a_corrupt_file_is_moved_aside(tmp_path: Path, text: bytes) -> None:
    (tmp_path / FILE).write_bytes(text)
    with pytest.raises(StateError, match="corrupt"):
        read_snapshot(tmp_path)
    (aside,) = tmp_path.iterdir()
    assert aside.name.startswith(f"{FILE}.corrupt-")
    assert aside.read_bytes() == text
    assert read_snapshot(tmp_path) is None


def test_a_file_that_cannot_be_written_is_an_error_with_its_path(tmp_path: Path) -> None:
    with pytest.raises(StateError, match="gone"):
        write_snapshot(tmp_path / "gone", SNAPSHOT)


def test_fresh_is_without_a_database(tmp_path: Path) -> None:
    assert is_fresh(tmp_path)
    (tmp_path / DATABASE).touch()
    assert not is_fresh(tmp_path)


def test_only_the_newest_waiting_snapshot_is_written(tmp_path: Path) -> None:
    file = SnapshotFile(tmp_path)
    file.put(Snapshot(1))
    assert file.take() == Snapshot(1)
    file.put(Snapshot(2))
    file.put(Snapshot(3))
    assert file.take() is None
    file.written("")
    assert file.take() == Snapshot(3)
