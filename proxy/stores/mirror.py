"""A second copy of each state value, one small file a key. Read only where the database is broken or gone.

A latched revert is the one thing that must outlive its database, so it is not kept in one file alone. A copy is
replaced whole (written beside, then renamed); a copy that cannot be read is passed over.
"""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

import orjson

from proxy.telemetry.logs import get_logger

log = get_logger(__name__)


class Mirror:
    """The copies in `folder`. Raises OSError where the folder cannot be written."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write(self, key: str, version: int, value: bytes) -> None:
        """Replace the copy of this key."""
        self._folder.mkdir(mode=0o700, exist_ok=True)
        path = self._path(key)
        beside = path.with_suffix(".new")
        beside.write_bytes(orjson.dumps({"key": key, "version": version, "value": base64.b64encode(value).decode()}))
        beside.replace(path)

    def remove(self, key: str) -> None:
        """Remove the copy of this key, if there is one."""
        self._path(key).unlink(missing_ok=True)

    def _path(self, key: str) -> Path:
        return self._folder / (hashlib.sha256(key.encode()).hexdigest()[:32] + ".json")

    def read(self) -> dict[str, tuple[int, bytes]]:
        """Every copy that can be read, as key -> (version, value)."""
        copies: dict[str, tuple[int, bytes]] = {}
        for path in sorted(self._folder.glob("*.json")):
            try:
                copy = orjson.loads(path.read_bytes())
                copies[str(copy["key"])] = (int(copy["version"]), base64.b64decode(copy["value"], validate=True))
            except (OSError, ValueError, KeyError, TypeError) as wrong:
                log.error("state_copy_unreadable", path=path, error=repr(wrong))  # noqa: TRY400
        return copies
