"""Which classifier judges: real model folders, real files that change under a running process."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from proxy.analysis.judging.assessing import RULES_VERSION, Assessor
from proxy.analysis.judging.classifier import LOADED, REFUSED, Chosen
from proxy.classifiers.contract import HAZARDS
from proxy.classifiers.guard import Guard
from proxy.config.sections.judging import Classifiers
from proxy.config.taxonomy import read_taxonomy
from proxy.features.judge import JUDGE_VERSION
from tests.unit.classifiers import folders


@dataclass
class House:
    """A chooser, and the versions of those that took over."""

    took_over: list[str] = field(default_factory=list)
    needed: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.chosen = Chosen(Guard.load, read_taxonomy(HAZARDS), self._note, lambda: self.needed)

    def _note(self, assessor: Assessor) -> None:
        self.took_over.append(assessor.version)

    @property
    def before(self) -> str:
        """The one that is kept."""
        return "" if self.chosen.before is None else self.chosen.before.version.partition("+")[0]

    def need(self, *names: str) -> None:
        """Routes have baselines of their verdicts."""
        self.needed = {f"{name}+{RULES_VERSION}" for name in names}

    @property
    def judge(self) -> str:
        return self.chosen.assessor.version.partition("+")[0]


@pytest.fixture
def house() -> House:
    return House()


def named(folder: Path) -> Classifiers:
    return Classifiers(model=str(folder))


async def test_a_model_takes_over_and_another_after_it(tmp_path: Path, house: House) -> None:
    await house.chosen.take(named(folders.make(tmp_path / "one")))
    assert (house.judge, house.chosen.wrong) == ("tiny@3", "")
    await house.chosen.take(named(folders.make(tmp_path / "two", version="4")))
    assert house.judge == "tiny@4"
    await house.chosen.take(Classifiers(enabled=False))
    assert house.judge == JUDGE_VERSION
    assert len(house.took_over) == 3
    assert house.chosen.results == {LOADED: 2}


async def test_a_broken_model_is_refused_and_the_old_one_stays(tmp_path: Path, house: House) -> None:
    good, bad = folders.make(tmp_path / "good"), folders.make(tmp_path / "bad", version="4")
    await house.chosen.take(named(good))
    (bad / "model.onnx").write_bytes((bad / "model.onnx").read_bytes()[:-7])
    await house.chosen.take(named(bad))
    assert house.judge == "tiny@3"
    assert str(bad / "model.onnx") in house.chosen.wrong
    assert house.chosen.results[REFUSED] == 1


async def test_without_a_model_the_patterns_judge_and_one_that_comes_is_taken(tmp_path: Path, house: House) -> None:
    await house.chosen.take(named(tmp_path / "none"))
    assert house.judge == JUDGE_VERSION
    assert str(tmp_path / "none") in house.chosen.wrong
    made = folders.make(tmp_path / "elsewhere")
    shutil.copytree(made, tmp_path / "none")
    await house.chosen.look()
    assert house.judge == JUDGE_VERSION, "it may still be copied: the files must stand still first"
    await house.chosen.look()
    assert (house.judge, house.chosen.wrong) == ("tiny@3", "")


async def test_other_files_in_the_folder_are_loaded_and_half_a_copy_is_not(tmp_path: Path, house: House) -> None:
    folder = folders.make(tmp_path / "model")
    await house.chosen.take(named(folder))
    folders.make(folder, version="5")
    whole = (folder / "model.onnx").read_bytes()
    (folder / "model.onnx").write_bytes(whole[:100])
    for _ in range(3):
        await house.chosen.look()
    assert house.judge == "tiny@3"
    assert house.chosen.results[REFUSED] == 1, "tried once, not each second"
    (folder / "model.onnx").write_bytes(whole)
    for _ in range(3):
        await house.chosen.look()
    assert (house.judge, house.chosen.wrong) == ("tiny@5", "")


# --- the one before --------------------------------------------------------------------------------------------------


async def test_the_one_before_is_kept_while_a_baseline_is_of_its_verdicts(tmp_path: Path, house: House) -> None:
    await house.chosen.take(named(folders.make(tmp_path / "one")))
    house.need("tiny@3")
    await house.chosen.take(named(folders.make(tmp_path / "two", version="4")))
    assert (house.judge, house.before) == ("tiny@4", "tiny@3")
    house.need("tiny@3", "tiny@4")
    await house.chosen.take(named(folders.make(tmp_path / "three", version="5")))
    assert (house.judge, house.before) == ("tiny@5", "tiny@3"), "two models in memory, not three"
    house.need("tiny@5")
    await house.chosen.look()
    assert house.before == ""
    assert len(house.took_over) == 4, "whoever uses them is told"


async def test_one_that_nobody_needs_is_let_go_at_once(tmp_path: Path, house: House) -> None:
    await house.chosen.take(named(folders.make(tmp_path / "one")))
    await house.chosen.take(named(folders.make(tmp_path / "two", version="4")))
    assert house.before == ""


async def test_going_back_keeps_the_newer_one_only_where_it_is_needed(tmp_path: Path, house: House) -> None:
    one, two = folders.make(tmp_path / "one"), folders.make(tmp_path / "two", version="4")
    await house.chosen.take(named(one))
    house.need("tiny@3")
    await house.chosen.take(named(two))
    await house.chosen.take(named(one))
    assert (house.judge, house.before) == ("tiny@3", "")


async def test_whoever_turns_classifiers_off_keeps_none(tmp_path: Path, house: House) -> None:
    await house.chosen.take(named(folders.make(tmp_path / "one")))
    house.need("tiny@3")
    await house.chosen.take(Classifiers(enabled=False))
    assert (house.judge, house.before) == (JUDGE_VERSION, "")


async def test_after_a_restart_it_is_loaded_from_its_folder(tmp_path: Path, house: House) -> None:
    one, two = folders.make(tmp_path / "one"), folders.make(tmp_path / "two", version="4")
    settings = Classifiers(model=str(two), previous=(str(one),))
    await house.chosen.take(settings)
    assert house.before == "", "nobody needs it yet"
    house.need("tiny@3")
    await house.chosen.look()
    assert (house.judge, house.before) == ("tiny@4", "tiny@3")


@pytest.mark.parametrize("what", ["gone", "another version"])
async def test_a_folder_that_is_no_help_is_said_and_tried_once(
    what: str, tmp_path: Path, house: House, caplog: pytest.LogCaptureFixture
) -> None:
    if what == "another version":
        folders.make(tmp_path / "one", version="7")
    house.need("tiny@3")
    two = str(folders.make(tmp_path / "two", version="4"))
    await house.chosen.take(Classifiers(model=two, previous=(str(tmp_path / "one"),)))
    await house.chosen.look()
    assert (house.judge, house.before) == ("tiny@4", "")
    assert sum("classifier_refused" in line or "classifier_let_go" in line for line in caplog.messages) == 1
