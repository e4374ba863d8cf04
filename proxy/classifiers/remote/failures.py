"""Why a text has no judgement from a remote classifier, and what that says of the server. Pure."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from proxy.core.errors import GroundwireError


class Failure(StrEnum):
    """The reasons, as the metric names them."""

    BREAKER = "breaker_open"
    BUDGET = "budget"
    QUEUE = "queue_full"
    KEY = "no_key"
    REDACTION = "redaction"
    TIMEOUT = "timeout"
    CONNECTION = "connection"
    TLS = "tls"
    CREDENTIALS = "credentials"  # 401, 403
    THROTTLED = "throttled"  # 429
    REFUSED = "refused"  # another 4xx: this request, not the server
    SERVER = "server_error"  # 5xx
    REDIRECT = "redirect"
    STATUS = "status"  # any other that is not 200
    TOO_LARGE = "too_large"
    NOT_JSON = "not_json"
    UNPARSED = "unparsed"  # JSON, but no verdict
    FAULT = "fault"  # of ours
    STOPPED = "stopped"


# These say nothing against the server: the breaker does not count them.
NOT_THE_SERVERS: Final = frozenset({Failure.REFUSED})


class UnansweredError(GroundwireError):
    """A call without a judgement. Holds no text, no key and no URL; `retry_after_s` is what the server asked for."""

    def __init__(self, failure: Failure, retry_after_s: float | None = None) -> None:
        self.failure = failure
        self.retry_after_s = retry_after_s
        super().__init__(failure.value)
