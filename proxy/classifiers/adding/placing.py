"""A model is made in a folder of its own and takes its place by one rename: what fails leaves everything as it was."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from proxy.classifiers.extra_heads import FOLDER as HEADS
from proxy.classifiers.installed import Library, is_name
from proxy.classifiers.manifest import FILE, read
from proxy.core.errors import GroundwireError

CARD = "card.md"


class PlacingError(GroundwireError):
    """A model that may not be called so, or a folder that cannot be written."""


def target(library: Library, name: str, *, replace: bool) -> Path:
    """Where a new model of this name goes. Raises PlacingError where it may not."""
    if not is_name(name):
        raise PlacingError(f"a model cannot be called {name!r}; use a-z, 0-9, dots, _ and -, at most 64 characters")
    if (library.shipped / name).exists() and library.own != library.shipped:
        raise PlacingError(f"{name} is the name of a model that ships; take another one")
    folder = library.own / name
    if folder.exists() and not replace:
        raise PlacingError(f"{folder} exists; say --replace to put the new model in its place")
    return folder


@contextmanager
def workshop(library: Library, name: str) -> Iterator[Path]:
    """An empty folder beside the models, gone afterwards unless it was put in place. Raises PlacingError."""
    try:
        library.own.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=f".adding-{name}-", dir=library.own))
    except OSError as wrong:
        raise PlacingError(f"{library.own}: cannot be written ({wrong.strerror}); name another --models-dir") from wrong
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def copied(source: Path, folder: Path) -> None:
    """The files of a folder that is a Groundwire model already: those that it lists, its card, its heads."""
    manifest = read(source)
    for name in (FILE, *manifest.files):
        shutil.copyfile(source / name, folder / name)
    if (source / CARD).is_file():
        shutil.copyfile(source / CARD, folder / CARD)
    if (source / HEADS).is_dir():
        shutil.copytree(source / HEADS, folder / HEADS)


def put(folder: Path, place: Path) -> None:
    """Give a finished folder its place; what was there is kept until the new one stands. Raises PlacingError."""
    old = place.with_name(f".{place.name}.old")
    try:
        folder.chmod(0o755)
        if place.exists():
            shutil.rmtree(old, ignore_errors=True)
            place.rename(old)
        _renamed(folder, place, old)
    except OSError as wrong:
        raise PlacingError(f"{place}: cannot be put in place ({wrong.strerror})") from wrong
    shutil.rmtree(old, ignore_errors=True)


def _renamed(folder: Path, place: Path, old: Path) -> None:
    try:
        folder.rename(place)
    except OSError:
        if old.exists():
            old.rename(place)
        raise
