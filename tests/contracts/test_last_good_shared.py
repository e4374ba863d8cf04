"""The last good texts of files in a real shared store, for pods whose state folder is new; and without the store."""

from __future__ import annotations

from pathlib import Path

import pytest

from proxy.analysis.process.last_good import SHARED, LastGood
from proxy.config.files import Files
from proxy.config.policies import read_policy
from proxy.config.sections.watching import StoreSettings
from proxy.config.settings import Settings
from proxy.core.errors import ConfigError
from proxy.stores.registry import stores_of
from tests.contracts.redis_servers import Server

NOW_S = 1_800_000_000.0
GOOD, BAD = "mode: enforce\n", "mode: enforced\n"


def pod(folder: Path, server: Server) -> Settings:
    """A replica with a state folder of its own."""
    folder.mkdir(exist_ok=True)
    return Settings(state_dir=str(folder), store=StoreSettings(kind="redis", url=server.url))


async def starts(settings: Settings, policy: Path) -> Files:
    """What an analysis process does with its files at a start. Raises ConfigError."""
    async with stores_of(settings) as stores:
        last_good = LastGood(stores)
        files = await last_good.files()
        assert read_policy(str(policy), files)[1] == GOOD
        await last_good.keep(files, NOW_S)
        return files


async def test_a_new_pod_has_the_texts_that_the_others_had_in_force(redis_server: Server, tmp_path: Path) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text(GOOD)
    assert not (await starts(pod(tmp_path / "old", redis_server), policy)).refused
    policy.write_text(BAD)
    assert list((await starts(pod(tmp_path / "new", redis_server), policy)).refused) == [str(policy)]


async def test_a_pod_with_its_folder_needs_no_store_for_it(redis_server: Server, tmp_path: Path) -> None:
    policy, settings = tmp_path / "policy.yaml", pod(tmp_path / "old", redis_server)
    policy.write_text(GOOD)
    await starts(settings, policy)
    policy.write_text(BAD)
    async with stores_of(settings) as stores:
        read_policy(str(policy), await LastGood(type(stores)(stores.own, stores.own)).files())


async def test_a_long_file_is_kept_in_the_folder_only(redis_server: Server, tmp_path: Path) -> None:
    prompts, long = tmp_path / "prompts.yaml", "- " + "x" * SHARED.text_bytes_max
    prompts.write_text(long)
    old, new = pod(tmp_path / "old", redis_server), pod(tmp_path / "new", redis_server)
    async with stores_of(old) as stores:
        files = Files()
        files.take(str(prompts), text_itself)
        await LastGood(stores).keep(files, NOW_S)
    prompts.unlink()
    async with stores_of(old) as stores:
        assert (await LastGood(stores).files()).take(str(prompts), text_itself) == long
    async with stores_of(new) as stores:
        files = await LastGood(stores).files()
        with pytest.raises(ConfigError, match="No such file"):
            files.take(str(prompts), text_itself)


def text_itself(text: str, _: str) -> str:
    return text
