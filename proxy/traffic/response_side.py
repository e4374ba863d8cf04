"""The response's way back: its head cleaned, every read passed on as it came, upgrades tunnelled."""

from __future__ import annotations

from time import time

from proxy.core.exchange import End, Framing
from proxy.core.http.forwarding import response_head
from proxy.core.http.heads import ResponseHead
from proxy.traffic.exchange_state import ExchangeState
from proxy.traffic.replies import upstream_failed

_CHUNKED, _EOF = Framing.CHUNKED, Framing.EOF  # a lookup costs in 3.11
_COMPLETE = End.COMPLETE


class ResponseSide(ExchangeState):
    """Called by the upstream's connection."""

    __slots__ = ()

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

    def relay_head(self, head: ResponseHead, rest: bytes, both: bytes) -> None:
        """Pass on the head and the beginning of the body, in one write.

        `both` are the two as they came, or empty where something came behind them.
        """
        self.response = head
        self._status = head.status
        self.active_s = self.plane.now_s
        self._release_held()
        dechunked = self._dechunked is not None
        if head.framing is _EOF or dechunked or self._must_close():
            self.close_client = True
        connection = b"close" if self.close_client else b"keep-alive" if self.head.minor == 0 else b""
        changed = connection or head.drop or not head.minor or dechunked or not both
        data = response_head(head, connection, dechunked) if changed else both
        if rest:
            self._chunks += 1
            if self._capture_bytes:
                self._keep(self._response_parts, rest)
            self._response_bytes = len(rest)
            if self._dechunked is not None:
                data += b"".join(self._dechunked)
                self._dechunked.clear()
            elif changed:
                data += rest
        self.client.transport.write(data)

    def relay(self, data: bytes) -> None:
        """Pass on a read of the body, as it came."""
        self.active_s = self.plane.now_s
        self._chunks += 1
        if not self._response_bytes:  # servers send the head of a stream before they have a first token
            self._first_byte_s = time()
        if self._response_bytes < self._capture_bytes:
            self._keep(self._response_parts, data)
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
        if connection.half_closed:
            connection.transport.close()  # both have said all: what is still to be written goes out first
        else:
            connection.transport.write_eof()
        return True

    def response_broken(self, why: str) -> None:
        """The response cannot be trusted: 502 while nothing was passed on, else both sides are cut."""
        if self.response is not None:
            self._cut(End.UPSTREAM_CUT)
            return
        assert self._upstream is not None
        reply = upstream_failed(502, "groundwire_bad_response", self._upstream.name, f"failed: {why}")
        self.refuse(reply, End.UPSTREAM_FAILED)
