"""The dialects that Groundwire reads, in the order in which they are asked. An explicit list: no discovery."""

from __future__ import annotations

from typing import Final

from proxy.dialects.contract import Dialect
from proxy.dialects.opaque import Opaque

DIALECTS: Final[tuple[Dialect, ...]] = (Opaque(),)


def dialect_of(method: str, path: str) -> Dialect:
    """The dialect of a request line; Opaque, which matches everything, is the last of the list."""
    return next(dialect for dialect in DIALECTS if dialect.matches(method, path))
