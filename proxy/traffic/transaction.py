"""One exchange in flight: from a request's head to the end of its response. Stands between the two connections.

    begin -> [hold and scan the body] -> choose a plan -> dispatch -> attach -> begin_response -> relay ... -> end

No task and no future belongs to it; whatever happens is a call from one of the two connections or from the sweep.
"""

from __future__ import annotations

from time import time
from typing import Final

from proxy.core.errors import FramingError
from proxy.core.exchange import End, Framing
from proxy.core.http.forwarding import request_head
from proxy.core.http.framing import ChunkedBody
from proxy.core.http.targets import Asked, with_model
from proxy.traffic.admission import Need, Reading, need_of
from proxy.traffic.enforcer import Plan
from proxy.traffic.replies import CONTINUE, Reply, bad_framing, denied_path, undecidable, upstream_failed
from proxy.traffic.response_side import ResponseSide
from proxy.traffic.upstream import UpstreamConnection, body_scanner

# RFC 9110 section 9.2.2. Any other method is sent again only where a kept-open connection was closed so soon after
# the request went out that the server had closed it before it saw the request (RFC 9112 section 9.3.1).
IDEMPOTENT: Final = frozenset({b"GET", b"HEAD", b"OPTIONS", b"TRACE", b"PUT", b"DELETE"})
STALE_WITHIN_S: Final = 1.0

_NONE = Framing.NONE  # a lookup costs in 3.11
_NOTHING, _MULTIPART = Need.NOTHING, Need.MULTIPART


class Transaction(ResponseSide):
    """One exchange, called by the client's connection, by the upstream's, and by the sweep."""

    __slots__ = ()

    def begin(self, asked: Asked, rest: bytes) -> int:
        """Judge the head, take what of the body is there. Returns how much of `rest` is this request's."""
        self._asked = asked
        if asked.denied:
            self.refuse(denied_path(asked.path, asked.denied))
            return 0
        if self.request_done and not self.head.upgrade:
            self._choose()
            return 0
        head = self.head
        need = need_of(head, asked, self.plane.enforcer.strict, self.plane)
        if isinstance(need, Reply):
            self.refuse(need)
            return 0
        if need is not _NOTHING:
            self._reading = Reading(need is _MULTIPART)
        if 0 < head.length <= len(rest):
            return self._begin_whole(rest if head.length == len(rest) else rest[: head.length])
        self._scanner = scanner = body_scanner(head.framing, head.length)
        if self._reading is None:
            size = self.request_received(rest) if rest and not self.request_done else 0
            if not self._done and self._upstream is None:
                self._choose()
            return size
        if type(scanner) is ChunkedBody:
            scanner.payload = self._reading.payload
        if head.expect and not rest:
            self.continued = True
            self.client.write(CONTINUE)
        return self.request_received(rest) if rest else 0

    def _begin_whole(self, body: bytes) -> int:
        """The whole body came with the head, as most do."""
        size = len(body)
        self.request_done = True
        self._outgoing, self._outgoing_bytes, self._request_bytes = [body], size, size
        if self._capture_bytes:
            self._keep(self._request_parts, body)
        if self._reading is not None:
            self.plane.bodies_held_bytes += size
            self._reading.whole(body)
        self._choose()
        return size

    def request_received(self, data: bytes) -> int:
        """More of the request's body. Returns how much of `data` is this request's."""
        try:
            size = self._scanner.feed(data)
        except FramingError as wrong:
            self.request_broken(wrong)
            return len(data)
        if size != len(data):
            data = data[:size]
        if self._request_bytes < self._capture_bytes:
            self._keep(self._request_parts, data)
        self._request_bytes += len(data)
        self.request_done = self._scanner.done
        if self._reading is not None:
            self._hold(data)
        else:
            self._pass_on(data)
        return size

    def _hold(self, data: bytes) -> None:
        """Keep a piece until the model is known."""
        reading = self._reading
        assert reading is not None and self._outgoing is not None
        plane = self.plane
        self._outgoing.append(data)
        self._outgoing_bytes += len(data)
        plane.bodies_held_bytes += len(data)
        reading.feed(data, type(self._scanner) is ChunkedBody)
        if self._outgoing_bytes > plane.limits.body_held_bytes_max:
            text = f"the body is over {plane.limits.body_held_bytes_max} bytes (`limits.body_held_bytes_max`)"
            self._give_up_holding(413, text)
        elif plane.bodies_held_bytes > plane.limits.bodies_held_bytes_max:
            self._give_up_holding(503, "too many bodies are held at once (`limits.bodies_held_bytes_max`)")
        elif self.request_done:
            self._choose()

    def _give_up_holding(self, status: int, why: str) -> None:
        """Over a bound: pass the body on unread, where nothing can be gone around by that."""
        if self.plane.enforcer.strict:
            self.refuse(undecidable(why, status))
            return
        self.plane.bodies_held_bytes -= self._outgoing_bytes
        self._reading = None
        self._names = ()
        self._choose()

    def _pass_on(self, data: bytes) -> None:
        """Send a piece, or keep it until there is a connection."""
        self._outgoing_bytes += len(data)
        outgoing = self._outgoing
        bound = self.plane.limits.stream_buffer_bytes_max
        if self._connection is None:
            assert outgoing is not None
            outgoing.append(data)
            if self._outgoing_bytes > bound:
                self.client.pause_reading()
            return
        if outgoing is not None:
            if self._outgoing_bytes > bound:
                self._outgoing = None  # too much to keep for a second try
            else:
                outgoing.append(data)
        self._connection.transport.write(data)
        if self.request_done:
            self._sent_s = self.plane.loop.time()

    def request_broken(self, wrong: FramingError) -> None:
        """The body's framing is bad: nothing more of it goes to the upstream."""
        if self.response is None:
            self.refuse(bad_framing(wrong.status, str(wrong)))
        else:
            self._cut(End.CLIENT_GONE)

    # --- the choice ------------------------------------------------------------------------------------------------

    def _choose(self) -> None:
        """Pick the plan, write what it changes, and go."""
        enforcer = self.plane.enforcer
        asked, reading = self._asked, self._reading
        names: tuple[str, ...] = (asked.model,) if asked.model else ()
        if reading is not None:
            read = reading.names(self._outgoing or [], asked.inference, enforcer.strict)
            if isinstance(read, Reply):
                self.refuse(read)
                return
            names += read
        self._names = names
        plan = enforcer.choose(names, asked.inference and self.head.framing is not _NONE)
        refusal: Reply | None
        if isinstance(plan, Reply):
            refusal = plan
        else:
            self._plan = plan
            refusal = (plan.admit(self.plane.loop.time()) if plan.held_back else None) or self._prepare(plan)
        if refusal is not None:
            self.refuse(refusal)
        else:
            self._dispatch()

    def _prepare(self, plan: Plan) -> Reply | None:
        """The head as it goes out, and the body where the plan renames the model."""
        upstream = self.plane.upstreams.get(plan.upstream)
        if upstream is None:
            return upstream_failed(502, "groundwire_no_upstream", plan.upstream, "is in no setting")
        self._upstream = upstream
        asked, reading = self._asked, self._reading
        target = asked.target if asked.host is not None else None
        length = -1
        names = self._names
        known = bool(names) and names[-1] == plan.route
        if (known or (names and plan.base_served)) and names[-1] != plan.model:
            if asked.model:
                if asked.span is None:
                    return undecidable("the model in the path cannot be read with certainty")
                target = with_model(asked, plan.model)
            if reading is not None and reading.spans:
                body = reading.rewritten(self._outgoing or [], plan.model)
                self.plane.bodies_held_bytes += len(body) - self._outgoing_bytes
                self._outgoing, self._outgoing_bytes = [body], len(body)
                length = len(body)
            self.plane.counts.rewritten += 1
        elif plan.must_name and not names:
            return undecidable("the request names no model")
        if upstream.prefix_bytes and asked.target != b"*":
            target = upstream.prefix_bytes + (target or asked.target)
        host = upstream.upstream_host or asked.host or (upstream.place.authority if self.head.host is None else None)
        extra = self.client.forwarded(self.head) if self.plane.settings.x_forwarded else ()
        trace = None
        if self.plane.enforcer.tracing is not None and (trace := self._sent_on()) is not None:
            self._trace = trace.traceparent
        self._head_out = request_head(
            self.head, target=target, host=host, length=length, extra=extra, continued=self.continued, trace=trace
        )
        return None

    # --- the upstream ----------------------------------------------------------------------------------------------

    def _dispatch(self) -> None:
        """Take an idle connection or open one."""
        assert self._upstream is not None
        connection = self._upstream.take()
        if connection is not None:
            self.attach(connection)
        else:
            self._connect()

    def _connect(self) -> None:
        upstream = self._upstream
        assert upstream is not None
        if upstream.full():
            limit = self.plane.limits.upstream_connections_max
            text = f"has {limit} connections open, the bound `limits.upstream_connections_max`"
            self.refuse(upstream_failed(503, "groundwire_upstream_full", upstream.name, text))
        else:
            self._connecting = upstream.connect(self)

    def attach(self, connection: UpstreamConnection) -> None:
        """A connection is there: send."""
        self._connecting = None
        if self._done:
            connection.upstream.put(connection)
            return
        self._connection = connection
        if self.client.write_paused:
            connection.pause()
        outgoing = self._outgoing
        data = self._head_out + b"".join(outgoing) if outgoing else self._head_out
        self._sent_s = self.active_s = self.plane.loop.time()
        if not self._sent_unix_s:
            self._sent_unix_s = time()
        connection.begin(self, data)
        if not self.request_done and not connection.write_paused:
            self.client.resume_reading()

    def connect_failed(self, wrong: Exception) -> None:
        """No connection came about."""
        self._connecting = None
        if self._done or self._upstream is None:
            return
        late = isinstance(wrong, TimeoutError)
        text = "could not be reached in time" if late else f"could not be reached: {wrong}"
        status, code = (504, "groundwire_connect_timeout") if late else (502, "groundwire_connect_failed")
        self.refuse(upstream_failed(status, code, self._upstream.name, text), End.UPSTREAM_FAILED)

    def upstream_ended(self, connection: UpstreamConnection, clean: bool) -> None:
        """The upstream's connection is gone, before the response was whole as far as its framing tells."""
        if self._done:
            return
        if self.tunnel:
            self._connection = None
            self.finish(End.COMPLETE)
            self.client.close()
        elif self.response is not None and clean and connection.until_eof():
            self._connection = None
            connection.close()
            self.response_complete()
        elif self.response is not None:
            self._cut(End.UPSTREAM_CUT)
        elif connection.unanswered() and self._may_retry(connection):
            self._retried = True
            self.plane.counts.retries += 1
            self._connection = None
            connection.close()
            self._connect()
        else:
            self.response_broken("closed the connection before it answered")

    def _may_retry(self, connection: UpstreamConnection) -> bool:
        """Once, on a fresh connection, where the old one was kept open and the whole request is still here."""
        if not connection.reused or self._retried or not self.request_done or self._outgoing is None:
            return False
        if self.head.method in IDEMPOTENT:
            return True
        return self.plane.loop.time() - self._sent_s <= STALE_WITHIN_S
