"""A round: bounded, whole whatever a check does, and told for people and for machines."""

from __future__ import annotations

import asyncio
import io
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.cli import main
from proxy.config.settings import Settings
from proxy.doctor.aside import aside
from proxy.doctor.finding import Finding, Level, fail, note, ok, redacted, warn
from proxy.doctor.registry import CHECKS
from proxy.doctor.report import as_json, lines
from proxy.doctor.rounds import Diagnosis, Told, ask, ask_all, diagnose
from proxy.doctor.scene import Check, Scene

SCENE = Scene(Settings())
SECRET = "zqvxkjwq"

texts = st.text(st.characters(codec="ascii", exclude_categories=["C"]), min_size=1, max_size=200)
findings = st.builds(Finding, st.sampled_from([Level.OK, Level.NOTE]), texts, texts) | st.builds(
    Finding, st.sampled_from([Level.WARN, Level.FAIL]), texts, texts, texts
)


async def hangs(_: Scene) -> Sequence[Finding]:
    await asyncio.sleep(60)
    return []


async def raises(_: Scene) -> Sequence[Finding]:
    raise KeyError(SECRET)


async def lacks(_: Scene) -> Sequence[Finding]:
    raise ImportError("libgomp.so.1: cannot open shared object file")


async def says(_: Scene) -> Sequence[Finding]:
    return [ok("well", "redis://kim:" + SECRET + "@host:1")]


async def test_a_check_that_hangs_or_raises_is_a_finding_and_hides_no_other() -> None:
    checks = [Check("A", hangs, 0.05), Check("B", raises), Check("C", says), Check("A", says), Check("D", lacks)]
    told = await ask_all(checks, SCENE)
    assert [one.title for one in told] == ["A", "B", "C", "D"]
    assert "libgomp" in told[3].findings[0].what
    late, well = told[0].findings
    assert (late.level, well.level) == (Level.WARN, Level.OK)
    assert "0.05 s" in late.what
    (broken,) = told[1].findings
    assert "KeyError" in broken.what
    assert broken.where.startswith("test_rounds.py:")
    assert SECRET not in repr(told)


def test_what_must_be_mended_says_how() -> None:
    for level in (Level.WARN, Level.FAIL):
        with pytest.raises(ValueError, match="mend"):
            Finding(level, "broken")
    assert redacted(note("see http://a:b@c/d and http://e@f")).what == "see http://***@c/d and http://***@f"


def diagnosis(*found: Finding) -> Diagnosis:
    return Diagnosis("file.yaml", [Told("Things", found)])


def test_the_exit_code_is_of_what_must_be_mended() -> None:
    assert diagnosis(ok("a"), note("b"), warn("c", "", "d")).exit_code == 0
    assert diagnosis(ok("a"), fail("b", "", "c")).exit_code == 1


@given(st.lists(findings, max_size=6), st.integers(10, 200), st.booleans())
def test_the_report_holds_every_word_and_keeps_to_the_width(found: list[Finding], width: int, signs: bool) -> None:
    told = ["".join(piece.text for piece in line) for line in lines(diagnosis(*found), width, signs=signs)]
    words = " ".join(told).split()
    for one in found:
        for word in f"{one.what} {one.where} {one.mend}".split():
            assert any(word in seen for seen in words)
    longest = max((len(word) for one in found for word in f"{one.what} {one.mend}".split()), default=0)
    wheres = {one.where.strip() for one in found}
    for line in told:
        beside = any(line.strip().endswith(where) for where in wheres if where)
        assert beside or len(line) <= max(width, 40) or longest > 20


@given(st.lists(findings, max_size=6))
def test_json_holds_every_finding(found: list[Finding]) -> None:
    data = json.loads(json.dumps(as_json(diagnosis(*found))))
    assert [(one["level"], one["what"], one["where"], one["mend"]) for one in data["findings"]] == [
        (one.level.value, one.what, one.where, one.mend) for one in found
    ]
    assert sum(data["counts"].values()) == len(found)
    assert data["ok"] == (data["counts"]["fail"] == 0)


def test_signs_for_a_terminal_and_words_for_a_pipe() -> None:
    found = diagnosis(ok("well"), fail("broken", "here", "mend it"))
    plain = "\n".join("".join(piece.text for piece in line) for line in lines(found, 80, signs=False))
    assert plain.isascii()
    assert "FAIL broken  here\n       -> mend it\n" in plain
    assert plain.endswith("1 to mend.")
    assert any("✗" in piece.text for line in lines(found, 80, signs=True) for piece in line)


async def test_settings_with_a_mistake_are_the_only_finding(tmp_path: Path) -> None:
    file = tmp_path / "groundwire.yaml"
    file.write_text("upstreem: http://x\nreplicas: 0\n")
    found = await diagnose(str(file), [], {})
    (told,) = found.told
    assert found.exit_code == 1
    assert any("upstreem" in f"{one.what} {one.where}" for one in told.findings)
    assert all(str(file) in one.where for one in told.findings)
    missing = await diagnose(str(tmp_path / "none.yaml"), [], {})
    assert missing.exit_code == 1


async def test_every_check_bears_a_scene_of_nothing_but_defaults(tmp_path: Path) -> None:
    scene = Scene(Settings(state_dir=str(tmp_path / "not" / "there")), environment={})
    for check in CHECKS:
        if check.title == "Classifiers":
            continue  # its own test loads the model
        found = await ask(check, scene)
        assert not [one for one in found if "itself failed" in one.what], check
    assert list(tmp_path.iterdir()) == [], "looking changes nothing"


async def test_work_aside_gives_what_it_gives() -> None:
    assert await aside(lambda: 7) == 7
    with pytest.raises(ZeroDivisionError):
        await aside(lambda: 1 // 0)


def test_work_that_hangs_holds_up_nobody() -> None:
    """A name server or a disk that never answers: the program ends all the same."""
    script = """
import asyncio, threading
from proxy.doctor.aside import aside
async def main():
    try:
        async with asyncio.timeout(0.05):
            await aside(threading.Event().wait)
    except TimeoutError:
        print("late")
asyncio.run(main())
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "late\n"


def test_a_terminal_gets_signs_and_colours(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    class Terminal(io.StringIO):
        encoding = "utf-8"

        def isatty(self) -> bool:
            return True

    out = Terminal()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    (tmp_path / "bad.yaml").write_text("replicas: none\n")
    assert main(["doctor", "--config", str(tmp_path / "bad.yaml")]) == 1
    assert "\x1b[1;31m" in out.getvalue()
    assert "✗" in out.getvalue()


def test_a_part_that_an_image_leaves_out_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def missing(name: str) -> None:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    monkeypatch.setattr("proxy.cli.importlib.import_module", missing)
    assert main(["doctor"]) == 1
    assert "use the other container" in capsys.readouterr().err
