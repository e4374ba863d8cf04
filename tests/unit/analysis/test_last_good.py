"""The last good texts of files: what is kept, within which bound, and what stands in for a bad file at a start."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.analysis.judging.triggers import load_triggers
from proxy.analysis.process.last_good import Bound, Good, Goods, LastGood, from_json, keeping, to_json
from proxy.config.files import Files
from proxy.config.policies import parse_policy
from proxy.config.sections.judging import PolicySettings
from proxy.config.settings import Settings
from proxy.control.bases.checks import load_checks
from proxy.control.policies.in_force import load_policies
from proxy.control.setup import set_up
from proxy.core.errors import ConfigError
from proxy.stores.embedded import open_embedded
from proxy.stores.registry import Stores

NOW_S = 1_800_000_000.0
BOUND = Bound(20, 50)
GOOD, BAD = "mode: enforce\n", "mode: enforced\n"
NAMES = st.sampled_from("abcdef")
TEXTS = st.dictionaries(NAMES, st.text(max_size=12))
GOODS = st.dictionaries(NAMES, st.builds(Good, st.text(max_size=12), st.floats(0, NOW_S)))


async def kept(folder: Path, files: Files) -> None:
    """Keep what was read, in the store of a state folder, as a process that ends."""
    store = await open_embedded(folder / "groundwire.db")
    await LastGood(Stores(store, store)).keep(files, NOW_S)
    await store.close()


async def after_a_restart(folder: Path) -> Files:
    store = await open_embedded(folder / "groundwire.db")
    try:
        return await LastGood(Stores(store, store)).files()
    finally:
        await store.close()


def settings_of(folder: Path) -> Settings:
    """Settings that name a good file of each kind."""
    texts = {
        "policy.yaml": GOOD,
        "next.yaml": "mode: shadow\n",
        "checks.yaml": "harmful: {crime: [How is it stolen]}\nharmless: [Name a colour.]\n",
        "triggers.yaml": "triggers: {year_tag: {pattern: 'tag', description: a tag}}\n",
        "prompts.jsonl": '{"prompt": "How is it stolen?", "category": "crime"}\n',
    }
    for name, text in texts.items():
        (folder / name).write_text(text)
    return Settings(
        policy=str(folder / "policy.yaml"),
        policies=PolicySettings((str(folder / "next.yaml"),)),
        checks_file=str(folder / "checks.yaml"),
        triggers_file=str(folder / "triggers.yaml"),
        baseline_prompts_file=str(folder / "prompts.jsonl"),
    )


def read_all(settings: Settings, files: Files) -> tuple[object, ...]:
    """As a starting analysis process does; without the search for triggers, which compares with nothing."""
    search = load_triggers(settings.triggers_file, files)
    setup = set_up(settings, load_policies(settings, files), files)
    return setup.policies, setup.prompts, load_checks(settings.checks_file, files), search("a tag")


@pytest.mark.parametrize(
    "name, bad", [("policy.yaml", BAD), ("next.yaml", "mod: x"), ("checks.yaml", "a: b: c"), ("triggers.yaml", "x: [")]
)
async def test_a_bad_file_at_a_start_has_its_last_good_text_stand_in(tmp_path: Path, name: str, bad: str) -> None:
    settings, files = settings_of(tmp_path), Files()
    before = read_all(settings, files)
    await kept(tmp_path, files)
    (tmp_path / name).write_text(bad)
    again = await after_a_restart(tmp_path)
    assert read_all(settings, again) == before, "texts that records carry are among this"
    assert list(again.refused) == [str(tmp_path / name)]
    assert f"{name}:1" in str(again.refused[str(tmp_path / name)]), "what is wrong is named with its line"
    assert str(tmp_path / name) not in again.good, "what stood in is not taken for a good file"


async def test_a_file_that_is_gone_or_torn_is_bad_too(tmp_path: Path) -> None:
    settings, files = settings_of(tmp_path), Files()
    before = read_all(settings, files)
    await kept(tmp_path, files)
    (tmp_path / "policy.yaml").unlink()
    (tmp_path / "prompts.jsonl").write_bytes(b'"fine"\n"\xff"\n')
    again = await after_a_restart(tmp_path)
    assert read_all(settings, again) == before
    assert "prompts.jsonl:2: cannot be read: not UTF-8" in str(again.refused[settings.baseline_prompts_file])


async def test_the_newest_good_text_stands_in_not_an_older_one(tmp_path: Path) -> None:
    settings, policy = settings_of(tmp_path), tmp_path / "policy.yaml"
    for text in (GOOD, "mode: shadow\n"):
        policy.write_text(text)
        files = await after_a_restart(tmp_path)
        load_policies(settings, files)
        await kept(tmp_path, files)
    policy.write_text(BAD)
    assert load_policies(settings, await after_a_restart(tmp_path)).general.text == "mode: shadow\n"


async def test_without_a_good_text_a_bad_file_is_refused(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    (tmp_path / "policy.yaml").write_text(BAD)
    with pytest.raises(ConfigError, match=r"policy\.yaml:1 \(mode\)"):
        load_policies(settings, await after_a_restart(tmp_path))


def test_a_last_good_text_that_cannot_be_used_leaves_the_files_own_mistake(tmp_path: Path) -> None:
    """Another version of Groundwire wrote it, or it names a variable that is gone."""
    file = tmp_path / "policy.yaml"
    file.write_text(BAD)
    with pytest.raises(ConfigError, match="mode"):
        Files({str(file): "line: gone\n"}).take(str(file), parse_policy)


async def test_a_broken_database_does_not_take_the_texts_with_it(tmp_path: Path) -> None:
    settings, files = settings_of(tmp_path), Files()
    load_policies(settings, files)
    await kept(tmp_path, files)
    (tmp_path / "groundwire.db").write_bytes(b"no database" * 1_000)
    (tmp_path / "policy.yaml").write_text(BAD)
    assert load_policies(settings, await after_a_restart(tmp_path)).general.text == GOOD


async def test_only_the_owner_reads_what_is_kept(tmp_path: Path) -> None:
    files = Files()
    load_policies(settings_of(tmp_path), files)
    await kept(tmp_path, files)
    for path in (tmp_path / "groundwire.db", tmp_path / "groundwire.state"):
        assert path.stat().st_mode & 0o077 == 0, path


@given(known=GOODS, good=TEXTS)
def test_what_is_kept_is_bound_in_size_and_holds_no_text_but_the_newest(known: Goods, good: dict[str, str]) -> None:
    after = keeping(known, good, NOW_S, BOUND)
    sizes = [len(one.text.encode()) for one in after.values()]
    assert sum(sizes) <= BOUND.bytes_max
    assert all(size <= BOUND.text_bytes_max for size in sizes)
    assert all(one.text == good.get(file, one.text) for file, one in after.items())
    assert keeping(after, good, NOW_S + 1.0, BOUND) == after, "the same again changes nothing, so nothing is written"


@given(known=GOODS, good=st.dictionaries(NAMES, st.text(alphabet="x", max_size=8)))
def test_what_settings_name_now_goes_before_what_they_named_once(known: Goods, good: dict[str, str]) -> None:
    assert good.keys() <= keeping(known, good, NOW_S, BOUND).keys(), "six of eight bytes are within the bound"


@given(goods=GOODS)
def test_they_come_back_as_they_were(goods: Goods) -> None:
    assert from_json(to_json(goods)) == goods
