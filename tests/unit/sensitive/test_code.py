"""How much of a text is code."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.sensitive.code import code_share, is_code_line

PYTHON = "def area(r):\n    return 3.14 * r ** 2\n\nfor x in range(3):\n    print(area(x))\n"
C = '#include <stdio.h>\nint main(void) {\n    int x = 3;\n    printf("%d", x);\n    return 0;\n}\n'
PROSE = "The bridge was built in 1932, and it carries two lanes. Nobody knows who designed it; the plans are lost.\n"


def test_a_fence_is_code_whatever_it_holds() -> None:
    share = code_share(f"{PROSE}\n```\nsome plain words\n```\n{PROSE}")
    assert 0 < share < 0.2


def test_an_open_fence_runs_to_the_end() -> None:
    assert code_share("```python\nx = 1\ny = 2") == 1.0


@pytest.mark.parametrize(
    "text", [PYTHON, C, "SELECT id FROM users WHERE id = 3;\n", "const f = (a) => { return a; };\n"]
)
def test_code_without_fences_is_seen(text: str) -> None:
    assert code_share(text) > 0.6


@pytest.mark.parametrize(
    "text",
    [
        PROSE,
        "- first, buy bread\n- then (if open) go home\n",
        "Dear Ada,\n\n    it was lovely.\n",
        "",
        "\n\n",
        "1. Add salt.",
    ],
)
def test_prose_is_no_code(text: str) -> None:
    assert code_share(text) == 0.0


def test_both_are_shared_out() -> None:
    assert 0.2 < code_share(PROSE + PYTHON) < 0.8


@given(st.text(alphabet=st.characters(exclude_categories=())))
def test_a_share_is_a_share(text: str) -> None:
    assert 0.0 <= code_share(text) <= 1.0


@given(st.text(min_size=1, max_size=100))
def test_a_line_is_judged_alone(line: str) -> None:
    assert is_code_line(line) in {True, False}
