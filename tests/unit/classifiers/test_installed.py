"""Where models are found."""

from __future__ import annotations

from pathlib import Path

import pytest

from proxy.classifiers.installed import Library, ModelNotFound, is_name


def placed(place: Path, name: str) -> Path:
    (place / name).mkdir(parents=True)
    (place / name / "model.toml").touch()
    return place / name


def test_an_own_model_hides_a_shipped_one_of_its_name(tmp_path: Path) -> None:
    library = Library(tmp_path / "own", tmp_path / "shipped")
    shipped, hidden = placed(library.shipped, "small"), placed(library.shipped, "large")
    own = placed(library.own, "large")
    (library.shipped / "recipes").mkdir()
    assert library.folders() == [own, shipped]
    assert library.folder("large") == own != hidden
    assert library.folder("small") == shipped


def test_a_path_names_a_folder_anywhere(tmp_path: Path) -> None:
    folder = placed(tmp_path / "elsewhere", "m")
    assert Library(tmp_path / "own", tmp_path / "shipped").folder(str(folder)) == folder


@pytest.mark.parametrize("name", ["none", "..", "../small", "", "a b"])
def test_what_is_not_there_is_refused_with_what_is(tmp_path: Path, name: str) -> None:
    library = Library(tmp_path / "own", tmp_path / "shipped")
    placed(library.shipped, "small")
    with pytest.raises(ModelNotFound, match="installed: small"):
        library.folder(name)


@pytest.mark.parametrize("name", ["guard-small", "a", "v1.2_b", "a" * 64])
def test_names_are_plain(name: str) -> None:
    assert is_name(name)


@pytest.mark.parametrize("name", ["", "..", "A", "a/b", "-a", "a.", "a" * 65])
def test_other_names_are_none(name: str) -> None:
    assert not is_name(name)
