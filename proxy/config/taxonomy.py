"""The taxonomy of hazards from its file, every mistake named by file, line and key."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from proxy.config.document import Document, validate
from proxy.config.files import SHIPPED
from proxy.core.taxonomy import Taxonomy

FILE: Final = SHIPPED / "taxonomy.yaml"


def read_taxonomy(names: Iterable[str], path: Path = FILE) -> Taxonomy:
    """Read a taxonomy that must know the hazards of these names. Raises ConfigError."""
    taxonomy = validate(Taxonomy, Document.read(path))
    taxonomy.require(names, str(path))
    return taxonomy
