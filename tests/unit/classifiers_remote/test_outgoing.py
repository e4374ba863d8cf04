"""What leaves: masked before it is cut, of bounded length, and never a part of what masking would have hidden."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.classifiers.contract import Item, Role
from proxy.classifiers.remote.outgoing import (
    EDGE_CHARS,
    GAP,
    PROMPT_CHARS_MAX,
    TEXT_CHARS_MAX,
    Waiting,
    excerpt,
    sent,
)

SECRET = "key-" + "7391" * 6


def redact(text: str) -> str:
    """Masks a whole secret; half of one it does not know."""
    return re.sub(r"key-\d{24}", "[KEY]", text)


@given(st.text(max_size=200), st.integers(2, 50))
def test_short_texts_leave_whole_up_to_the_bound(text: str, most: int) -> None:
    masked = sent(excerpt(text, most), most, redact)
    valid = text.encode("utf-8", "replace").decode()
    assert masked == (redact(valid) if len(redact(valid)) <= most else masked)
    assert len(masked) <= most + len(GAP)
    masked.encode()


@pytest.mark.parametrize("most", [64, 1001])
def test_no_part_of_a_secret_leaves_wherever_it_stands(most: int) -> None:
    """Around every cut: where the excerpt is cut before masking, and where the masked text is cut."""
    size = most + 2 * EDGE_CHARS + 500
    edges = (0, most // 2, most // 2 + EDGE_CHARS, size - most // 2 - EDGE_CHARS, size - most // 2, size)
    places = {near for edge in edges for near in range(edge - 40, edge + 13) if 0 <= near <= size - len(SECRET)}
    for place in sorted(places):
        text = "a " * (place // 2) + "a" * (place % 2) + SECRET
        text += " b" * ((size - len(text)) // 2 + 1)
        masked = sent(excerpt(text, most), most, redact)
        assert not re.search(r"\d", masked), place
        assert len(masked) <= most + len(GAP)


@pytest.mark.parametrize("shift", range(0, len(SECRET) + 1, 3))
def test_no_part_of_a_secret_leaves_where_masking_makes_the_text_much_shorter(shift: int) -> None:
    """What stood beside the cut moves into what is kept."""
    text = "a" * shift + SECRET * 4_000
    masked = sent(excerpt(text, 60_000), 60_000, redact)
    assert "[KEY][KEY]" in masked
    assert not re.search(r"\d", masked)


def test_what_waits_is_bounded_and_what_leaves_is_valid_and_masked() -> None:
    item = Item(f"{SECRET} \ud800" + "x" * 2_000_000 + SECRET, Role.RESPONSE, SECRET + "y" * 2_000_000)
    waiting = Waiting.of(item)
    held = sum(len(part) for part in (waiting.text.head, waiting.text.tail, waiting.prompt.head, waiting.prompt.tail))
    assert held <= TEXT_CHARS_MAX + PROMPT_CHARS_MAX + 4 * EDGE_CHARS
    leaves = waiting.masked(redact)
    assert leaves.role is Role.RESPONSE
    assert leaves.text.startswith("[KEY] ?xxx")
    assert leaves.text.endswith("xxx[KEY]")
    assert leaves.prompt.startswith("[KEY]yyy")
    assert GAP in leaves.text
    assert "7391" not in leaves.text + leaves.prompt


def test_white_space_is_nothing_to_judge() -> None:
    assert Waiting.of(Item(" \n", Role.OTHER)).empty
    assert not Waiting.of(Item(" a", Role.OTHER)).empty
