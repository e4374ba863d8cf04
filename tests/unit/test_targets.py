"""A path is refused, or gives a model, however it is written."""

from __future__ import annotations

import pytest

from proxy.config.sections.serving import DENIED_PATHS
from proxy.core.errors import FramingError
from proxy.core.http.targets import plain_path, read_target, with_model

PASSING = [
    "/health", "/ping", "/version", "/load", "/metrics", "/v1/models", "/tokenize", "/detokenize", "/score",
    "/v1/score", "/rerank", "/v1/rerank", "/v2/rerank", "/classify", "/pooling", "/invocations",
    "/v1/chat/completions", "/is_paused", "/is_sleeping", "/server_info", "/", "/v1/pause", "/PAUSE", "/paused",
    "/pause/x", "/reset", "/v1/load_lora_adapters",
]  # fmt: skip


@pytest.mark.parametrize("path", PASSING)
def test_what_only_reads_or_answers_passes(path: str) -> None:
    assert read_target(path.encode(), DENIED_PATHS).denied == ""


@pytest.mark.parametrize("pattern", DENIED_PATHS)
def test_every_denied_path_is_refused_in_every_spelling(pattern: str) -> None:
    path = pattern.rpartition(" ")[2].replace("*", "prefix_cache")
    last = path.rpartition("/")[2]
    spellings = [
        path,
        path + "/",
        path + "?a=b",
        "/" + path,
        path.replace("/", "//"),
        "/." + path,
        "/x/.." + path,
        "/x/%2e%2e" + path,
        "/%2e" + path,
        path.replace(last, f"%{ord(last[0]):02x}{last[1:]}"),
        path.replace(last, f"%25{ord(last[0]):02X}{last[1:]}"),
        "http://any.host:80" + path,
        "/%2F" + path[1:],
    ]
    for spelling in spellings:
        assert read_target(spelling.encode(), DENIED_PATHS).denied == pattern, spelling


def test_a_pattern_with_a_method_leaves_the_others_alone() -> None:
    assert read_target(b"/lora-adapters", DENIED_PATHS, method="GET").denied == ""
    assert read_target(b"/lora-adapters", DENIED_PATHS, method="POST").denied == "POST /lora-adapters"
    assert read_target(b"/pause", DENIED_PATHS, method="GET").denied == "/pause"


def test_prefixes_of_upstreams_hide_nothing() -> None:
    assert read_target(b"/load_lora_adapter", DENIED_PATHS, ("/v1",)).denied == "/v1/load_lora_adapter"
    assert read_target(b"/../pause", DENIED_PATHS, ("/v1",)).denied == "/pause"
    assert read_target(b"/pause", DENIED_PATHS, ("/v1",)).denied == "/pause"


@pytest.mark.parametrize(
    ("target", "model", "renamed"),
    [
        ("/v2/models/tuned/infer", "tuned", "/v2/models/b%2F1/infer"),
        ("/v2/models/tuned/versions/3/generate_stream", "tuned", "/v2/models/b%2F1/versions/3/generate_stream"),
        ("/v1/models/a%2Ft:predict?x=1", "a/t", "/v1/models/b%2F1:predict?x=1"),
        ("/openai/deployments/tuned/chat/completions", "tuned", "/openai/deployments/b%2F1/chat/completions"),
    ],
)
def test_models_in_paths(target: str, model: str, renamed: str) -> None:
    asked = read_target(target.encode())
    assert asked.model == model
    assert asked.inference
    assert with_model(asked, "b/1") == renamed.encode()


def test_a_model_in_a_path_that_has_to_be_made_plain_has_no_span() -> None:
    asked = read_target(b"/v2//models/tuned/infer")
    assert (asked.model, asked.span) == ("tuned", None)
    assert read_target(b"/v2/models/tuned/ready").model == ""
    assert read_target(b"/v1/models/tuned").model == ""


def test_forms() -> None:
    asked = read_target(b"http://example.com:81?x")
    assert (asked.target, asked.host) == (b"/?x", b"example.com:81")
    assert read_target(b"*").path == "*"
    for bad in (b"example.com:80", b"x", b"ftp://h/", b"http://u@h/", b"http:///x", b"*x"):
        with pytest.raises(FramingError):
            read_target(bad)


def test_plain_path() -> None:
    assert plain_path("/a/./b//../c/%2e%2e/d/") == "/a/d"
    assert plain_path("/../..") == "/"
