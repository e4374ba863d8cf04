"""Messages that two servers could read in two ways, and malformed ones: data, each with a name.

An anomaly of the fields or of chunked framing stands in a request and in a response alike, so those are written once,
as field lines and a body. `FIELDS` are wrong before a byte of the body is looked at; `CHUNKS` are wrong within it.
Sources: RFC 9112 (sections 2.2, 3.2, 5, 6, 7, 11.2), and the classes of published smuggling work: CL.TE, TE.CL, TE.TE,
CL.0, 0.CL, chunk extensions, trailers, header line endings.
"""

from __future__ import annotations

from dataclasses import dataclass

MARK = b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"  # what a disagreement would let through

CHUNKED = b"Transfer-Encoding: chunked\r\n"
_FIVE = b"5\r\nhello\r\n0\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Anomaly:
    """Field lines (each with its line end) and a body."""

    name: str
    lines: bytes
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Case:
    """A whole message. `statuses` are the answers that are right for a request."""

    name: str
    data: bytes
    statuses: tuple[int, ...] = (400,)


FIELDS = (
    # Content-Length, against itself
    Anomaly("cl-twice-differs", b"Content-Length: 5\r\nContent-Length: 6\r\n", b"hello!"),
    Anomaly("cl-twice-same", b"Content-Length: 5\r\nContent-Length: 5\r\n", b"hello"),
    Anomaly("cl-twice-case", b"Content-Length: 5\r\ncontent-length: 0\r\n", b"hello"),
    Anomaly("cl-list-same", b"Content-Length: 5, 5\r\n", b"hello"),
    Anomaly("cl-list-differs", b"Content-Length: 5, 0\r\n", b"hello"),
    Anomaly("cl-list-empty-member", b"Content-Length: 5,\r\n", b"hello"),
    Anomaly("cl-plus", b"Content-Length: +5\r\n", b"hello"),
    Anomaly("cl-minus", b"Content-Length: -5\r\n", b"hello"),
    Anomaly("cl-hex", b"Content-Length: 0x5\r\n", b"hello"),
    Anomaly("cl-octal-look", b"Content-Length: 0o5\r\n", b"hello"),
    Anomaly("cl-exponent", b"Content-Length: 5e0\r\n", b"hello"),
    Anomaly("cl-decimal", b"Content-Length: 5.0\r\n", b"hello"),
    Anomaly("cl-underscore", b"Content-Length: 0_5\r\n", b"hello"),
    Anomaly("cl-empty", b"Content-Length:\r\n", b"hello"),
    Anomaly("cl-blank", b"Content-Length: \t \r\n", b"hello"),
    Anomaly("cl-two-numbers", b"Content-Length: 5 5\r\n", b"hello"),
    Anomaly("cl-unit", b"Content-Length: 5b\r\n", b"hello"),
    Anomaly("cl-semicolon", b"Content-Length: 5;a=b\r\n", b"hello"),
    Anomaly("cl-quoted", b'Content-Length: "5"\r\n', b"hello"),
    Anomaly("cl-arabic-digit", b"Content-Length: \xd9\xa5\r\n", b"hello"),
    Anomaly("cl-superscript-latin1", b"Content-Length: \xb2\r\n", b"he"),
    Anomaly("cl-overflow-64", b"Content-Length: 18446744073709551621\r\n", b"hello"),
    Anomaly("cl-overflow-32", b"Content-Length: 4294967301000000\r\n", b"hello"),
    Anomaly("cl-vertical-tab", b"Content-Length: 5\x0b\r\n", b"hello"),
    Anomaly("cl-form-feed", b"Content-Length:\x0c5\r\n", b"hello"),
    Anomaly("cl-nul", b"Content-Length: 5\x00\r\n", b"hello"),
    Anomaly("cl-space-before-colon", b"Content-Length : 5\r\n", b"hello"),
    Anomaly("cl-tab-before-colon", b"Content-Length\t: 5\r\n", b"hello"),
    Anomaly("cl-folded", b"Content-Length:\r\n 5\r\n", b"hello"),
    Anomaly("cl-folded-second-digit", b"Content-Length: 5\r\n 0\r\n", b"hello"),
    # Content-Length against Transfer-Encoding
    Anomaly("cl-te", b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n"),
    Anomaly("te-cl", b"Transfer-Encoding: chunked\r\nContent-Length: 15\r\n", _FIVE),
    Anomaly("te-cl-zero", b"Transfer-Encoding: chunked\r\nContent-Length: 0\r\n", _FIVE),
    Anomaly("te-identity-cl", b"Transfer-Encoding: identity\r\nContent-Length: 5\r\n", b"hello"),
    Anomaly("te-unknown-cl", b"Transfer-Encoding: cow\r\nContent-Length: 5\r\n", b"hello"),
    # Transfer-Encoding, hidden or unusual
    Anomaly("te-twice", CHUNKED + CHUNKED, _FIVE),
    Anomaly("te-twice-differs", CHUNKED + b"Transfer-Encoding: identity\r\n", _FIVE),
    Anomaly("te-list-twice", b"Transfer-Encoding: chunked, chunked\r\n", _FIVE),
    Anomaly("te-list-identity", b"Transfer-Encoding: chunked, identity\r\n", _FIVE),
    Anomaly("te-gzip", b"Transfer-Encoding: gzip\r\n", b"hello"),
    Anomaly("te-gzip-chunked", b"Transfer-Encoding: gzip, chunked\r\n", _FIVE),
    Anomaly("te-chunked-gzip", b"Transfer-Encoding: chunked, gzip\r\n", _FIVE),
    Anomaly("te-empty", b"Transfer-Encoding:\r\n", _FIVE),
    Anomaly("te-empty-member", b"Transfer-Encoding: , chunked\r\n", _FIVE),
    Anomaly("te-prefixed", b"Transfer-Encoding: xchunked\r\n", _FIVE),
    Anomaly("te-suffixed", b"Transfer-Encoding: chunkedx\r\n", _FIVE),
    Anomaly("te-parameter", b"Transfer-Encoding: chunked;q=1\r\n", _FIVE),
    Anomaly("te-quoted", b'Transfer-Encoding: "chunked"\r\n', _FIVE),
    Anomaly("te-vertical-tab", b"Transfer-Encoding: \x0bchunked\r\n", _FIVE),
    Anomaly("te-form-feed", b"Transfer-Encoding: chunked\x0c\r\n", _FIVE),
    Anomaly("te-nul", b"Transfer-Encoding: chunked\x00\r\n", _FIVE),
    Anomaly("te-no-break-space", b"Transfer-Encoding: \xa0chunked\r\n", _FIVE),
    Anomaly("te-space-before-colon", b"Transfer-Encoding : chunked\r\n", _FIVE),
    Anomaly("te-tab-before-colon", b"Transfer-Encoding\t: chunked\r\n", _FIVE),
    Anomaly("te-folded", b"Transfer-Encoding:\r\n chunked\r\n", _FIVE),
    Anomaly("te-folded-tab", b"Transfer-Encoding:\r\n\tchunked\r\n", _FIVE),
    Anomaly("te-in-fold", b"X-A: b\r\n Transfer-Encoding: chunked\r\n", _FIVE),
    Anomaly("te-after-bare-lf", b"X-A: b\nTransfer-Encoding: chunked\r\n", _FIVE),
    Anomaly("te-after-bare-cr", b"X-A: b\rTransfer-Encoding: chunked\r\n", _FIVE),
    Anomaly("te-bare-lf-end", b"Transfer-Encoding: chunked\n", _FIVE),
    Anomaly("te-cr-cr-lf", b"Transfer-Encoding: chunked\r\r\n", _FIVE),
    Anomaly("te-upper-name-cl", b"TRANSFER-ENCODING: chunked\r\ncontent-LENGTH: 5\r\n", _FIVE),
    # Field lines
    Anomaly("line-bare-lf", b"X-A: b\n", b""),
    Anomaly("line-bare-cr", b"X-A: b\rc\r\n", b""),
    Anomaly("line-cr-cr-lf", b"X-A: b\r\r\n", b""),
    Anomaly("line-folded-space", b"X-A: b\r\n c\r\n", b""),
    Anomaly("line-folded-tab", b"X-A: b\r\n\tc\r\n", b""),
    Anomaly("line-blank", b"X-A: b\r\n \r\n", b""),
    Anomaly("line-no-colon", b"Nonsense\r\n", b""),
    Anomaly("line-empty-name", b": b\r\n", b""),
    Anomaly("name-space", b"X A: b\r\n", b""),
    Anomaly("name-space-before-colon", b"X-A : b\r\n", b""),
    Anomaly("name-nul", b"X\x00A: b\r\n", b""),
    Anomaly("name-control", b"X\x1fA: b\r\n", b""),
    Anomaly("name-non-ascii", b"X\xc3\xa9: b\r\n", b""),
    Anomaly("name-parenthesis", b"X(A): b\r\n", b""),
    Anomaly("name-slash", b"X/A: b\r\n", b""),
    Anomaly("name-quote", b'X"A": b\r\n', b""),
    Anomaly("value-nul", b"X-A: b\x00c\r\n", b""),
    Anomaly("value-control", b"X-A: b\x01c\r\n", b""),
    Anomaly("value-escape", b"X-A: \x1b[2J\r\n", b""),
    Anomaly("value-delete", b"X-A: b\x7fc\r\n", b""),
)

CHUNKS = (
    Anomaly("size-missing", CHUNKED, b"\r\nhello\r\n0\r\n\r\n"),
    Anomaly("size-not-hex", CHUNKED, b"g\r\nhello\r\n0\r\n\r\n"),
    Anomaly("size-0x", CHUNKED, b"0x5\r\nhello\r\n0\r\n\r\n"),
    Anomaly("size-plus", CHUNKED, b"+5\r\nhello\r\n0\r\n\r\n"),
    Anomaly("size-minus", CHUNKED, b"-1\r\nhello\r\n0\r\n\r\n"),
    Anomaly("size-underscore", CHUNKED, b"0_5\r\nhello\r\n0\r\n\r\n"),
    Anomaly("size-leading-space", CHUNKED, b" 5\r\nhello\r\n0\r\n\r\n"),
    Anomaly("size-trailing-space", CHUNKED, b"5 \r\nhello\r\n0\r\n\r\n"),
    Anomaly("size-trailing-tab", CHUNKED, b"5\t\r\nhello\r\n0\r\n\r\n"),
    Anomaly("size-space-extension", CHUNKED, b"5 ;a=b\r\nhello\r\n0\r\n\r\n"),
    Anomaly("size-overflow-64", CHUNKED, b"10000000000000005\r\nhello\r\n0\r\n\r\n"),
    Anomaly("size-overflow-signed", CHUNKED, b"ffffffffffffffff\r\nhello\r\n0\r\n\r\n"),
    Anomaly("size-too-many-zeros", CHUNKED, b"0" * 40 + b"5\r\nhello\r\n0\r\n\r\n"),
    Anomaly("size-bare-lf", CHUNKED, b"5\nhello\r\n0\r\n\r\n"),
    Anomaly("size-bare-cr", CHUNKED, b"5\rhello\r\n0\r\n\r\n"),
    Anomaly("size-cr-cr-lf", CHUNKED, b"5\r\r\nhello\r\n0\r\n\r\n"),
    Anomaly("size-nul", CHUNKED, b"5\x00\r\nhello\r\n0\r\n\r\n"),
    Anomaly("size-comma", CHUNKED, b"5,5\r\nhello\r\n0\r\n\r\n"),
    Anomaly("extension-bare-lf", CHUNKED, b"5;a\nhello\r\n0\r\n\r\n"),
    Anomaly("extension-bare-cr", CHUNKED, b"5;a\rb\r\nhello\r\n0\r\n\r\n"),
    Anomaly("extension-nul", CHUNKED, b"5;a\x00\r\nhello\r\n0\r\n\r\n"),
    Anomaly("extension-lf-of-last-chunk", CHUNKED, b"5\r\nhello\r\n0;\n\r\n"),
    Anomaly("extension-huge", CHUNKED, b"5;" + b"a" * 70_000 + b"\r\nhello\r\n0\r\n\r\n"),
    Anomaly("extensions-many", CHUNKED, b"1;aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\nx\r\n" * 2_000 + b"0\r\n\r\n"),
    Anomaly("data-too-long", CHUNKED, b"4\r\nhello\r\n0\r\n\r\n"),
    Anomaly("data-too-short", CHUNKED, b"6\r\nhello\r\n0\r\n\r\n"),
    Anomaly("data-end-lf", CHUNKED, b"5\r\nhello\n0\r\n\r\n"),
    Anomaly("data-end-cr", CHUNKED, b"5\r\nhello\r0\r\n\r\n"),
    Anomaly("data-end-junk", CHUNKED, b"5\r\nhelloXY0\r\n\r\n"),
    Anomaly("last-chunk-junk", CHUNKED, b"5\r\nhello\r\n0\r\nXY\r\n"),
    Anomaly("last-chunk-bare-lf", CHUNKED, b"5\r\nhello\r\n0\n\n"),
    Anomaly("last-line-bare-lf", CHUNKED, b"5\r\nhello\r\n0\r\n\n"),
    Anomaly("trailer-content-length", CHUNKED, b"5\r\nhello\r\n0\r\nContent-Length: 50\r\n\r\n"),
    Anomaly("trailer-transfer-encoding", CHUNKED, b"5\r\nhello\r\n0\r\nTransfer-Encoding: identity\r\n\r\n"),
    Anomaly("trailer-host", CHUNKED, b"5\r\nhello\r\n0\r\nHost: evil\r\n\r\n"),
    Anomaly("trailer-folded", CHUNKED, b"5\r\nhello\r\n0\r\nX-A: b\r\n c\r\n\r\n"),
    Anomaly("trailer-bare-lf", CHUNKED, b"5\r\nhello\r\n0\r\nX-A: b\nX-C: d\r\n\r\n"),
    Anomaly("trailer-bare-cr", CHUNKED, b"5\r\nhello\r\n0\r\nX-A: b\rc\r\n\r\n"),
    Anomaly("trailer-nul", CHUNKED, b"5\r\nhello\r\n0\r\nX-A: \x00\r\n\r\n"),
    Anomaly("trailer-name-space", CHUNKED, b"5\r\nhello\r\n0\r\nX-A : b\r\n\r\n"),
    Anomaly("trailers-huge", CHUNKED, b"5\r\nhello\r\n0\r\nX-A: " + b"a" * 70_000 + b"\r\n\r\n"),
)

_REST = b"Host: x\r\n\r\n"

REQUESTS = (
    # The request line
    Case("start-line-two-spaces", b"GET  / HTTP/1.1\r\n" + _REST),
    Case("start-line-leading-space", b" GET / HTTP/1.1\r\n" + _REST),
    Case("start-line-tab", b"GET\t/ HTTP/1.1\r\n" + _REST),
    Case("start-line-trailing-space", b"GET / HTTP/1.1 \r\n" + _REST),
    Case("start-line-trailing-word", b"GET / HTTP/1.1 x\r\n" + _REST),
    Case("start-line-no-version", b"GET /\r\n" + _REST),
    Case("start-line-http-0.9", b"GET /\r\n\r\n"),
    Case("start-line-no-target", b"GET HTTP/1.1\r\n" + _REST),
    Case("start-line-empty-target", b"GET  HTTP/1.1\r\n" + _REST),
    Case("start-line-no-method", b"/ HTTP/1.1\r\n" + _REST),
    Case("start-line-bare-lf", b"GET / HTTP/1.1\n" + _REST),
    Case("start-line-all-bare-lf", b"GET / HTTP/1.1\nHost: x\n\n"),
    Case("start-line-bare-cr", b"GET / HTTP/1.1\r" + _REST),
    Case("start-line-bare-cr-in-target", b"GET /\r/ HTTP/1.1\r\n" + _REST),
    Case("version-lower-case", b"GET / http/1.1\r\n" + _REST),
    Case("version-leading-zero", b"GET / HTTP/01.1\r\n" + _REST),
    Case("version-two-digits", b"GET / HTTP/1.10\r\n" + _REST),
    Case("version-comma", b"GET / HTTP/1,1\r\n" + _REST),
    Case("version-no-minor", b"GET / HTTP/1\r\n" + _REST),
    Case("version-2", b"GET / HTTP/2.0\r\n" + _REST, (400, 505)),
    Case("version-1.2", b"GET / HTTP/1.2\r\n" + _REST, (400, 505)),
    Case("version-other-protocol", b"GET / SIP/2.0\r\n" + _REST),
    Case("http2-preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", (400, 505)),
    Case("tls-hello", bytes.fromhex("16030100a5010000a10303") + b"\x5a" * 154),
    Case("method-parenthesis", b"GE(T / HTTP/1.1\r\n" + _REST),
    Case("method-nul", b"GE\x00T / HTTP/1.1\r\n" + _REST),
    Case("method-non-ascii", b"G\xc3\x89T / HTTP/1.1\r\n" + _REST),
    Case("method-huge", b"A" * 5_000 + b" / HTTP/1.1\r\n" + _REST),
    Case("target-nul", b"GET /\x00 HTTP/1.1\r\n" + _REST),
    Case("target-control", b"GET /\x1f HTTP/1.1\r\n" + _REST),
    Case("target-space", b"GET /a b HTTP/1.1\r\n" + _REST),
    Case("target-fragment", b"GET /a#b HTTP/1.1\r\n" + _REST),
    Case("target-no-slash", b"GET a/b HTTP/1.1\r\n" + _REST),
    Case("target-authority", b"GET x:80 HTTP/1.1\r\n" + _REST),
    Case("target-other-scheme", b"GET ftp://x/ HTTP/1.1\r\n" + _REST),
    Case("target-user-info", b"GET http://a@x/ HTTP/1.1\r\n" + _REST),
    Case("target-no-authority", b"GET http:/// HTTP/1.1\r\n" + _REST),
    Case("connect", b"CONNECT x:443 HTTP/1.1\r\nHost: x:443\r\n\r\n", (400, 405, 501)),
    # Host
    Case("host-missing", b"GET / HTTP/1.1\r\n\r\n"),
    Case("host-twice", b"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n"),
    Case("host-twice-same", b"GET / HTTP/1.1\r\nHost: x\r\nhost: x\r\n\r\n"),
    Case("host-list", b"GET / HTTP/1.1\r\nHost: x, y\r\n\r\n"),
    Case("host-space", b"GET / HTTP/1.1\r\nHost: x y\r\n\r\n"),
    Case("host-path", b"GET / HTTP/1.1\r\nHost: x/y\r\n\r\n"),
    Case("host-user-info", b"GET / HTTP/1.1\r\nHost: a@x\r\n\r\n"),
    Case("host-bad-port", b"GET / HTTP/1.1\r\nHost: x:8a\r\n\r\n"),
    Case("host-space-before-colon", b"GET / HTTP/1.1\r\nHost : x\r\n\r\n"),
    Case("host-first-line-folded", b"GET / HTTP/1.1\r\n Host: x\r\nHost: y\r\n\r\n"),
    # What a request alone can have
    Case("te-http-1.0", b"POST / HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + _FIVE),
    Case("te-http-1.0-keep-alive", b"POST / HTTP/1.0\r\nConnection: keep-alive\r\n" + CHUNKED + b"\r\n" + _FIVE),
    Case("cl-te-http-1.0", b"POST / HTTP/1.0\r\nContent-Length: 5\r\n" + CHUNKED + b"\r\n" + _FIVE),
    Case("expect-unknown", b"GET / HTTP/1.1\r\nHost: x\r\nExpect: cookies\r\n\r\n", (400, 417)),
    Case("expect-list", b"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue, x\r\nContent-Length: 2\r\n\r\nab",
         (400, 417)),
    Case("head-too-large", b"GET / HTTP/1.1\r\nHost: x\r\nX-A: " + b"a" * 70_000 + b"\r\n\r\n", (400, 431)),
    Case("head-endless", b"GET / HTTP/1.1\r\nHost: x\r\nX-A: " + b"a" * 140_000, (400, 431)),
    Case("target-endless", b"GET /" + b"a" * 140_000, (400, 414, 431)),
    Case("fields-too-many", b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X-A: b\r\n" * 500 + b"\r\n", (400, 431)),
    Case("upgrade-with-body-in-doubt", b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
         b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n" + _FIVE),
    Case("upgrade-twice", b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
         b"Upgrade: h2c\r\n\r\n"),
)  # fmt: skip

RESPONSES = (
    Case("no-http", b"hello\r\n\r\n"),
    Case("no-http-and-no-end", b"SSH-2.0-OpenSSH_9.2\r\n"),
    Case("other-protocol", b"ICY 200 OK\r\nContent-Length: 2\r\n\r\nok"),
    Case("version-2", b"HTTP/2 200 OK\r\nContent-Length: 2\r\n\r\nok"),
    Case("version-2.0", b"HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\nok"),
    Case("version-lower-case", b"http/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
    Case("version-two-digits", b"HTTP/1.10 200 OK\r\nContent-Length: 2\r\n\r\nok"),
    Case("status-missing", b"HTTP/1.1\r\nContent-Length: 2\r\n\r\nok"),
    Case("status-empty", b"HTTP/1.1  OK\r\nContent-Length: 2\r\n\r\nok"),
    Case("status-two-digits", b"HTTP/1.1 20 OK\r\nContent-Length: 2\r\n\r\nok"),
    Case("status-four-digits", b"HTTP/1.1 2000 OK\r\nContent-Length: 2\r\n\r\nok"),
    Case("status-word", b"HTTP/1.1 abc OK\r\nContent-Length: 2\r\n\r\nok"),
    Case("status-signed", b"HTTP/1.1 +20 OK\r\nContent-Length: 2\r\n\r\nok"),
    Case("status-0xx", b"HTTP/1.1 099 OK\r\nContent-Length: 2\r\n\r\nok"),
    Case("status-9xx", b"HTTP/1.1 999 OK\r\nContent-Length: 2\r\n\r\nok"),
    Case("status-two-spaces", b"HTTP/1.1  200 OK\r\nContent-Length: 2\r\n\r\nok"),
    Case("leading-space", b" HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
    Case("leading-line", b"\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
    Case("reason-nul", b"HTTP/1.1 200 O\x00K\r\nContent-Length: 2\r\n\r\nok"),
    Case("reason-bare-cr", b"HTTP/1.1 200 O\rK\r\nContent-Length: 2\r\n\r\nok"),
    Case("start-line-bare-lf", b"HTTP/1.1 200 OK\nContent-Length: 2\r\n\r\nok"),
    Case("all-bare-lf", b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok"),
    Case("te-http-1.0", b"HTTP/1.0 200 OK\r\n" + CHUNKED + b"\r\n" + _FIVE),
    Case("length-on-204", b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello"),
    Case("chunked-on-204", b"HTTP/1.1 204 No Content\r\n" + CHUNKED + b"\r\n" + _FIVE),
    Case("length-on-1xx", b"HTTP/1.1 103 Early Hints\r\nContent-Length: 5\r\n\r\nhello"),
    Case("chunked-on-1xx", b"HTTP/1.1 100 Continue\r\n" + CHUNKED + b"\r\n" + _FIVE),
    Case("switch-not-asked", b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\nhello"),
    Case("interim-endless", b"HTTP/1.1 103 Early Hints\r\n\r\n" * 5_000),
    Case("head-too-large", b"HTTP/1.1 200 OK\r\nX-A: " + b"a" * 70_000 + b"\r\nContent-Length: 2\r\n\r\nok"),
    Case("head-endless", b"HTTP/1.1 200 OK\r\nX-A: " + b"a" * 140_000),
    Case("fields-too-many", b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 500 + b"Content-Length: 2\r\n\r\nok"),
)


def as_request(anomaly: Anomaly, path: bytes = b"/v1/echo") -> bytes:
    """The anomaly in a request."""
    return b"POST " + path + b" HTTP/1.1\r\nHost: x\r\n" + anomaly.lines + b"\r\n" + anomaly.body


def as_response(anomaly: Anomaly) -> bytes:
    """The anomaly in a response."""
    return b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n" + anomaly.lines + b"\r\n" + anomaly.body
