"""The state of one exchange, and the ways it ends: refused, cut, timed out, left by its client, or whole."""

from __future__ import annotations

import random
from asyncio import Task
from time import time
from typing import TYPE_CHECKING

from proxy.core.exchange import Body, End, Exchange, Framing
from proxy.core.http.heads import RequestHead, ResponseHead
from proxy.core.http.trace_context import BITS, Sent, sent_on
from proxy.traffic.admission import Reading
from proxy.traffic.capture import PART_BYTES, captured
from proxy.traffic.enforcer import Plan
from proxy.traffic.replies import Reply, upstream_failed
from proxy.traffic.upstream import UpstreamConnection

if TYPE_CHECKING:
    from proxy.traffic.client import ClientConnection
    from proxy.traffic.pool import Upstream

_NONE, _EOF = Framing.NONE, Framing.EOF  # a lookup costs in 3.11


class ExchangeState:
    """What is known of an exchange while it runs. `request_done`: its last byte has come."""

    __slots__ = (
        "_asked",
        "_capture_bytes",
        "_chunks",
        "_connecting",
        "_connection",
        "_coverage_k",
        "_dechunked",
        "_done",
        "_first_byte_s",
        "_head_out",
        "_kept_bytes",
        "_names",
        "_outgoing",
        "_outgoing_bytes",
        "_plan",
        "_reading",
        "_request_bytes",
        "_request_parts",
        "_response_bytes",
        "_response_parts",
        "_retried",
        "_scanner",
        "_sent_s",
        "_sent_unix_s",
        "_started_unix_s",
        "_status",
        "_thinned",
        "_trace",
        "_upstream",
        "active_s",
        "client",
        "close_client",
        "continued",
        "head",
        "plane",
        "request_done",
        "response",
        "started_s",
        "to_head",
        "tunnel",
    )

    def __init__(self, client: ClientConnection, head: RequestHead) -> None:
        self.client = client
        self.plane = plane = client.plane
        self.head = head
        self.to_head = head.method == b"HEAD"
        self.request_done = head.framing is _NONE
        self.response: ResponseHead | None = None
        self.close_client = not head.keep_alive
        self.tunnel = False
        self.continued = False
        self.started_s = self.active_s = plane.now_s
        self._started_unix_s = time()
        self._first_byte_s = 0.0
        self._sent_s = self._sent_unix_s = 0.0
        self._trace = ""
        self._status = 0
        self._chunks = 0
        self._coverage_k = k = plane.enforcer.coverage_k
        self._thinned = k > 0 and random.getrandbits(k) != 0
        self._capture_bytes = 0 if self._thinned else plane.capture_bytes_max
        self._kept_bytes = 0
        self._request_bytes = self._response_bytes = 0
        self._request_parts: list[bytes] = []
        self._response_parts: list[bytes] = []
        self._reading: Reading | None = None
        self._names: tuple[str, ...] = ()
        self._plan: Plan = plane.enforcer.passing
        self._upstream: Upstream | None = None
        self._connection: UpstreamConnection | None = None
        self._connecting: Task[None] | None = None
        self._head_out = b""
        self._outgoing: list[bytes] | None = []  # what of the body waits, or could be sent again
        self._outgoing_bytes = 0
        self._dechunked: list[bytes] | None = None
        self._retried = self._done = False

    def _keep(self, parts: list[bytes], data: bytes) -> None:
        """Keep a piece for the link. Over the bound of all exchanges this one keeps no more."""
        plane, size = self.plane, len(data) + PART_BYTES
        kept = plane.captures_bytes + size
        if kept > plane.captures_bytes_max:
            self._capture_bytes = 0
            plane.counts.captures_cut += 1
            return
        plane.captures_bytes = kept
        self._kept_bytes += size
        parts.append(data)

    def pause_upstream(self) -> None:
        """The client does not keep up."""
        if self._connection is not None:
            self._connection.pause()

    def resume_upstream(self) -> None:
        """It does again."""
        if self._connection is not None:
            self._connection.resume()

    def client_gone(self) -> None:
        """Nobody is there to answer: the upstream is closed at once, so that the model stops."""
        self.plane.counts.clients_gone += not self.tunnel
        self.finish(End.COMPLETE if self.tunnel else End.CLIENT_GONE)

    def timed_out(self, reply: Reply) -> None:
        """A timeout of ours: the reply while nothing was passed on, else the client is cut."""
        if self.response is None:
            self.refuse(reply, End.UPSTREAM_FAILED)
        else:
            self._cut(End.TIMED_OUT)

    def late(self, now_s: float, client_s: float, client_paused: bool) -> Reply | None:
        """What to say if a timeout has passed. `client_s` is when the client last sent something."""
        times = self.plane.timeouts
        if times.total_s and now_s - self.started_s > times.total_s:
            return Reply(504, "groundwire_total_timeout", f"the exchange took over {times.total_s:g} s")
        if not self.request_done and not client_paused and self.response is None:
            if times.client_body_s and now_s - client_s > times.client_body_s:
                return Reply(408, "groundwire_body_timeout", f"no byte of the body came for {times.client_body_s:g} s")
            return None
        if self.response is not None:
            over = times.upstream_idle_s and now_s - self.active_s > times.upstream_idle_s
            return Reply(504, "groundwire_idle_timeout", "the stream stood still") if over else None
        since_s = max(self._sent_s, client_s)
        if self._connection is not None and times.upstream_head_s and now_s - since_s > times.upstream_head_s:
            assert self._upstream is not None
            text = f"did not answer within {times.upstream_head_s:g} s"
            return upstream_failed(504, "groundwire_upstream_timeout", self._upstream.name, text)
        return None

    def refuse(self, reply: Reply, end: End = End.REFUSED) -> None:
        """Answer ourselves. Where the request is not whole, the connection cannot be used again."""
        self.close_client = close = self.close_client or not self.request_done or self.plane.draining
        if reply.status == 400:
            self.close_client = close = True
        self._status = reply.status
        self.plane.counts.refuse(reply.code)
        self.client.transport.write(reply.encode(close, self.to_head, self.head.minor == 0))
        self.finish(end)
        self.client.transaction_over(close, linger=not self.request_done)

    def _cut(self, end: End) -> None:
        """End the client's connection so that nobody takes the response for whole."""
        head = self.response
        bounded = head is not None and head.framing is not _EOF and self._dechunked is None
        self.plane.counts.cut += 1
        self.finish(end)
        self.client.cut(bounded)

    def finish(self, end: End) -> None:
        """Let the upstream go where it is still held, count, and send the exchange up the link. Idempotent."""
        if self._done:
            return
        self._done = True
        if self._connection is not None:
            self._connection.abort()
            self._connection = None
        if self._connecting is not None:
            self._connecting.cancel()
        self._release_held()
        self.plane.captures_bytes -= self._kept_bytes
        counts = self.plane.counts
        counts.requests[self._status // 100] += 1
        counts.bytes_in += self._request_bytes
        counts.bytes_out += self._response_bytes
        if self._thinned:
            self.plane.link.count_thinned()
        else:
            self.plane.link.offer(self._exchange(end))

    def _release_held(self) -> None:
        """The body is held no more: a response has begun, or everything is over. Idempotent."""
        if self._reading is not None:
            self.plane.bodies_held_bytes -= self._outgoing_bytes
            self._reading = None
        self._outgoing = None

    def _exchange(self, end: End) -> Exchange:
        head, response, plan, names = self.head, self.response, self._plan, self._names
        requested = names[-1] if names else ""
        bound = self.plane.capture_bytes_max
        return Exchange(  # by position: this runs for every request
            self.plane.next_id(),
            head.method_text,
            head.path_text,
            self._status,
            end,
            self._started_unix_s,
            self._first_byte_s,
            time(),
            plan.route,
            requested,
            plan.model or requested,
            plan.upstream,
            plan.base_served,
            plan.enforcement_id,
            self._coverage_k,
            self._chunks,
            head.traceparent.decode("latin-1") if head.traceparent else "",
            captured(head, self._request_parts, self._request_bytes, bound),
            Body() if response is None else captured(response, self._response_parts, self._response_bytes, bound),
            head.tenant,
            self._trace or self._traceparent(),
            self._sent_unix_s,
        )

    def _traceparent(self) -> str:
        """That of a request which went nowhere: it is a span all the same."""
        sent = self._sent_on()
        return "" if sent is None else sent.traceparent

    def _sent_on(self) -> Sent | None:
        """Our span as it is told upstream. None where tracing is off, and for an exchange that no one will analyse.

        Without a span of its own such an exchange leaves the headers as they came, so that the trace has no hole.
        """
        tracing = self.plane.enforcer.tracing
        if tracing is None or self._thinned:
            return None
        return sent_on(tracing, self.head.traceparent.decode("latin-1"), random.getrandbits(BITS))
