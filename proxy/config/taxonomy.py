"""The taxonomy of hazards from its file, every mistake named by file, line and key."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from proxy.config.document import Document, validate
from proxy.config.policies import SHIPPED
from proxy.core.taxonomy import Taxonomy

FILE: Final = SHIPPED / "taxonomy.yaml"


def read_taxonomy(path: Path = FILE) -> Taxonomy:
    """Read a taxonomy. Raises ConfigError."""
    return validate(Taxonomy, Document.read(path))
