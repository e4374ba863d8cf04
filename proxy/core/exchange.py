"""An exchange: one request with its response, as traffic saw it. Traffic sends it up the wire; analysis reads it.

The traffic process understands nothing of bodies: it sends them as they went over the network (framing included,
content-encoding included), each cut at a bound. Meaning is made of them in the analysis process.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from proxy.core.routes import key_of
from proxy.core.tenant_shard import NOBODY


class End(StrEnum):
    """How an exchange ended (the tee's question at end of stream)."""

    COMPLETE = "complete"
    CLIENT_GONE = "client_gone"
    UPSTREAM_CUT = "upstream_cut"  # reset, or bad framing, after the head
    UPSTREAM_FAILED = "upstream_failed"  # refused, reset, timed out or malformed before the head
    TIMED_OUT = "timed_out"  # a timeout of Groundwire's own, after the head
    REFUSED = "refused"  # answered by Groundwire: limited, offline, a refused control endpoint


class Framing(StrEnum):
    """How a body is bounded on the wire (RFC 9112 section 6)."""

    NONE = "none"
    LENGTH = "length"
    CHUNKED = "chunked"
    EOF = "eof"


class Purpose(StrEnum):
    """Whose exchange it is. Only USER exchanges enter user estimates."""

    USER = "user"
    CHECK = "check"
    CANARY = "canary"


@dataclass(slots=True)
class Body:
    """A captured body: raw bytes as sent, cut at the capture bound.

    `total_bytes` counts all that went over the network; `truncated` is true where `data` is not all of it.
    """

    data: bytes = b""
    framing: Framing = Framing.NONE
    content_type: str = ""
    content_encoding: str = ""
    total_bytes: int = 0
    truncated: bool = False


@dataclass(slots=True)
class Exchange:
    """One exchange. Times are Unix seconds (float); `first_byte_s` is when the first byte of the response's body came,
    of its head where it has none; 0 where no response came.

    `route` is "" where no route matched; `served_model` is the model that was asked upstream (rewritten or not), and
    `base_served` says whether that was the route's base. `coverage_k`: it was kept with probability 2**-coverage_k.
    `tenant` is all that is known of who asked: a shard (`core.tenant_shard`). `traceparent` is the one that came,
    `trace` the one that was sent upstream or would have been, "" where tracing is off. `sent_s`: when the request's
    head went upstream first, 0 where it never did.
    """

    id: str
    method: str
    path: str
    status: int
    end: End
    started_s: float
    first_byte_s: float
    ended_s: float
    route: str = ""
    requested_model: str = ""
    served_model: str = ""
    upstream: str = ""
    base_served: bool = False
    enforcement_id: str = ""
    coverage_k: int = 0
    chunks: int = 0
    traceparent: str = ""
    request: Body = field(default_factory=Body)
    response: Body = field(default_factory=Body)
    tenant: int = NOBODY
    trace: str = ""
    sent_s: float = 0.0

    @property
    def served(self) -> str:
        """Whose window it belongs to: the key of the target that was asked."""
        return key_of(self.upstream, self.served_model)
