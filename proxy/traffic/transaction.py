"""One exchange in flight: from a request's head to the end of its response. Stands between the two connections.

    begin -> [hold and scan the body] -> choose a plan -> dispatch -> attach -> begin_response -> relay ... -> end

No task and no future belongs to it; whatever happens is a call from one of the two connections or from the sweep.
"""

from __future__ import annotations

import random
from asyncio import Task
from time import time
from typing import TYPE_CHECKING, Final

from proxy.core.errors import FramingError
from proxy.core.exchange import Body, End, Exchange, Framing
from proxy.core.forwarding import request_head, response_head
from proxy.core.framing import ChunkedBody
from proxy.core.heads import RequestHead, ResponseHead
from proxy.core.targets import Asked, with_model
from proxy.traffic.admission import Need, Reading, need_of
from proxy.traffic.capture import captured
from proxy.traffic.enforcer import Plan
from proxy.traffic.replies import CONTINUE, Reply, bad_framing, denied_path, undecidable, upstream_failed
from proxy.traffic.upstream import UpstreamConnection, body_scanner

if TYPE_CHECKING:
    from proxy.traffic.client import ClientConnection
    from proxy.traffic.pool import Upstream

# RFC 9110 section 9.2.2. Any other method is sent again only where a kept-open connection was closed so soon after
# the request went out that the server had closed it before it saw the request (RFC 9112 section 9.3.1).
IDEMPOTENT: Final = frozenset({b"GET", b"HEAD", b"OPTIONS", b"TRACE", b"PUT", b"DELETE"})
STALE_WITHIN_S: Final = 1.0

_NONE, _CHUNKED, _EOF = Framing.NONE, Framing.CHUNKED, Framing.EOF  # a lookup costs in 3.11
_NOTHING, _MULTIPART = Need.NOTHING, Need.MULTIPART
_COMPLETE = End.COMPLETE


class Transaction:
    """The state of one exchange."""

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
        "_started_unix_s",
        "_status",
        "_thinned",
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
        self._sent_s = 0.0
        self._status = 0
        self._chunks = 0
        self._coverage_k = k = plane.enforcer.coverage_k
        self._thinned = k > 0 and random.getrandbits(k) != 0
        self._capture_bytes = 0 if self._thinned else plane.capture_bytes_max
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

    # --- the request -----------------------------------------------------------------------------------------------

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
            self._request_parts.append(body)
        if self._reading is not None:
            self.plane.bodies_held_bytes += size
            self._reading.feed(body, False)
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
            self._request_parts.append(data)
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
        self._release_held()
        self._reading = None
        self._names = ()
        self._choose()

    def _release_held(self) -> None:
        if self._reading is not None:
            self.plane.bodies_held_bytes -= self._outgoing_bytes

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
        self._head_out = request_head(
            self.head, target=target, host=host, length=length, extra=extra, continued=self.continued
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

    def response_broken(self, why: str) -> None:
        """The response cannot be trusted: 502 while nothing was passed on, else both sides are cut."""
        if self.response is not None:
            self._cut(End.UPSTREAM_CUT)
            return
        assert self._upstream is not None
        reply = upstream_failed(502, "groundwire_bad_response", self._upstream.name, f"failed: {why}")
        self.refuse(reply, End.UPSTREAM_FAILED)

    # --- the response ----------------------------------------------------------------------------------------------

    def relay_interim(self, head: ResponseHead) -> None:
        """A 1xx: clients of HTTP/1.0 do not know them."""
        if self.head.minor == 1:
            self.client.write(response_head(head))

    def begin_response(self, head: ResponseHead) -> list[bytes] | None:
        """The head came. Returns where the content goes if chunks must be undone, which HTTP/1.0 does not know."""
        self._first_byte_s = time()
        if head.framing is _CHUNKED and self.head.minor == 0:
            self._dechunked = []
        return self._dechunked

    def relay_head(self, head: ResponseHead, rest: bytes) -> None:
        """Pass on the head and the beginning of the body, in one write."""
        self.response = head
        self._status = head.status
        self.active_s = self.plane.now_s
        dechunked = self._dechunked is not None
        if head.framing is _EOF or dechunked or self._must_close():
            self.close_client = True
        connection = b"close" if self.close_client else b"keep-alive" if self.head.minor == 0 else b""
        data = response_head(head, connection, dechunked) if connection or head.drop or not head.minor else head.raw
        if rest:
            self._chunks += 1
            if self._capture_bytes:
                self._response_parts.append(rest)
            self._response_bytes = len(rest)
            data += b"".join(self._dechunked) if self._dechunked is not None else rest
            if self._dechunked:
                self._dechunked.clear()
        self.client.transport.write(data)

    def relay(self, data: bytes) -> None:
        """Pass on a read of the body, as it came."""
        self.active_s = self.plane.now_s
        self._chunks += 1
        if self._response_bytes < self._capture_bytes:
            self._response_parts.append(data)
        self._response_bytes += len(data)
        if self._dechunked is None:
            self.client.transport.write(data)
        elif self._dechunked:
            self.client.transport.write(b"".join(self._dechunked))
            self._dechunked.clear()

    def _must_close(self) -> bool:
        """Whether the client's connection cannot go on after this.

        What came behind an upgrade that was refused was meant for the other protocol: it is never read as a request.
        """
        if self.close_client or not self.request_done or self.plane.draining:
            return True
        return bool(self.head.upgrade) and self.client.has_more()

    def response_complete(self) -> None:
        """The response is whole."""
        self._connection = None
        self.finish(_COMPLETE)
        self.client.transaction_over(self._must_close())

    # --- tunnels ---------------------------------------------------------------------------------------------------

    def may_tunnel(self) -> bool:
        """Whether the client asked for other protocols."""
        return bool(self.head.upgrade) and self.request_done

    def begin_tunnel(self, head: ResponseHead, rest: bytes) -> None:
        """101: from here on bytes go both ways as they come."""
        self.tunnel = True
        self._first_byte_s = time()
        self.response, self._status = head, 101
        self.client.transport.write(response_head(head, b"Upgrade") + rest)
        self.client.begin_tunnel()

    def tunnel_received(self, data: bytes) -> None:
        """Bytes from the client."""
        self.active_s = self.plane.now_s
        if self._connection is not None and not self._connection.closing:
            self._connection.transport.write(data)

    def tunnel_half_closed(self) -> bool:
        """The upstream will send no more. True: the other direction lives on."""
        return self.client.end_writing()

    def client_half_closed(self) -> bool:
        """The client will send no more. True: the other direction lives on."""
        connection = self._connection
        if connection is None or connection.closing or not connection.transport.can_write_eof():
            return False
        connection.transport.write_eof()
        return True

    # --- the end ---------------------------------------------------------------------------------------------------

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
        counts = self.plane.counts
        counts.requests[self._status // 100] += 1
        counts.bytes_in += self._request_bytes
        counts.bytes_out += self._response_bytes
        if self._thinned:
            self.plane.link.count_thinned()
        else:
            self.plane.link.offer(self._exchange(end))

    def _exchange(self, end: End) -> Exchange:
        head, response, plan, names = self.head, self.response, self._plan, self._names
        requested = names[-1] if names else ""
        bound = self._capture_bytes
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
        )
