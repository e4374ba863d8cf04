"""One small model and the one that ships, loaded once."""

from __future__ import annotations

from pathlib import Path

import pytest

from proxy.classifiers.guard import Guard
from proxy.classifiers.loading import find_model
from tests.unit.classifiers.folders import make


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole folder of the small model; not to be changed."""
    return make(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="session")
def tiny(tiny_folder: Path) -> Guard:
    """The small model."""
    return Guard.load(tiny_folder)


@pytest.fixture(scope="session")
def shipped() -> Guard:
    """The model that ships as default."""
    return Guard.load(find_model())
