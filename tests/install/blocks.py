"""The code blocks of the pages that an operator copies from, by the names that `TRIED` gives them in order."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tests.support import ROOT

DOCS = ROOT / "docs"
BLOCK = re.compile(r"^( *)```(\w+)\n(.*?)^\1```", re.MULTILINE | re.DOTALL)
CONTINUED = re.compile(r" *\\\n\s*")
COMMENT = re.compile(r"(?:^|\s+)# .*$")

# page -> its blocks in order -> the test file that takes this block out of the page.
TRIED: Mapping[str, Mapping[str, str]] = {
    "install/gateway.md": {
        "machine": "test_serving.py",
        "settings": "test_unit.py",
        "unit": "test_unit.py",
        "service": "test_unit.py",
        "container": "../image/test_install_docs.py",
        "compose": "../image/test_install_docs.py",
        "compose up": "../image/test_install_docs.py",
        "tls": "test_tls.py",
        "drill": "test_serving.py",
    },
    "install/image.md": {"build": "test_builds.py", "run": "../image/test_install_docs.py"},
    "install/injection.md": {"install": "test_charts.py"},
    "install/kubernetes.md": {
        "gateway": "test_charts.py",
        "dependency": "test_charts.py",
        "pod": "test_charts.py",
        "sidecar": "test_charts.py",
        "pool": "test_charts.py",
        "upgrade": "test_charts.py",
    },
    "install/llama-cpp.md": {
        "servers": "test_llama_cpp.py",
        "settings": "test_llama_cpp.py",
        "run": "test_llama_cpp.py",
    },
    "install/ollama.md": {"models": "test_ollama.py", "settings": "test_ollama.py", "run": "test_ollama.py"},
    "install/vllm.md": {"run": "test_serving.py", "route": "test_serving.py"},
    "operations.md": {"log": "test_upkeep.py"},
    "doctor.md": {"run": "test_charts.py"},
    "upgrade.md": {
        "ask": "../image/test_install_docs.py",
        "copy": "../image/test_install_docs.py",
        "back": "test_charts.py",
    },
    "uninstall.md": {"before": "test_serving.py", "end": "../image/test_install_docs.py", "redis": "test_upkeep.py"},
}


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block of a page, its indentation taken away."""

    page: str
    language: str
    text: str

    def commands(self) -> list[str]:
        """Its command lines: continued lines are one, comments are gone."""
        lines = (COMMENT.sub("", line).strip() for line in CONTINUED.sub(" ", self.text).splitlines())
        return [line for line in lines if line]

    def with_words(self, swaps: Mapping[str, str]) -> Block:
        """The same with addresses and paths of this test. Raises AssertionError for words that the page has no more."""
        text = self.text
        for old, new in swaps.items():
            assert old in text, f"{self.page}: no {old!r} in this block any more"
            text = text.replace(old, new)
        return Block(self.page, self.language, text)


def blocks(page: str) -> list[Block]:
    """Every fenced block of `docs/PAGE` that names a language, in order."""
    return list(_found(page, (DOCS / page).read_text()))


def _found(page: str, text: str) -> Iterator[Block]:
    for found in BLOCK.finditer(text):
        yield Block(page, found[2], re.sub(f"^{found[1]}", "", found[3], flags=re.MULTILINE))


def block(page: str, name: str) -> Block:
    """The block that `TRIED` calls so. Raises AssertionError where page and table do not agree."""
    found, names = blocks(page), list(TRIED[page])
    assert len(found) == len(names), f"docs/{page} has {len(found)} blocks, tests/install/blocks.py names {len(names)}"
    return found[names.index(name)]
