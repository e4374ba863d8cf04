"""What enforcement does to requests on the wire, and every way around a revert that is known."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from proxy.core.enforcement import Enforcement, Snapshot, Step
from proxy.core.routes import Pin, Route, Target
from proxy.traffic.state import write_snapshot
from tests.wire.house import Traffic, traffic
from tests.wire.rawhttp import Message, ScriptedUpstream, connect

ROUTES = (
    Route("tuned", Target("default", "tuned"), Target("default", "base")),
    Route("moved", Target("default", "moved"), Target("other", "base2")),
    Route("slow", Target("default", "slow"), Target("default", "base")),
    Route("off", Target("default", "off"), Target("default", "base")),
    Route("pinned", Target("default", "pinned"), Target("default", "base"), pin=Pin.CANDIDATE),
    Route("alias", Target("default", "real-name")),
)
HELD = (
    Enforcement("tuned", Step.REVERTED, "e1", "it refuses less"),
    Enforcement("moved", Step.REVERTED, "e2"),
    Enforcement("slow", Step.LIMITED, "e3", rate_rps=0.01, burst=2),
    Enforcement("off", Step.OFFLINE, "e4", "backdoor"),
    Enforcement("pinned", Step.OFFLINE, "e5"),
)


@dataclass(slots=True)
class House:
    traffic: Traffic
    default: ScriptedUpstream
    other: ScriptedUpstream


def house(folder: Path, snapshot: Snapshot, settings: dict[str, Any] | None = None) -> Iterator[House]:
    write_snapshot(folder, snapshot)
    with ScriptedUpstream() as default, ScriptedUpstream() as other:
        upstreams = {"default": default.url, "other": other.url}
        with traffic(folder, upstreams, settings) as running:
            yield House(running, default, other)


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Routes on every step."""
    yield from house(tmp_path_factory.mktemp("held"), Snapshot(3, ROUTES, HELD))


@pytest.fixture(scope="module")
def steady(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """The same routes, nothing held back, and small bounds on bodies."""
    limits = {"limits": {"body_held_bytes_max": 10_000}}
    yield from house(tmp_path_factory.mktemp("steady"), Snapshot(3, ROUTES, ()), limits)


def post(
    house: House, body: bytes, *lines: bytes, path: bytes = b"/v1/chat/completions", kind: bytes = b"application/json"
) -> Message:
    """POST the body with its length; the answer."""
    house.default.clear()
    house.other.clear()
    head = b"\r\n".join((b"POST " + path + b" HTTP/1.1", b"Host: x", b"Content-Type: " + kind, *lines, b"\r\n"))
    if not any(line.lower().startswith((b"content-length", b"transfer-encoding")) for line in lines):
        head = head[:-2] + b"Content-Length: %d\r\n\r\n" % len(body)
    with connect(house.traffic.port) as wire:
        wire.send(head + body)
        return wire.response()


def sent(upstream: ScriptedUpstream) -> Message:
    (request,) = upstream.requests
    return request


def code(answer: Message) -> str:
    return str(json.loads(answer.content)["error"]["code"])


BODY = b'{"messages": [{"role":"user","content":"model: \\"tuned\\""}] ,\n "model" : "tuned" , "x": 1.50}'
BASE_BODY = BODY.replace(b': "tuned" ,', b': "base" ,')


def test_a_revert_changes_the_name_and_no_other_byte(held: House) -> None:
    assert post(held, BODY).status == 200
    request = sent(held.default)
    assert request.content == BASE_BODY
    assert request.get(b"content-length") == b"%d" % len(BASE_BODY)


def test_a_revert_to_another_server(held: House) -> None:
    assert post(held, b'{"model":"moved"}').status == 200
    assert held.default.requests == []
    assert sent(held.other).content == b'{"model":"base2"}'


def test_escaped_and_repeated_names_are_found(held: House) -> None:
    body = b'{"mod\\u0065l":"t\\u0075ned","a":{"model":"tuned"},"model":"tuned"}'
    assert post(held, body).status == 200
    assert sent(held.default).content == b'{"mod\\u0065l":"base","a":{"model":"tuned"},"model":"base"}'


def test_chunked_bodies_are_sent_with_their_length(held: House) -> None:
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(BODY[i : i + 7]), BODY[i : i + 7]) for i in range(0, len(BODY), 7))
    answer = post(
        held, chunks + b"0\r\nX-T: a\r\n\r\n", b"Transfer-Encoding: chunked", b"Trailer: X-T", b"Content-Digest: x"
    )
    assert answer.status == 200
    request = sent(held.default)
    assert request.content == BASE_BODY
    assert [request.get(name) for name in (b"transfer-encoding", b"trailer", b"content-digest")] == [None, None, None]


def test_a_chunked_body_that_needs_no_rewriting_stays_as_it_came(held: House) -> None:
    wire = b'7\r\n{"model\r\n8;x\r\n":"base"\r\n1\r\n}\r\n0\r\nX-T: a\r\n\r\n'
    assert post(held, wire, b"Transfer-Encoding: chunked", b"Digest: d").status == 200
    request = sent(held.default)
    assert request.get(b"digest") == b"d"
    assert held.default.received.endswith(wire)


@pytest.mark.parametrize("encoding", [b"gzip", b"br", b"identity, gzip", b"x-unknown"])
def test_encoded_bodies_are_415(held: House, encoding: bytes) -> None:
    answer = post(held, gzip.compress(BODY), b"Content-Encoding: " + encoding)
    assert (answer.status, code(answer)) == (415, "groundwire_unreadable_body")
    assert held.default.requests == []


UNDECIDABLE = [
    b'{"model":"tuned","model":"base"}',
    b'{"model":"base","model":"tuned"}',
    b'{"Model":"tuned"}',
    b'{"model":["tuned"]}',
    b'{"model":"tuned"',
    b'{"model":"tuned"} {"model":"base"}',
    b'{"model":"tuned",}garbage',
    b"model=tuned",
    '{"model":"tuned"}'.encode("utf-16"),
    b'["not an object on a path of a model"]',
    b'{"model":"base","lora":[{"id":0,"scale":1.0}]}',
    b'{"inputs":"x","parameters":{"adapter_id":"tuned"}}',
]


@pytest.mark.parametrize("body", UNDECIDABLE)
def test_undecidable_bodies_are_400(held: House, body: bytes) -> None:
    answer = post(held, body)
    assert answer.status == 400
    assert code(answer) == "groundwire_undecidable"
    assert held.default.requests == []


@pytest.mark.parametrize("kind", [b"text/plain", b"application/octet-stream", b"application/vnd.api+json", b""])
@pytest.mark.parametrize(
    "path",
    [
        b"/v1/chat/completions",
        b"/v1/completions/",
        b"//v1/x/../responses",
        b"/invocations",
        b"/tokenize",
        b"/v1/%6dessages",
    ],
)
def test_the_name_is_found_whatever_the_content_type_says(held: House, path: bytes, kind: bytes) -> None:
    assert post(held, BODY, path=path, kind=kind).status == 200
    assert sent(held.default).content == BASE_BODY


def test_json_on_any_path_is_read(held: House) -> None:
    assert post(held, BODY, path=b"/some/new/api").status == 200
    assert sent(held.default).content == BASE_BODY


def test_multipart_with_a_model_is_415_and_without_one_passes(held: House) -> None:
    def part(name: bytes) -> bytes:
        return b'--b\r\nContent-Disposition: form-data; name="' + name + b'"\r\n\r\ntuned\r\n--b--\r\n'

    kind = b"multipart/form-data; boundary=b"
    answer = post(held, part(b"model"), path=b"/v1/audio/transcriptions", kind=kind)
    assert answer.status == 415
    assert post(held, part(b"file"), path=b"/v1/audio/transcriptions", kind=kind).status == 200
    assert sent(held.default).content == part(b"file")


@pytest.mark.parametrize(
    ("path", "out"),
    [
        (b"/v2/models/tuned/infer", b"/v2/models/base/infer"),
        (b"/v2/models/t%75ned/versions/1/generate?x=1", b"/v2/models/base/versions/1/generate?x=1"),
        (b"/v1/models/tuned:predict", b"/v1/models/base:predict"),
        (b"/openai/deployments/tuned/chat/completions", b"/openai/deployments/base/chat/completions"),
    ],
)
def test_models_in_the_path_are_renamed(held: House, path: bytes, out: bytes) -> None:
    assert post(held, b'{"inputs": []}', path=path).status == 200
    assert sent(held.default).start == b"POST " + out + b" HTTP/1.1"
    assert sent(held.default).content == b'{"inputs": []}'


def test_a_model_in_a_doubtful_path_is_400(held: House) -> None:
    assert post(held, b"{}", path=b"/v2//models/tuned/infer").status == 400
    assert post(held, b'{"model":"base"}', path=b"/v1/models/tuned:predict").status == 400


def test_too_large_is_413(tmp_path: Path) -> None:
    for one in house(tmp_path, Snapshot(1, ROUTES, HELD), {"limits": {"body_held_bytes_max": 1_000}}):
        body = b'{"x":"' + b"a" * 2_000 + b'","model":"tuned"}'
        assert post(one, body).status == 413
        assert post(one, b"%x\r\n" % len(body) + body + b"\r\n0\r\n\r\n", b"Transfer-Encoding: chunked").status == 413
        assert one.default.requests == []


def test_upgrades_to_a_models_path_are_refused(held: House) -> None:
    held.default.clear()
    with connect(held.traffic.port) as wire:
        wire.send(
            b"GET /v1/realtime?model=tuned HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
        )
        assert wire.response().status == 400
    assert held.default.requests == []


def test_limited_is_429_with_the_headers_of_openai(held: House) -> None:
    answers = [post(held, b'{"model":"slow"}') for _ in range(3)]
    assert [answer.status for answer in answers] == [200, 200, 429]
    last = answers[-1]
    assert json.loads(last.content)["error"]["type"] == "rate_limit_error"
    assert int(last.get(b"retry-after") or b"") > 0
    names = (b"x-ratelimit-limit-requests", b"x-ratelimit-remaining-requests")
    assert [last.get(name) for name in names] == [b"2", b"0"]
    assert (last.get(b"x-ratelimit-reset-requests") or b"").endswith(b"s")


def test_offline_is_503_and_not_to_be_retried(held: House) -> None:
    answer = post(held, b'{"model":"off"}')
    assert (answer.status, answer.get(b"x-should-retry")) == (503, b"false")
    assert b"backdoor" in answer.content


def test_pins_aliases_and_strangers(held: House) -> None:
    for name, out in (("pinned", "pinned"), ("alias", "real-name"), ("base", "base"), ("nobody", "nobody")):
        assert post(held, json.dumps({"model": name}).encode()).status == 200
        assert json.loads(sent(held.default).content) == {"model": out}


def test_a_refused_request_leaves_the_connection_in_use(held: House) -> None:
    held.default.clear()
    body = b'{"model":"off"}'
    head = b"POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body)
    with connect(held.traffic.port) as wire:
        wire.send(2 * (head + body) + b"GET /after HTTP/1.1\r\nHost: x\r\n\r\n")
        assert [wire.response().status for _ in range(3)] == [503, 503, 200]


# --- nothing held back: everything passes -----------------------------------------------------------------------------

PASSING = [
    (gzip.compress(BODY), (b"Content-Encoding: gzip",)),
    (b'{"x":"' + b"a" * 50_000 + b'","model":"tuned"}', ()),
    (b"c350\r\n" + b"a" * 50_000 + b"\r\n0\r\n\r\n", (b"Transfer-Encoding: chunked",)),
    *((body, ()) for body in UNDECIDABLE),
    (BODY, (b"Digest: sha-256=x", b"Signature: y")),
]


@pytest.mark.parametrize("case", range(len(PASSING)))
def test_while_nothing_is_held_back_every_body_passes(steady: House, case: int) -> None:
    body, lines = PASSING[case]
    assert post(steady, body, *lines).status == 200
    request = sent(steady.default)
    assert request.wire == body
    for line in lines:
        assert line in request.head


@pytest.mark.parametrize(
    "path",
    [
        *(b"/health", b"/ping", b"/version", b"/metrics", b"/tokenize", b"/detokenize", b"/score", b"/v1/score"),
        *(b"/rerank", b"/v1/rerank", b"/classify", b"/pooling", b"/invocations", b"/v1/models"),
    ],
)
@pytest.mark.parametrize("which", ["held", "steady"])
def test_health_and_inference_always_pass(path: bytes, which: str, request: pytest.FixtureRequest) -> None:
    one: House = request.getfixturevalue(which)
    body = b'{"model":"base","input":"x"}'
    assert post(one, body, path=path).status == 200
    assert sent(one.default).content == body
    one.default.clear()
    with connect(one.traffic.port) as wire:
        wire.send(b"GET " + path + b" HTTP/1.1\r\nHost: x\r\n\r\n")
        assert wire.response().status == 200


@pytest.mark.parametrize(
    "path",
    [
        *(b"/update_weights", b"/init_weight_transfer_engine", b"/collective_rpc", b"/pause", b"/resume", b"/sleep"),
        *(b"/wake_up", b"/abort_requests", b"/scale_elastic_ep", b"/reset_prefix_cache", b"/start_profile"),
        *(b"/stop_profile", b"/v1/load_lora_adapter", b"/v1/unload_lora_adapter", b"/%70ause", b"//x/..//pause/?a"),
        *(b"/lora-adapters", b"/props"),
    ],
)
def test_denied_paths_are_403_and_name_the_setting(steady: House, path: bytes) -> None:
    answer = post(steady, b"{}", path=path)
    assert (answer.status, code(answer)) == (403, "groundwire_denied_path")
    assert b"denied_paths" in answer.content
    assert steady.default.requests == []
