"""Everything that no dialect knows: it passes, it is counted, and it is not judged."""

from __future__ import annotations

from proxy.core.errors import Unreadable
from proxy.dialects.contract import Request, Response


class Opaque:
    """Matches every request line and reads none."""

    name = "opaque"

    def matches(self, method: str, path: str) -> bool:  # noqa: ARG002 - the contract's shape
        """Always."""
        return True

    def request(self, body: bytes) -> Request:  # noqa: ARG002
        """Raises Unreadable("opaque")."""
        raise Unreadable("opaque")

    def response(self, content_type: str, body: bytes, truncated: bool) -> Response:  # noqa: ARG002
        """Raises Unreadable("opaque")."""
        raise Unreadable("opaque")
