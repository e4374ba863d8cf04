"""What is written as TOML is what is read back."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.classifiers.toml_text import toml_text

texts = st.text(st.characters(exclude_categories=["Cs"]))
plain = st.one_of(st.booleans(), st.integers(-(2**62), 2**62), st.floats(allow_nan=False, allow_infinity=False), texts)
values = st.one_of(plain, st.lists(plain, max_size=3))
tables = st.dictionaries(texts, values, max_size=4)


@given(st.dictionaries(texts, st.one_of(values, tables, st.lists(tables, min_size=1, max_size=3)), max_size=5))
@settings(deadline=None, max_examples=60)
def test_a_document_comes_back(document: dict[str, Any]) -> None:
    assert tomllib.loads(toml_text(document)) == document


@pytest.mark.parametrize("value", [None, float("nan"), float("inf"), object()])
def test_what_toml_cannot_say_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="has no place"):
        toml_text({"key": value})
