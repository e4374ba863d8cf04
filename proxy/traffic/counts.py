"""What the data plane counts: plain integers, read when `/metrics` is asked."""

from __future__ import annotations


class Counts:
    """Totals since the start of the process."""

    __slots__ = (
        "bytes_in",
        "bytes_out",
        "captures_cut",
        "clients_gone",
        "connections",
        "cut",
        "refused",
        "requests",
        "retries",
        "rewritten",
        "upstream_connections",
    )

    def __init__(self) -> None:
        self.connections = 0
        self.upstream_connections = 0
        self.requests = [0] * 6  # by the first digit of the status; [0]: none was sent
        self.refused: dict[str, int] = {}
        self.retries = 0
        self.rewritten = 0
        self.clients_gone = 0
        self.cut = 0
        self.captures_cut = 0  # exchanges of which no more was kept, over the bound of all captures
        self.bytes_in = 0  # request bodies
        self.bytes_out = 0  # response bodies

    def refuse(self, code: str) -> None:
        """An answer that Groundwire gave itself."""
        self.refused[code] = self.refused.get(code, 0) + 1
