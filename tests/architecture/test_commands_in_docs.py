"""Every `groundwire` command in a page's code is one: its verbs and flags are there. Settings in blocks are read."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from proxy.cli import parser
from proxy.config.load import load
from tests.architecture.test_links import ROOT, pages

BLOCK = re.compile(r"^( *)```(sh|bash|console|yaml)\n(.*?)^\1```", re.MULTILINE | re.DOTALL)
CONTINUED = re.compile(r" *\\\n\s*")
ENDS = {"|", "&&", ";", ">", "2>", "&", ">>"}
SHAPES = ("[", "|", "...")  # of a line that shows a form, not a command


def blocks(text: str, *languages: str) -> Iterator[str]:
    for found in BLOCK.finditer(text):
        if found[2] in languages:
            yield re.sub(f"^{found[1]}", "", found[3], flags=re.MULTILINE)


def commands(text: str) -> Iterator[list[str]]:
    """The words after `groundwire`, up to a pipe."""
    for block in blocks(text, "sh", "bash", "console"):
        for line in CONTINUED.sub(" ", block).splitlines():
            if "groundwire" not in line:
                continue
            words = shlex.split(line, comments=True)
            for at, word in enumerate(words):
                if word.rpartition("/")[2] == "groundwire" and _is_program(words[:at]):
                    end = next((n for n, one in enumerate(words[at:], at) if one in ENDS), len(words))
                    yield words[at + 1 : end]


def _is_program(before: list[str]) -> bool:
    """At the line's begin, after variables, in a container, after a pipe: not a name or an argument."""
    rest = [word for word in before if not re.fullmatch(r"[A-Z_]+=.*|\$", word)]
    return not rest or rest[-1] in {*ENDS, "--"} or (rest[:2] == ["docker", "exec"] and len(rest) == 3)


CODE = [page for page in pages() if list(commands(page.read_text()))]


@pytest.mark.parametrize("page", CODE, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_command_is_understood(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words in commands(page.read_text()):
        if words in (["--version"], ["--help"]) or any(shape in word for word in words for shape in SHAPES):
            continue
        try:
            parser().parse_args(words)
        except SystemExit:
            pytest.fail(f"groundwire {shlex.join(words)}: {capsys.readouterr().err}")


def test_there_are_commands_to_read() -> None:
    found = [" ".join(words) for page in CODE for words in commands(page.read_text())]
    assert "doctor" in found
    assert any(one.startswith("serve --upstream") for one in found)
    assert list(
        commands("```sh\nA=1 groundwire x  # y\ndocker exec groundwire groundwire y | z\nrm groundwire\n```")
    ) == [
        ["x"],
        ["y"],
    ]


def settings_of(page: Path) -> Iterator[str]:
    """YAML blocks whose keys are those of settings."""
    for block in blocks(page.read_text(), "yaml"):
        try:
            read = yaml.safe_load(block)
        except yaml.YAMLError:
            continue  # a template
        known = {
            "upstream",
            "upstreams",
            "routes",
            "store",
            "listen",
            "classifiers",
            "sampling",
            "policies",
            "replicas",
        }
        if isinstance(read, dict) and set(read) & known and not set(read) & {"services", "dependencies", "groundwire"}:
            yield block


INSTALL = [*sorted((ROOT / "docs" / "install").glob("*.md")), ROOT / "docs" / "shared-store.md"]


@pytest.mark.parametrize("page", [page for page in INSTALL if list(settings_of(page))], ids=lambda page: page.name)
def test_settings_of_an_installation_can_be_used(page: Path, tmp_path: Path) -> None:
    for number, block in enumerate(settings_of(page)):
        file = tmp_path / f"{number}.yaml"
        file.write_text(block)
        load(file, environment={})
