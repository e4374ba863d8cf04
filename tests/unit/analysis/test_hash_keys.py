"""Keys that rotate: private, gone when old, the same on every replica; a prompt counts once across a change."""

from __future__ import annotations

import asyncio
import stat
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.analysis.hash_keys import (
    STORED,
    Keys,
    OwnKeys,
    SharedKeys,
    hashes_of,
    open_keys,
    prompt_hashes,
    read_secret,
)
from proxy.config.sections.watching import StoreSettings
from proxy.config.settings import Settings
from proxy.core.errors import ConfigError, StateError
from proxy.stores.embedded import open_embedded

DAY_S = 86_400.0
MEMORY_S = 600.0
EDGE_S = 20_000 * DAY_S
SECRET = bytes(range(32))


def own(folder: Path, now_s: float) -> OwnKeys:
    keys = OwnKeys(folder, DAY_S)
    keys._since_s = now_s  # the file was made at a virtual time
    return keys


def test_own_keys_are_files_that_only_their_owner_may_read(tmp_path: Path) -> None:
    keys = own(tmp_path, 0.0)
    keys.prompts(DAY_S, MEMORY_S)
    made = sorted(path.name for path in tmp_path.iterdir())
    assert made == ["context.key", "prompt.key"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o600}


def test_an_old_key_is_replaced_and_gone(tmp_path: Path) -> None:
    keys = own(tmp_path, 0.0)
    first = keys.prompts(DAY_S - 1.0, MEMORY_S)
    assert first.before == b""
    second = keys.prompts(DAY_S, MEMORY_S)
    assert second.now != first.now
    assert second.before == first.now, "what was counted before is still known"
    assert keys.prompts(DAY_S + MEMORY_S, MEMORY_S) == (second.now, b"")
    assert (tmp_path / "prompt.key").read_bytes() == second.now
    lasting = keys.lasting()
    again = OwnKeys(tmp_path, DAY_S)
    assert (again.prompts(0.0, MEMORY_S).now, again.lasting()) == (second.now, lasting)


def test_a_clock_that_was_set_back_rotates_nothing(tmp_path: Path) -> None:
    keys = own(tmp_path, EDGE_S)
    assert keys.prompts(EDGE_S - 30 * DAY_S, MEMORY_S).now == keys.prompts(EDGE_S, MEMORY_S).now


def test_a_disk_that_takes_no_key_leaves_the_old_one(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    keys = own(tmp_path, 0.0)
    first = keys.prompts(0.0, MEMORY_S).now
    (tmp_path / "prompt.new").mkdir()  # root may write anywhere, but not a file over a folder
    assert keys.prompts(DAY_S, MEMORY_S).now == first
    assert keys.prompts(DAY_S + 1.0, MEMORY_S).now == first
    assert caplog.text.count("prompt_key_not_rotated") == 1, "tried again in a minute, not for each prompt"
    (tmp_path / "prompt.new").rmdir()
    assert keys.prompts(DAY_S + 61.0, MEMORY_S).now != first


@given(st.floats(0.0, 4e9), st.floats(0.0, MEMORY_S))
def test_replicas_with_one_secret_have_the_same_keys(now_s: float, later_s: float) -> None:
    one, other = SharedKeys(SECRET, DAY_S), SharedKeys(SECRET, DAY_S)
    assert one.prompts(now_s, MEMORY_S) == other.prompts(now_s, MEMORY_S)
    after = other.prompts(now_s + later_s * 0.99, MEMORY_S)
    assert one.prompts(now_s, MEMORY_S).now in after, "a hash of now is known for the whole duplicate memory"
    assert one.lasting() == other.lasting() != SharedKeys(SECRET[::-1], DAY_S).lasting()
    assert one.prompts(now_s + DAY_S, MEMORY_S).now != one.prompts(now_s, MEMORY_S).now


@pytest.mark.parametrize("kind", ["own", "shared"])
async def test_a_prompt_that_is_repeated_across_a_change_counts_once(kind: str, tmp_path: Path) -> None:
    keys: Keys = own(tmp_path, EDGE_S - DAY_S) if kind == "own" else SharedKeys(SECRET, DAY_S)
    clock = [EDGE_S - 1.0]
    store = await open_embedded(None)
    hashed = prompt_hashes(keys, lambda: clock[0], lambda: MEMORY_S)

    async def seen(text: str) -> bool:
        marks = hashes_of("ca" + hashed(text))
        return any([await store.seen("r", mark, clock[0], MEMORY_S) for mark in marks])

    try:
        assert not await seen("a")
        clock[0] = EDGE_S + 1.0
        assert await seen("a")
        assert not await seen("b")
        clock[0] = EDGE_S + MEMORY_S + 0.5
        assert await seen("b"), "known under the new key too"
        clock[0] = EDGE_S + MEMORY_S + 2.0
        assert not await seen("a"), "at most twice its time"
    finally:
        await store.close()


def test_a_mark_is_known_under_both_keys() -> None:
    keys = SharedKeys(SECRET, DAY_S)
    before, during, after = (
        prompt_hashes(keys, lambda at_s=at_s: at_s, lambda: MEMORY_S)("How are you?")  # type: ignore[misc]
        for at_s in (EDGE_S - 1.0, EDGE_S + 1.0, EDGE_S + MEMORY_S)
    )
    assert hashes_of(f"bu{during}") == (f"bu{after}", f"bu{before}")
    assert hashes_of(f"bu{after}") == (f"bu{after}",)
    assert prompt_hashes(keys, lambda: EDGE_S, lambda: MEMORY_S)("") == ""


def test_a_secret_from_a_file_or_a_variable(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    raw, text = tmp_path / "raw", tmp_path / "text"
    raw.write_bytes(SECRET)
    text.write_text(SECRET.hex() + "\n")
    raw.chmod(0o600)
    text.chmod(0o644)
    assert read_secret(str(raw), "") == SECRET
    assert "prompt_key_readable_by_others" not in caplog.text
    assert read_secret(str(text), "") == SECRET
    assert "prompt_key_readable_by_others" in caplog.text
    assert read_secret("", "KEY", {"KEY": SECRET.hex()}) == SECRET


@pytest.mark.parametrize("text", ["", "short", "zz" * 32, "00" * 31])
def test_what_is_no_secret_says_what_is_needed(text: str, tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text(text)
    with pytest.raises(ConfigError, match="openssl rand -hex 32"):
        read_secret(str(path), "")
    with pytest.raises(ConfigError, match="environment variable KEY"):
        read_secret("", "KEY", {"KEY": text})
    with pytest.raises(ConfigError, match="cannot be read"):
        read_secret(str(tmp_path / "none"), "")


async def test_which_keys_the_settings_ask_for(tmp_path: Path) -> None:
    settings = Settings(state_dir=str(tmp_path))
    path = tmp_path / "fleet.key"
    path.write_bytes(SECRET)
    path.chmod(0o600)
    store = await open_embedded(None)
    try:
        assert isinstance(await open_keys(settings, store), OwnKeys)
        named = await open_keys(replace(settings, store=StoreSettings(prompt_key_file=str(path))), store)
        assert named.lasting() == SharedKeys(SECRET, 1.0).lasting()
        shared = replace(settings, store=StoreSettings(kind="redis"))
        both = await asyncio.gather(open_keys(shared, store), open_keys(shared, store))
        assert both[0].lasting() == both[1].lasting(), "the first replica puts it there, the second finds it"
        await store.swap(STORED, 1, b"broken")
        with pytest.raises(StateError, match="prompt_key_file"):
            await open_keys(shared, store)
    finally:
        await store.close()
