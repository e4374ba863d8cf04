"""Where models are: the operator's own folder first, then those that ship beside the package."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from proxy.core.errors import GroundwireError

MANIFEST: Final = "model.toml"
SHIPPED: Final = Path(__file__).resolve().parents[2] / "models"

_NAME: Final = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?")


class ModelNotFound(GroundwireError):  # noqa: N818 - said of a name, not a fault of ours
    """A name that no installed model has, or that none may have."""


@dataclass(frozen=True, slots=True)
class Library:
    """Two folders of models: `own` may be written, `shipped` is part of the release."""

    own: Path
    shipped: Path = SHIPPED

    def folders(self) -> list[Path]:
        """Every installed model's folder, by name; an own model hides a shipped one of its name."""
        found = {folder.name: folder for place in (self.shipped, self.own) for folder in _models_of(place)}
        return [found[name] for name in sorted(found)]

    def folder(self, name: str) -> Path:
        """The folder of a model by its name, or by its path where it holds a slash. Raises ModelNotFound."""
        if "/" in name and (Path(name) / MANIFEST).is_file():
            return Path(name)
        for place in (self.own, self.shipped):
            if is_name(name) and (place / name / MANIFEST).is_file():
                return place / name
        installed = ", ".join(folder.name for folder in self.folders()) or "none"
        raise ModelNotFound(f"no model {name!r} in {self.own} or {self.shipped}; installed: {installed}")


def is_name(name: str) -> bool:
    """Whether a model, or a head, may be called so: it names a folder, a file and part of a version."""
    return _NAME.fullmatch(name) is not None


def _models_of(place: Path) -> list[Path]:
    if not place.is_dir():
        return []
    return [one for one in place.iterdir() if is_name(one.name) and (one / MANIFEST).is_file()]
