"""Every way that somebody could go around a revert: a reverted model is never asked again, by whatever name or form.

The upstream's side is judged by an oracle that reads as lenient servers do: the first or the last of repeated keys,
keys in any case, compressed bodies, names in paths, forms and adapter fields.
"""

from __future__ import annotations

import email
import gzip
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import pytest

from proxy.core.enforcement import Enforcement, Snapshot, Step
from proxy.core.routes import Route, Target
from proxy.traffic.state import write_snapshot
from tests.wire.house import Traffic, traffic
from tests.wire.rawhttp import Message, ScriptedUpstream, connect

CHAT = b"/v1/chat/completions"
BOUND_BYTES = 200_000


@pytest.fixture(scope="module")
def reverted(upstream: ScriptedUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Traffic]:
    """`tuned` is reverted to `base` on the same server; `other` is a healthy route beside it."""
    folder = tmp_path_factory.mktemp("reverted")
    tuned = Route("tuned", Target("default", "tuned"), Target("default", "base"))
    other = Route("other", Target("default", "other"), Target("default", "base"))
    stop = Enforcement("tuned", Step.REVERTED, "ev-1", "refusal rate fell from 0.90 to 0.40")
    write_snapshot(folder, Snapshot(1, (tuned, other), (stop,)))
    settings = {"limits": {"body_held_bytes_max": BOUND_BYTES}}
    with traffic(folder, {"default": upstream.url}, settings) as running:
        yield running


JSON = b"Content-Type: application/json\r\n"


def post(body: bytes, path: bytes = CHAT, fields: bytes = JSON, host: bytes = b"x") -> bytes:
    length = b"Content-Length: %d\r\n" % len(body)
    return b"POST " + path + b" HTTP/1.1\r\nHost: " + host + b"\r\n" + fields + length + b"\r\n" + body


def chunked(body: bytes, size: int, path: bytes = CHAT) -> bytes:
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    framed = b"".join(b"%x;a=b\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\nX-T: 1\r\n\r\n"
    head = (
        b" HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\nTrailer: X-T\r\n\r\n"
    )
    return b"POST " + path + head + framed


def form(disposition: bytes, value: bytes = b"tuned") -> bytes:
    part = b"--B\r\nContent-Disposition: form-data; " + disposition + b"\r\n\r\n" + value + b"\r\n--B--\r\n"
    return post(part, b"/v1/audio/transcriptions", b"Content-Type: multipart/form-data; boundary=B\r\n")


class Oracle:
    """All models that some server would serve for a request."""

    def __init__(self, request: Message) -> None:
        self.names: set[str] = set()
        self._path(request.start.split(b" ")[1])
        self._body(request)

    def _path(self, target: bytes) -> None:
        path = unquote(unquote(target.decode("latin-1").partition("?")[0]))
        self.names.update(part.partition(":")[0] for part in path.split("/"))

    def _body(self, request: Message) -> None:
        for content in {request.content, *unpacked(request.content)}:
            self._json(content)
            kind = request.get(b"content-type") or b""
            if kind.lower().startswith(b"multipart/"):
                self._form(kind, content)

    def _json(self, content: bytes) -> None:
        for encoding in ("utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"):
            for errors in ("strict", "ignore"):
                try:
                    pairs = json.loads(content.decode(encoding, errors), object_pairs_hook=list, strict=False)
                except ValueError:
                    continue
                if isinstance(pairs, list):
                    self._members([pair for pair in pairs if isinstance(pair, tuple)])

    def _members(self, pairs: list[tuple[str, Any]]) -> None:
        for key, value in pairs:
            if key.lower() in ("model", "adapter_id", "lora", "lora_path") and value is not None:
                self.names.add(value if isinstance(value, str) else f"{key}!")
            if key.lower() == "parameters" and isinstance(value, list):
                self._members([pair for pair in value if isinstance(pair, tuple)])

    def _form(self, kind: bytes, content: bytes) -> None:
        message = email.message_from_bytes(b"Content-Type: " + kind + b"\r\n\r\n" + content)
        for part in message.walk():
            name = part.get_param("name", header="content-disposition")
            text = email.utils.collapse_rfc2231_value(name) if name else ""
            if text.lower() == "model":
                self.names.add(str(part.get_payload()).strip())


def unpacked(content: bytes) -> list[bytes]:
    for window in (31, 15, -15):
        try:
            return [zlib.decompressobj(window).decompress(content)]
        except zlib.error:
            continue
    return []


def statuses(running: Traffic, data: bytes, cuts: int = 0) -> list[int]:
    """The answers to what was sent, until it was refused or the connection rests."""
    with connect(running.port) as wire:
        try:
            wire.send(data, range(0, len(data), max(1, len(data) // cuts)) if cuts else ())
        except (BrokenPipeError, ConnectionResetError):
            pass
        return [wire.response().status]


def served(upstream: ScriptedUpstream) -> set[str]:
    return set().union(*(Oracle(request).names for request in upstream.requests))


@dataclass(frozen=True)
class Way:
    """One try. `forwarded` is the body that goes on, None where the request is refused with `status`."""

    name: str
    data: bytes
    status: int = 200
    forwarded: bytes | None = None


UTF16 = '{"model":"tuned"}'.encode("utf-16")
BIG = b'{"messages":"' + b"a" * (BOUND_BYTES + 1_000_000) + b'","model":"tuned"}'

WAYS = [
    Way("plain", post(b'{"model":"tuned"}'), 200, b'{"model":"base"}'),
    Way("kept-bytes", post(b' {"a": 1.50 , "model" :\t"tuned" ,"b":[{"model":"tuned"}]}\n'), 200,
        b' {"a": 1.50 , "model" :\t"base" ,"b":[{"model":"tuned"}]}\n'),
    Way("last", post(b'{"messages":[{"role":"user","content":"\\"model\\":\\"x\\""}],"model":"tuned"}'), 200,
        b'{"messages":[{"role":"user","content":"\\"model\\":\\"x\\""}],"model":"base"}'),
    Way("repeated", post(b'{"model":"tuned","model":"tuned"}'), 200, b'{"model":"base","model":"base"}'),
    Way("repeated-other-last", post(b'{"model":"tuned","model":"other"}'), 400),
    Way("repeated-other-first", post(b'{"model":"other","model":"tuned"}'), 400),
    Way("repeated-unknown-last", post(b'{"model":"tuned","model":"nobody"}'), 400),
    Way("escaped-key", post(b'{"mod\\u0065l":"tuned"}'), 200, b'{"mod\\u0065l":"base"}'),
    Way("escaped-key-all", post(b'{"\\u006d\\u006F\\u0064\\u0065\\u006c":"tuned"}'), 200,
        b'{"\\u006d\\u006F\\u0064\\u0065\\u006c":"base"}'),
    Way("escaped-and-plain", post(b'{"mod\\u0065l":"tuned","model":"other"}'), 400),
    Way("escaped-value", post(b'{"model":"t\\u0075ned"}'), 200, b'{"model":"base"}'),
    Way("escaped-value-slash", post(b'{"model":"\\u0074\\u0075\\u006e\\u0065\\u0064"}'), 200, b'{"model":"base"}'),
    Way("key-in-capitals", post(b'{"MODEL":"tuned"}'), 400),
    Way("key-in-capitals-beside", post(b'{"model":"other","Model":"tuned"}'), 400),
    Way("byte-order-mark", post(b'\xef\xbb\xbf{"model":"tuned"}'), 200, b'\xef\xbb\xbf{"model":"base"}'),
    Way("utf-16", post(UTF16), 400),
    Way("utf-16-no-mark", post(UTF16[2:]), 400),
    Way("not-utf-8", post(b'{"mod\xffel":"tuned"}'), 400),
    Way("comment", post(b'{/*"*/"model":"tuned"/*"*/}'), 400),
    Way("single-quotes", post(b"{'model':'tuned'}"), 400),
    Way("bare-key", post(b'{model:"tuned"}'), 400),
    Way("trailing-comma", post(b'{"model":"tuned",}'), 400),
    Way("two-documents", post(b'{"model":"other"}\n{"model":"tuned"}'), 400),
    Way("model-is-a-list", post(b'{"model":["tuned"]}'), 400),
    Way("model-is-null", post(b'{"model":null}'), 400),
    Way("cut-short", post(b'{"model":"tuned"'), 400),
    Way("nul-in-key", post(b'{"model\\u0000":"tuned","model":"other"}'), 200,
        b'{"model\\u0000":"tuned","model":"other"}'),
    Way("gzip", post(gzip.compress(b'{"model":"tuned"}'), fields=b"Content-Encoding: gzip\r\n"), 415),
    Way("deflate", post(zlib.compress(b'{"model":"tuned"}'), fields=b"Content-Encoding: deflate\r\n"), 415),
    Way("gzip-behind-identity", post(gzip.compress(b'{"model":"tuned"}'),
                                     fields=b"Content-Encoding: identity\r\nContent-Encoding: gzip\r\n"), 415),
    Way("gzip-unsaid", post(gzip.compress(b'{"model":"tuned"}')), 400),
    Way("encoding-unknown", post(b"\x00", fields=b"Content-Encoding: zstd\r\n"), 415),
    Way("oversized", post(BIG), 413),
    Way("oversized-chunked", chunked(BIG, 8_192), 413),
    Way("chunked", chunked(b'{"model":"tuned"}', 100), 200, b'{"model":"base"}'),
    Way("chunked-in-the-name", chunked(b'{"model":"tuned"}', 3), 200, b'{"model":"base"}'),
    Way("chunked-bytes", chunked(b'{"a":"\\\\","mod\\u0065l":"t\\u0075ned"}', 1), 200,
        b'{"a":"\\\\","mod\\u0065l":"base"}'),
    Way("no-content-type", post(b'{"model":"tuned"}', fields=b""), 200, b'{"model":"base"}'),
    Way("text-plain", post(b'{"model":"tuned"}', fields=b"Content-Type: text/plain\r\n"), 200, b'{"model":"base"}'),
    Way("form-urlencoded", post(b"model=tuned", fields=b"Content-Type: application/x-www-form-urlencoded\r\n"), 400),
    Way("multipart", form(b'name="model"'), 415),
    Way("multipart-bare-name", form(b"name=model"), 415),
    Way("multipart-capitals", form(b'NAME="Model"'), 415),
    Way("multipart-rfc-2231", form(b"name*=UTF-8''model"), 415),
    Way("multipart-rfc-2231-lower", form(b"name*=utf-8''mo%64el"), 415),
    Way("multipart-rfc-2231-parts", form(b'name*0="mo"; name*1="del"'), 415),
    Way("multipart-quoted-pair", form(b'name="mo\\del"'), 415),
    Way("multipart-folded", form(b'\r\n name="model"'), 415),
    Way("multipart-spaces", form(b'name = "model"'), 415),
    Way("multipart-as-json-path", post(b'{"model":"tuned"}', fields=b"Content-Type: multipart/json\r\n"), 415),
    Way("multipart-gzip", form(b'name="file"').replace(b"\r\n", b"\r\nContent-Encoding: gzip\r\n", 1), 415),
    Way("multipart-two-parts", form(b'name="file"; filename="a.wav"\r\n\r\nRIFF\r\n--B\r\n'
                                    b'Content-Disposition: form-data; name="model"'), 415),
    Way("multipart-bare-lf", form(b'name="file"\n\nx\r\n--B\nContent-Disposition: form-data; name="model"'), 415),
    Way("multipart-without-model", form(b'name="file"; filename="a.wav"', b"RIFF"), 200,
        b'--B\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\nRIFF\r\n--B--\r\n'),
    Way("batch-of-messages", post(b'{"requests":[{"params":{"model":"tuned"}}]}', b"/v1/messages/batches"), 403),
    Way("batch-of-a-file", post(b'{"input_file_id":"file-1","endpoint":"/v1/chat/completions"}', b"/v1/batches"), 403),
    Way("batch-encoded", post(b'{"input_file_id":"file-1"}', b"/v1//b%61tches/"), 403),
    Way("get-with-body", post(b'{"model":"tuned"}').replace(b"POST", b"GET", 1), 200, b'{"model":"base"}'),
    Way("odd-method", post(b'{"model":"tuned"}').replace(b"POST", b"QUERY", 1), 200, b'{"model":"base"}'),
    Way("absolute-form", post(b'{"model":"tuned"}', b"http://y" + CHAT), 200, b'{"model":"base"}'),
    Way("absolute-form-capitals", post(b'{"model":"tuned"}', b"HTTP://y" + CHAT), 200, b'{"model":"base"}'),
    Way("query", post(b'{"model":"tuned"}', CHAT + b"?a=b"), 200, b'{"model":"base"}'),
    Way("double-slash", post(b'{"model":"tuned"}', b"//v1//chat/completions"), 200, b'{"model":"base"}'),
    Way("dot-segments", post(b'{"model":"tuned"}', b"/x/../v1/./chat/completions"), 200, b'{"model":"base"}'),
    Way("encoded-path", post(b'{"model":"tuned"}', b"/v1/chat/%63ompletions"), 200, b'{"model":"base"}'),
    Way("encoded-twice", post(b'{"model":"tuned"}', b"/v1/chat/%2563ompletions"), 200, b'{"model":"base"}'),
    Way("trailing-slash", post(b'{"model":"tuned"}', CHAT + b"/"), 200, b'{"model":"base"}'),
    Way("other-path-json", post(b'{"model":"tuned"}', b"/v7/newest"), 200, b'{"model":"base"}'),
    Way("expect", post(b'{"model":"tuned"}', fields=b"Expect: 100-continue\r\n"), 200, b'{"model":"base"}'),
    Way("http-1.0", post(b'{"model":"tuned"}').replace(b"HTTP/1.1", b"HTTP/1.0", 1), 200, b'{"model":"base"}'),
    Way("path-kserve-2", post(b"{}", b"/v2/models/tuned/infer"), 200, b"{}"),
    Way("path-kserve-2-version", post(b"{}", b"/v2/models/tuned/versions/1/infer"), 200, b"{}"),
    Way("path-kserve-1", post(b"{}", b"/v1/models/tuned:predict"), 200, b"{}"),
    Way("path-encoded", post(b"{}", b"/v2/models/t%75ned/infer"), 200, b"{}"),
    Way("path-encoded-twice", post(b"{}", b"/v2/models/t%2575ned/infer"), 400),
    Way("path-double-slash", post(b"{}", b"/v2//models/tuned/infer"), 400),
    Way("path-trailing-slash", post(b"{}", b"/v2/models/tuned/infer/"), 400),
    Way("path-dots", post(b"{}", b"/v2/models/other/../tuned/infer"), 400),
    Way("path-encoded-dots", post(b"{}", b"/v2/models/other%2F..%2Ftuned/infer"), 400),
    Way("path-absolute-form", post(b"{}", b"http://y/v2/models/tuned/generate"), 200, b"{}"),
    Way("path-azure", post(b"{}", b"/openai/deployments/tuned/chat/completions?api-version=1"), 200, b"{}"),
    Way("path-and-body", post(b'{"model":"other"}', b"/v2/models/tuned/generate"), 400),
    Way("body-and-path", post(b'{"model":"tuned"}', b"/v2/models/other/generate"), 400),
    Way("adapter-tgi", post(b'{"inputs":"x","parameters":{"adapter_id":"tuned"}}', b"/generate"), 400),
    Way("adapter-tgi-escaped", post(b'{"inputs":"x","par\\u0061meters":{"\\u0061dapter_id":"tuned"}}', b"/"), 400),
    Way("adapter-tgi-top", post(b'{"inputs":"x","adapter_id":"tuned"}', b"/generate"), 400),
    Way("adapter-beside-model", post(b'{"model":"other","parameters":{"adapter_id":"tuned"}}'), 400),
    Way("adapter-llama-cpp", post(b'{"prompt":"x","lora":[{"id":0,"scale":1.0}]}', b"/completion"), 400),
    *(
        Way(f"adapter-{name.decode().lower()}", post(b'{"model":"other"}', CHAT, JSON + name + b": tuned\r\n"), 400)
        for name in (
            b"X-Amzn-SageMaker-Adapter-Identifier",
            b"x-amzn-sagemaker-target-model",
            b"SERVE_MULTIPLEXED_MODEL_ID",
        )
    ),
    Way("adapter-llama-cpp-beside", post(b'{"model":"tuned","lora":[{"id":0,"scale":1.0}]}'), 400),
    Way("upgrade-websocket", b"GET /v1/realtime?model=tuned HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n"
        b"Upgrade: websocket\r\n\r\n", 400),
    Way("other-route-passes", post(b'{"model":"other"}'), 200, b'{"model":"other"}'),
    Way("unknown-model-passes", post(b'{"model":"nobody"}'), 200, b'{"model":"nobody"}'),
]  # fmt: skip


def name(way: Way) -> str:
    return way.name


@pytest.mark.parametrize("cuts", [0, 5])
@pytest.mark.parametrize("way", WAYS, ids=name)
def test_no_way_around(way: Way, cuts: int, reverted: Traffic, upstream: ScriptedUpstream) -> None:
    upstream.clear()
    assert statuses(reverted, way.data, cuts) == [way.status]
    assert "tuned" not in served(upstream)
    if way.forwarded is None:
        assert upstream.requests == []
    else:
        (request,) = upstream.requests
        assert request.content == way.forwarded


def test_a_rewritten_chunked_request_has_a_length_and_no_trailers(
    reverted: Traffic, upstream: ScriptedUpstream
) -> None:
    upstream.clear()
    digests = b"Content-Digest: sha-256=:x:\r\nDigest: y\r\nContent-MD5: z\r\nX-Kept: 1\r\n"
    data = chunked(b'{"model":"tuned"}', 4).replace(b"Trailer: X-T\r\n", b"Trailer: X-T\r\n" + digests)
    assert statuses(reverted, data) == [200]
    (request,) = upstream.requests
    names = [key.lower() for key, _ in request.fields]
    assert request.get(b"content-length") == b"16"
    assert {b"transfer-encoding", b"trailer", b"content-digest", b"digest", b"content-md5"}.isdisjoint(names)
    assert request.get(b"x-kept") == b"1"


def test_nothing_changes_for_others(reverted: Traffic, upstream: ScriptedUpstream) -> None:
    """Health, lists and files pass as they are while a route is reverted."""
    for data in (
        b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /v1/models HTTP/1.1\r\nHost: x\r\n\r\n",
        post(b"\x00\x01", b"/v1/files", b"Content-Type: application/octet-stream\r\nContent-Encoding: gzip\r\n"),
        post(b'[{"model":"x"}]', b"/tools"),
        chunked(b'{"model":"other"}', 5),
    ):
        upstream.clear()
        assert statuses(reverted, data) == [200]
        assert upstream.received == data


@pytest.mark.parametrize("upgrade", [b"h2c", b"websocket, h2c", b"H2C", b"HTTP/2.0", b"TLS/1.2"])
def test_no_other_protocol_is_switched_to(upgrade: bytes, reverted: Traffic, upstream: ScriptedUpstream) -> None:
    """Within an HTTP/2 connection nobody would read `model`: the offer ends here (RFC 9110 7.8 allows that)."""
    fields = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: " + upgrade + b"\r\nHTTP2-Settings: AAMAAABkAAQ\r\n"
    upstream.clear()
    assert statuses(reverted, b"GET /health HTTP/1.1\r\nHost: x\r\n" + fields + b"\r\n")[0] in (200, 400)
    for request in upstream.requests:
        assert b"h2c" not in (request.get(b"upgrade") or b"").lower()
        assert request.get(b"upgrade") in (None, b"websocket")
        assert request.get(b"http2-settings") is None


@pytest.fixture(scope="module")
def safe() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream() as server:
        yield server


@pytest.fixture(scope="module")
def solo(
    upstream: ScriptedUpstream, safe: ScriptedUpstream, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Traffic]:
    """An upstream with one model, which answers whatever `model` says: its route is the default, and reverted."""
    folder = tmp_path_factory.mktemp("solo")
    route = Route("tuned", Target("default", ""), Target("safe", ""), default=True)
    stop = Enforcement("tuned", Step.REVERTED, "ev-1", "it eroded")
    write_snapshot(folder, Snapshot(1, (route,), (stop,)))
    with traffic(folder, {"default": upstream.url, "safe": safe.url}) as running:
        yield running


@pytest.mark.parametrize(
    "data",
    [
        post(b'{"model":"tuned"}'),
        post(b'{"model":"anything"}'),
        post(b'{"messages":[]}'),
        post(b'{"prompt":"x"}', b"/completion"),
        post(b'{"inputs":"x"}', b"/"),
        chunked(b'{"messages":[]}', 3),
        post(b'{"model":""}'),
    ],
)
def test_the_default_route_takes_what_names_no_model(
    data: bytes, solo: Traffic, upstream: ScriptedUpstream, safe: ScriptedUpstream
) -> None:
    upstream.clear()
    safe.clear()
    assert statuses(solo, data) == [200]
    assert upstream.requests == []
    assert len(safe.requests) == 1


@pytest.mark.parametrize("data", [post(b'{"messages":'), post(b'{"lora":[]}', b"/completion"), post(UTF16)])
def test_the_default_route_refuses_what_it_cannot_read(
    data: bytes, solo: Traffic, upstream: ScriptedUpstream, safe: ScriptedUpstream
) -> None:
    upstream.clear()
    safe.clear()
    assert statuses(solo, data) == [400]
    assert upstream.requests == safe.requests == []
