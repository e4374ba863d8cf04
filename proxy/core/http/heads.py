"""Heads of requests and responses, judged strictly (RFC 9112 sections 2 to 6). Pure.

A head is read once, here, and whatever two servers could read in two ways is refused: who decides where a message
ends decides what the next one is (RFC 9112 section 11.2). Decision 0002 says why this is not llhttp.

`parse_request` and `parse_response` take the bytes up to and with the empty line. A head keeps its lines as they
came; `forwarding.py` makes of them what goes out on the other side.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from proxy.core.errors import FramingError
from proxy.core.exchange import Framing
from proxy.core.tenant_shard import NOBODY

HEAD_END: Final = b"\r\n\r\n"
LENGTH_DIGITS_MAX: Final = 15


class HeadTooLarge(FramingError):  # noqa: N818 - named by what is wrong
    """More bytes or fields than the limits allow."""

    status = 431


class VersionUnsupported(FramingError):  # noqa: N818
    """Not HTTP/1.0 or HTTP/1.1."""

    status = 505


class ExpectationFailed(FramingError):  # noqa: N818
    """An Expect other than 100-continue."""

    status = 417


# What Groundwire itself reads of a head. Plain numbers, since one is looked up for every such field.
(
    CONTENT_LENGTH,
    TRANSFER_ENCODING,
    CONNECTION,
    HOP,  # dropped unread
    HOST,
    EXPECT,
    UPGRADE,
    CONTENT_TYPE,
    CONTENT_ENCODING,
    TRACEPARENT,
    CHOOSER,  # chooses an adapter beside the body: SageMaker's two (vLLM obeys the first), Ray Serve's
) = range(1, 12)

_KINDS: Final = {
    b"content-length": CONTENT_LENGTH,
    b"transfer-encoding": TRANSFER_ENCODING,
    b"connection": CONNECTION,
    b"keep-alive": HOP,
    b"proxy-connection": HOP,
    b"te": HOP,
    b"host": HOST,
    b"expect": EXPECT,
    b"upgrade": UPGRADE,
    b"content-type": CONTENT_TYPE,
    b"content-encoding": CONTENT_ENCODING,
    b"traceparent": TRACEPARENT,
    b"x-amzn-sagemaker-adapter-identifier": CHOOSER,
    b"x-amzn-sagemaker-target-model": CHOOSER,
    b"serve_multiplexed_model_id": CHOOSER,
}
# The spellings that clients and servers really send, so that most names need no lowering.
_SPELLED: Final = {
    **_KINDS,
    **{b"-".join(part.capitalize() for part in name.split(b"-")): kind for name, kind in _KINDS.items()},
}
# Fields that decide framing or meaning: `Connection: Content-Length` may not take them from the next reader.
_NEVER_NAMED: Final = frozenset(
    {b"content-length", b"transfer-encoding", b"host", b"content-type", b"content-encoding"}
)
_OPTIONS_OF_CONNECTION: Final = frozenset({b"", b"close", b"keep-alive", b"upgrade"})

_BLANKS: Final = (b" ", b"\t")
_TOKEN: Final = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]"
_FIELDS: Final = rb"\r\n(?:" + _TOKEN + rb"++:[^\x00-\x08\x0a-\x1f\x7f]*+\r\n)*+\r\n"
_request: Final = re.compile(rb"(" + _TOKEN + rb"{1,64}+) ([^\x00-\x20\x7f#]++) HTTP/(\d\.\d)" + _FIELDS).fullmatch
_NONE, _LENGTH, _CHUNKED, _EOF = Framing.NONE, Framing.LENGTH, Framing.CHUNKED, Framing.EOF  # a lookup costs in 3.11
_response: Final = re.compile(rb"HTTP/1\.([01]) ([1-5]\d\d)(?: [^\x00-\x08\x0a-\x1f\x7f]*+)?" + _FIELDS).fullmatch
# (the line with the CRLF before it, its name, its value)
_read_fields: Final = re.compile(rb"(\r\n((?i:" + b"|".join(_KINDS) + rb")):[ \t]*+([^\r]*+))").findall
_host: Final = re.compile(
    rb"(?:[A-Za-z0-9._~!$&'()*+;=%-]*|\[[0-9A-Fa-f:.]+(?:%25[A-Za-z0-9._~-]+)?\])(?::[0-9]{0,5})?"
).fullmatch


class Head:
    """What requests and responses share.

    `drop` are the lines that end here (hop by hop, and those that `Connection` names), each with the CRLF before it;
    so are the other `*_line`. `length` is -1 where none was given. A head is never changed once it is read.
    """

    __slots__ = (
        "content_encoding",
        "content_encoding_text",
        "content_type",
        "content_type_text",
        "drop",
        "forwarded",
        "framing",
        "keep_alive",
        "length",
        "length_line",
        "minor",
        "raw",
        "transfer_line",
        "upgrade",
        "upgrade_line",
    )

    def __init__(self, raw: bytes, minor: int) -> None:
        self.raw = raw
        self.minor = minor
        self.drop: list[bytes] = []
        self.forwarded = b""  # what goes out for it where nothing special is asked; kept by `forwarding`
        self.framing = _NONE
        self.keep_alive = minor == 1
        self.length = -1
        self.length_line = self.transfer_line = self.upgrade_line = b""
        self.upgrade = self.content_type = self.content_encoding = b""
        self.content_type_text = self.content_encoding_text = ""

    def read(self, kind: int, line: bytes, value: bytes) -> None:
        """One of the fields that matter. Raises FramingError."""
        if value[-1:] in _BLANKS:
            value = value.rstrip(b" \t")
        if kind == CONTENT_LENGTH:
            if self.length_line:
                raise FramingError("Content-Length is repeated")
            if not value.isdigit() or len(value) > LENGTH_DIGITS_MAX:
                raise FramingError("Content-Length is not a number")
            self.length, self.length_line = int(value), line
        elif kind == CONTENT_TYPE:
            self.content_type, self.content_type_text = value, value.decode("latin-1")
        elif kind == CONNECTION:
            self.drop.append(line)
            self._read_options(value)
        elif kind == HOP:
            self.drop.append(line)
        elif kind == TRANSFER_ENCODING:
            if self.transfer_line:
                raise FramingError("Transfer-Encoding is repeated")
            if value.lower() != b"chunked":
                raise FramingError("Transfer-Encoding is not chunked")
            self.transfer_line = line
        elif kind == UPGRADE:
            if self.upgrade_line:
                raise FramingError("Upgrade is repeated")
            self.upgrade, self.upgrade_line = value, line
            self.drop.append(line)
        elif kind == CONTENT_ENCODING:
            self.content_encoding = self.content_encoding + b", " + value if self.content_encoding else value
            self.content_encoding_text = self.content_encoding.decode("latin-1")

    def check(self) -> None:
        """What can be said once all fields are known."""
        if self.transfer_line:
            if self.length_line:
                raise FramingError("Transfer-Encoding together with Content-Length")
            if self.minor == 0:
                raise FramingError("Transfer-Encoding in HTTP/1.0")
        asked = self.minor == 1 and self.upgrade.lower() == b"websocket" and b"upgrade" in self.options()
        if self.upgrade and not asked:
            self.upgrade = b""  # within HTTP/2 or TLS nobody would read `model`: such offers end here (RFC 9110 7.8)

    def _read_options(self, value: bytes) -> None:
        value = value.lower()
        if value == b"keep-alive":
            self.keep_alive = True
        elif value == b"close":
            self.keep_alive = False
        else:
            self._read_rare_options()

    def _read_rare_options(self) -> None:
        options = self.options()
        if b"close" in options:
            self.keep_alive = False
        elif b"keep-alive" in options:
            self.keep_alive = True
        named = options - _OPTIONS_OF_CONNECTION - _NEVER_NAMED
        self.drop += [
            line for line in self.lines() if field_name(line) in named and _KINDS.get(field_name(line)) not in _DROPPED
        ]

    def options(self) -> set[bytes]:
        """Everything that `Connection` lists, in lower case."""
        values = b",".join(line.partition(b":")[2] for line in self.lines() if field_name(line) == b"connection")
        return {option.strip(b" \t").lower() for option in values.split(b",")}

    def lines(self) -> list[bytes]:
        """The field lines, each with the CRLF before it."""
        return [b"\r\n" + line for line in self.raw[:-4].split(b"\r\n")[1:]]


_DROPPED: Final = (CONNECTION, HOP, UPGRADE)  # in any case


class RequestHead(Head):
    """A request's head. `target` is as it came; `host` is None in HTTP/1.0 without one; `expect` wants a 100.

    `chooser` is the line of a field that chooses an adapter, b"" where there is none. `traceparent` is b"" without one;
    several are joined as a list, which no valid one is.
    """

    __slots__ = (
        "chooser",
        "expect",
        "expect_line",
        "host",
        "host_line",
        "method",
        "method_text",
        "path_text",
        "target",
        "tenant",
        "trace_lines",
        "traceparent",
    )

    def __init__(self, raw: bytes, minor: int, method: bytes, target: bytes) -> None:
        super().__init__(raw, minor)
        self.method = method
        self.method_text = method.decode()
        self.target = target
        self.path_text = target.partition(b"?")[0].decode("latin-1")
        self.host: bytes | None = None
        self.host_line = self.expect_line = self.traceparent = self.chooser = b""
        self.trace_lines: tuple[bytes, ...] = ()
        self.tenant = NOBODY  # whoever reads heads says it: `core.tenant_shard`
        self.expect = False

    def read(self, kind: int, line: bytes, value: bytes) -> None:
        """One of the fields that matter. Raises FramingError."""
        if kind == HOST:
            value = value.rstrip(b" \t")
            if self.host_line:
                raise FramingError("Host is repeated")
            check_host(value)
            self.host, self.host_line = value, line
        elif kind == EXPECT:
            if value.rstrip(b" \t").lower() != b"100-continue":
                raise ExpectationFailed("Expect is not 100-continue")
            self.expect, self.expect_line = self.minor == 1, line
        elif kind == TRACEPARENT:
            value = value.rstrip(b" \t")
            self.traceparent = self.traceparent + b", " + value if self.trace_lines else value
            self.trace_lines += (line,)
        elif kind == CHOOSER:
            self.chooser = line
        elif kind == CONTENT_TYPE and self.content_type:
            raise FramingError("Content-Type is repeated")
        else:
            Head.read(self, kind, line, value)


class ResponseHead(Head):
    """A response's head."""

    __slots__ = ("status",)

    def __init__(self, raw: bytes, minor: int, status: int) -> None:
        super().__init__(raw, minor)
        self.status = status


def parse_request(raw: bytes, fields_max: int) -> RequestHead:
    """Read a request's head, the empty line included. Raises FramingError; its `status` is what the client is told."""
    match = _request(raw)
    if match is None:
        raise FramingError(_why(raw, "the request line is not METHOD TARGET VERSION"))
    method, target, version = match.groups()
    head = RequestHead(raw, 1 if version == b"1.1" else _minor(version), method, target)
    if raw.count(b"\r\n") - 2 > fields_max:
        raise HeadTooLarge(f"more than {fields_max} header fields")
    for line, name, value in _read_fields(raw):
        head.read(_SPELLED.get(name) or _KINDS[name.lower()], line, value)
    if head.transfer_line or head.upgrade:
        head.check()
    if head.transfer_line:
        head.framing = _CHUNKED
    elif head.length > 0:
        head.framing = _LENGTH
    if head.host is None and head.minor == 1:
        raise FramingError("Host is missing")
    return head


def parse_response(raw: bytes, fields_max: int, to_head: bool) -> ResponseHead:
    """Read a response's head; `to_head`: it answers HEAD, so no body follows. Raises FramingError."""
    match = _response(raw)
    if match is None:
        raise FramingError(_why(raw, "the status line is not valid"))
    minor, digits = match.groups()
    status = int(digits)
    head = ResponseHead(raw, 1 if minor == b"1" else 0, status)
    if raw.count(b"\r\n") - 2 > fields_max:
        raise HeadTooLarge(f"more than {fields_max} header fields")
    for line, name, value in _read_fields(raw):
        head.read(_SPELLED.get(name) or _KINDS[name.lower()], line, value)
    if head.transfer_line or head.upgrade:
        head.check()
    if status < 200 or status == 204:
        if head.transfer_line or head.length > 0:
            raise FramingError(f"a body was announced for status {status}")
    elif not to_head and status != 304:
        if head.transfer_line:
            head.framing = _CHUNKED
        elif not head.length_line:
            head.framing, head.keep_alive = _EOF, False
        elif head.length:
            head.framing = _LENGTH
    return head


def _minor(version: bytes) -> int:
    if version == b"1.0":
        return 0
    raise VersionUnsupported(f"HTTP/1.1 and HTTP/1.0 are served here, not HTTP/{version.decode()}")


@lru_cache(maxsize=512)
def check_host(host: bytes) -> None:
    """Raises FramingError where this is no `host[:port]`."""
    if len(host) > 512 or not _host(host):
        raise FramingError("Host is not valid")


def field_name(line: bytes) -> bytes:
    """The name of a field line (with or without a CRLF before it), in lower case."""
    return line.partition(b":")[0].strip(b"\r\n").lower()


def check_beginning(data: bytes) -> None:
    """Refuse early what can never become a head, so that nobody waits for its end. Raises FramingError.

    `data` begins a head whose empty line has not come.
    """
    breaks = data.count(b"\r\n")
    if data.count(b"\n") != breaks or data.count(b"\r", 0, len(data) - 1) > breaks:
        raise FramingError("a bare CR or LF in the head")
    if data[:1] != b"\r" and not _begins(data):
        raise FramingError("this is not HTTP")


def check_size(data: bytes, end: int, bytes_max: int) -> None:
    """Hold a head to its bound; `end` is where its empty line was found, or -1. Raises HeadTooLarge."""
    if (len(data) if end < 0 else end) > bytes_max:
        raise HeadTooLarge(f"the head is over {bytes_max} bytes")


_begins: Final = re.compile(_TOKEN).match


def _why(raw: bytes, start_line: str) -> str:
    """What is wrong with a head that is none."""
    first, *lines = raw[:-4].split(b"\r\n")
    if any(b"\n" in line or b"\r" in line for line in (first, *lines)):
        return "a bare CR or LF in the head"
    for line in lines:
        name, colon, _ = line.partition(b":")
        if line[:1] in (b" ", b"\t"):
            return "a header line is folded"
        if not colon:
            return "a header line has no colon"
        if re.fullmatch(_TOKEN + rb"+[ \t]+", name):
            return "white space between a header name and its colon"
        if not re.fullmatch(_TOKEN + rb"+", name):
            return "a header name is not a token"
        if re.search(rb"[\x00-\x08\x0a-\x1f\x7f]", line):
            return "a control character in a header"
    return start_line
