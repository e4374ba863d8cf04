"""HTTP on bare sockets, for tests: a client that sends any bytes, an upstream that answers any bytes.

The reader here is small and knows nothing of `proxy`: what Groundwire thinks of a message is checked by somebody else.
"""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field

PATIENCE_S = 60.0  # a limit for a busy machine, not a measurement


class Incomplete(Exception):  # noqa: N818 - it says how a message ended
    """The connection ended before the message did."""


@dataclass(slots=True)
class Message:
    """A request or response as it came. `wire` is all of the body with its framing, `content` the body without it."""

    start: bytes
    fields: list[tuple[bytes, bytes]]
    head: bytes
    wire: bytes = b""
    content: bytes = b""
    complete: bool = True
    interim: list[bytes] = field(default_factory=list)

    @property
    def status(self) -> int:
        """The status of a response."""
        return int(self.start.split(b" ")[1])

    def get(self, name: bytes) -> bytes | None:
        """The first value of a field."""
        return next((value for key, value in self.fields if key.lower() == name.lower()), None)


class Wire:
    """One connected socket, read message by message. `log` is every byte that came."""

    def __init__(self, sock: socket.socket, log: Callable[[bytes], None] | None = None) -> None:
        self.sock = sock
        self.sock.settimeout(PATIENCE_S)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""
        self.ended = False
        self._log = log

    def __enter__(self) -> Wire:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def send(self, data: bytes, cuts: Iterable[int] = (), pause_s: float = 0.0) -> None:
        """Send the bytes, in pieces that end at `cuts` (offsets)."""
        at = 0
        for cut in [*sorted({c for c in cuts if 0 < c < len(data)}), len(data)]:
            self.sock.sendall(data[at:cut])
            at = cut
            if pause_s and cut != len(data):
                time.sleep(pause_s)

    def finish(self) -> None:
        """Send FIN."""
        with suppress(OSError):
            self.sock.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """Close with RST."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def close(self) -> None:
        """Close."""
        self.finish()
        self.sock.close()

    def more(self) -> bool:
        """Read some; False at the end."""
        if self.ended:
            return False
        try:
            data = self.sock.recv(65_536)
        except (ConnectionResetError, BrokenPipeError):
            data = b""
        if self._log is not None and data:
            self._log(data)
        self.buffer += data
        self.ended = not data
        return bool(data)

    def rest(self) -> bytes:
        """All bytes until the other side closes. Raises TimeoutError where it does not."""
        while self.more():
            pass
        data, self.buffer = self.buffer, b""
        return data

    def take(self, size: int) -> bytes:
        """Exactly so many bytes. Raises Incomplete."""
        while len(self.buffer) < size:
            if not self.more():
                raise Incomplete
        data, self.buffer = self.buffer[:size], self.buffer[size:]
        return data

    def take_until(self, end: bytes) -> bytes:
        """Bytes up to and with `end`. Raises Incomplete."""
        while end not in self.buffer:
            if not self.more():
                raise Incomplete
        return self.take(self.buffer.index(end) + len(end))

    def request(self) -> Message | None:
        """The next request, or None at the end. Raises Incomplete."""
        if not self.buffer and not self.more():
            return None
        message = self._head()
        self._body(message, has_body=message.get(b"content-length") is not None)
        return message

    def response(self, to_head: bool = False) -> Message:
        """The next final response. `complete` is false where it broke off in its body. Raises Incomplete before."""
        interim = []
        while (message := self._head()).status < 200 and message.status != 101:
            interim.append(message.head)
        message.interim = interim
        if to_head or message.status in (101, 204, 304):
            return message
        try:
            self._body(message, has_body=True)
        except Incomplete:
            message.complete = False
            message.wire += self.buffer
            self.buffer = b""
        return message

    def _head(self) -> Message:
        head = self.take_until(b"\r\n\r\n")
        start, *lines = head[:-4].split(b"\r\n")
        pairs = [line.partition(b":") for line in lines]
        assert all(colon for _, colon, _ in pairs), head
        return Message(start, [(name, value.strip(b" \t")) for name, _, value in pairs], head)

    def _body(self, message: Message, has_body: bool) -> None:
        if (message.get(b"transfer-encoding") or b"").lower() == b"chunked":
            self._chunks(message)
        elif (length := message.get(b"content-length")) is not None:
            while len(message.wire) < int(length):
                message.wire += self.take(min(int(length) - len(message.wire), len(self.buffer)) or 1)
            message.content = message.wire
        elif has_body:
            message.wire = message.content = self.rest()

    def _chunks(self, message: Message) -> None:
        while True:
            line = self.take_until(b"\r\n")
            message.wire += line
            size = int(line[:-2].partition(b";")[0], 16)
            if size == 0:
                break
            message.wire += self.take(size + 2)
            message.content += message.wire[-size - 2 : -2]
        while (line := self.take_until(b"\r\n")) != b"\r\n":
            message.wire += line
        message.wire += line


def connect(port: int) -> Wire:
    """A client's connection to a port of this machine."""
    return Wire(socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S))


def exchange(port: int, data: bytes) -> bytes:
    """Send the bytes on a connection of their own; all bytes of the answer until the other side closes."""
    with connect(port) as wire:
        with suppress(ConnectionResetError, BrokenPipeError):
            wire.send(data)
        return wire.rest()


OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok"

Handler = Callable[[Wire, Message], None]


def answer_ok(wire: Wire, _request: Message) -> None:
    """A fixed short answer."""
    wire.send(OK)


class ScriptedUpstream:
    """A server that answers every request as `handler` says, and keeps all that it received.

    A handler may send anything, close, or reset; the connection goes on where it returns with the socket open.
    """

    def __init__(self) -> None:
        self.handler: Handler = answer_ok
        self.requests: list[Message] = []
        self._received: list[bytes] = []
        self._open: set[Wire] = set()
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port: int = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> ScriptedUpstream:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes accept
        self._listener.close()
        self.hang_up()

    @property
    def received(self) -> bytes:
        """Every byte that came since `clear`, over all connections."""
        with self._lock:
            return b"".join(self._received)

    @property
    def connections(self) -> int:
        """How many connections are open now."""
        with self._lock:
            return len(self._open)

    def clear(self, handler: Handler = answer_ok) -> None:
        """Forget what came, and answer so from now on."""
        with self._lock:
            self._received.clear()
            self.requests.clear()
        self.handler = handler

    def hang_up(self) -> None:
        """Close all connections."""
        with self._lock:
            wires = list(self._open)
        for wire in wires:
            wire.close()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _note(self, data: bytes) -> None:
        with self._lock:
            self._received.append(data)

    def _serve(self, sock: socket.socket) -> None:
        wire = Wire(sock, self._note)
        with self._lock:
            self._open.add(wire)
        sock.settimeout(None)
        with suppress(Incomplete, OSError, ValueError, AssertionError):
            while (message := wire.request()) is not None:
                with self._lock:
                    self.requests.append(message)
                self.handler(wire, message)
        with self._lock:
            self._open.discard(wire)
        wire.close()


def until(probe: Callable[[], bool], what: str, patience_s: float = PATIENCE_S) -> None:
    """Wait until `probe` is true. Raises AssertionError that names what did not come."""
    deadline = time.monotonic() + patience_s
    while not probe():
        assert time.monotonic() < deadline, f"{what} did not come within {patience_s:.0f} s"
        time.sleep(0.005)
