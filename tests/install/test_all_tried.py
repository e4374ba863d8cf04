"""No block of the pages that an operator copies from is without a test that takes it from there."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.install.blocks import DOCS, TRIED, Block, block, blocks

HERE = Path(__file__).parent


def test_every_page_of_an_installation_is_in_the_table() -> None:
    pages = {f"install/{page.name}" for page in (DOCS / "install").glob("*.md")}
    assert pages <= set(TRIED)


@pytest.mark.parametrize("page", TRIED)
def test_every_block_is_named_and_taken_by_its_test(page: str) -> None:
    assert len(blocks(page)) == len(TRIED[page]), f"docs/{page}: name each block, and who tries it, in blocks.py"
    for name, by in TRIED[page].items():
        assert f'block("{page}", "{name}")' in (HERE / by).read_text(), f"{by} does not take {name!r} of docs/{page}"


def test_how_a_block_is_read() -> None:
    one = Block("x.md", "sh", "a --b \\\n  c   # why\n# nothing else\n\nprintf 'a#b'  # so\n")
    assert one.commands() == ["a --b c", "printf 'a#b'"]
    assert one.with_words({"--b": "-b"}).commands()[0] == "a -b c"
    with pytest.raises(AssertionError, match="no 'zz'"):
        one.with_words({"zz": ""})
    assert block("install/gateway.md", "unit").language == "ini"
