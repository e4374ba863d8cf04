"""Every link between pages leads somewhere: files are there, headings are called so."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest

ROOT = Path(__file__).resolve().parents[2]
FENCE = re.compile(r"^( *)(```+|~~~+).*?^\1\2 *$", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`[^`\n]*`")
LINK = re.compile(r"\[[^\]\n]*(?:\n[^\]\n]+)?\]\(([^()\s]*(?:\([^()\s]*\))?)(?: \"[^\"]*\")?\)")
HEADING = re.compile(r"^#{1,6} +(.+?) *#*$", re.MULTILINE)
ANCHOR = re.compile(r"<a (?:id|name)=\"([^\"]+)\">")


def pages() -> list[Path]:
    """Every Markdown page that is part of the repository, or about to be."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    return [ROOT / name for name in sorted(names) if (ROOT / name).is_file()]


def prose(text: str) -> str:
    """A page without its code: what looks like a link there is none."""
    return CODE.sub("", FENCE.sub("", text))


def slug(heading: str) -> str:
    """A heading's anchor, as GitHub makes it."""
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").replace("*", "").lower()
    return re.sub(r"[^\w\- ]", "", text).replace(" ", "-")


def anchors(text: str) -> set[str]:
    """All of a page; a heading that stands twice is numbered."""
    found: set[str] = set(ANCHOR.findall(text))
    for heading in HEADING.findall(FENCE.sub("", text)):
        name, number = slug(heading), 0
        while (one := name if not number else f"{name}-{number}") in found:
            number += 1
        found.add(one)
    return found


def broken(page: Path, text: str) -> Iterator[str]:
    """The links of a page that lead nowhere, with the reason."""
    for target in LINK.findall(prose(text)):
        if re.match(r"[a-z][a-z0-9+.-]*:", target):
            continue  # another machine's
        name, _, anchor = target.partition("#")
        path = (page.parent / unquote(name)).resolve() if name else page
        if not path.exists():
            yield f"{target}: no such file"
        elif not path.is_relative_to(ROOT):
            yield f"{target}: outside of the repository"
        elif anchor and path.suffix == ".md" and unquote(anchor) not in anchors(path.read_text()):
            yield f"{target}: no such heading"


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    assert list(broken(page, page.read_text())) == []


def test_a_broken_link_is_found(tmp_path: Path) -> None:
    page = ROOT / "docs" / "upgrade.md"
    text = (
        "[a](no-such.md) [b](#no-such) [c](doctor.md#no-such) [d](../../../etc/passwd) [e](https://example.com/x)\n"
        "[f](doctor.md#what-is-looked-at) [g](#order) `[h](code.md)`\n```\n[i](fenced.md)\n```\n[two\nlines](gone.md)\n"
    )
    found = [line.partition(":")[0] for line in broken(page, text)]
    assert found == ["no-such.md", "#no-such", "doctor.md#no-such", "../../../etc/passwd", "gone.md"]


def test_anchors_are_as_github_makes_them() -> None:
    text = '# The `end` of a [process](x.md)\n## What\'s new?\n## A\n## A\n```\n# no heading\n```\n<a id="here"></a>'
    assert anchors(text) == {"the-end-of-a-process", "whats-new", "a", "a-1", "here"}


def test_pages_for_people_are_found_from_the_readme() -> None:
    """From README on, by links alone, every page of docs is reached."""
    seen: set[Path] = set()
    waiting = [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in seen or not page.is_file() or page.suffix != ".md":
            continue
        seen.add(page)
        for target in LINK.findall(prose(page.read_text())):
            name = unquote(target.partition("#")[0])
            if name and ":" not in target:
                path = (page.parent / name).resolve()
                waiting += sorted(path.glob("*.md")) if path.is_dir() else [path]
    lost = [str(page.relative_to(ROOT)) for page in pages() if page.is_relative_to(ROOT / "docs") and page not in seen]
    assert lost == []
