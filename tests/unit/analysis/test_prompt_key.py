"""The key of prompt hashes: kept, private, and needed."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from proxy.analysis.prompt_key import prompt_hasher, read_or_make_key
from proxy.core.errors import StateError


def test_a_key_is_made_once_and_only_its_owner_may_read_it(tmp_path: Path) -> None:
    path = tmp_path / "prompt.key"
    key = read_or_make_key(path)
    assert len(key) == 32
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read_or_make_key(path) == key
    assert read_or_make_key(tmp_path / "other.key") != key


def test_a_hash_depends_on_text_and_key_and_tells_neither() -> None:
    one, other = prompt_hasher(b"k" * 32), prompt_hasher(b"l" * 32)
    assert one("How are you?") == one("How are you?") != one("How are you")
    assert one("How are you?") != other("How are you?")
    assert len(one("x")) == 32
    assert one("") == ""
    assert one("\udc80 lone surrogates come from JSON")


def test_a_key_of_the_wrong_length_says_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "prompt.key"
    path.write_bytes(b"short")
    with pytest.raises(StateError, match="remove the file"):
        read_or_make_key(path)


def test_a_folder_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(StateError, match="state folder"):
        read_or_make_key(tmp_path / "none" / "prompt.key")
