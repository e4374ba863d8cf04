"""What a request target asks for: the path in plain form, whether it is refused, whether it carries a model. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, unquote

from proxy.core.errors import FramingError

# Last segments of the paths by which servers of this field are asked for a model's work: OpenAI, Anthropic, vLLM,
# TGI, Ollama, llama.cpp, KServe, SageMaker.
_INFERENCE: Final = frozenset(
    {
        "completions",
        "completion",
        "responses",
        "messages",
        "count_tokens",
        "embeddings",
        "embed",
        "embedding",
        "rerank",
        "reranking",
        "score",
        "classify",
        "pooling",
        "invocations",
        "generate",
        "generate_stream",
        "tokenize",
        "detokenize",
        "chat_tokenize",
        "infill",
        "apply-template",
        "chat",
        "batch",
        "render",
        "transcriptions",
        "translations",
        "speech",
        "generations",
        "edits",
        "variations",
        "moderations",
        "infer",
        "predict",
        "explain",
        "realtime",
        "generative_scoring",
    }
)
_PATH_MODEL: Final = re.compile(
    r"/v2/models/(?P<v2>[^/]+)(?:/versions/[^/]+)?/(?:infer|generate|generate_stream)|"
    r"/v1/models/(?P<v1>[^/]+):[a-z]+|"
    r"(?:/[^/]+)?/openai/deployments/(?P<azure>[^/]+)/.+"
)
_ABSOLUTE: Final = re.compile(rb"https?://([^/?@]+)([/?].*)?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Asked:
    """A request target, understood.

    `target` is it in origin form (or `*`), and `host` the authority of an absolute form. `path` is plain: decoded,
    without dot segments, double or trailing slashes. `batches`: it makes a batch, whose models stand in its lines or
    in a file sent before. `denied` is the pattern of the setting that refuses it, or "".
    `model` is the name that the path carries, at `span` of `target` in bytes; the span is None where the name is
    there only once the path is made plain.
    """

    target: bytes
    path: str
    host: bytes | None = None
    denied: str = ""
    inference: bool = False
    batches: bool = False
    model: str = ""
    span: tuple[int, int] | None = None


def read_target(
    target: bytes, denied: Iterable[str] = (), prefixes: Iterable[str] = ("",), method: str = "POST"
) -> Asked:
    """Understand a target. `prefixes` are what upstreams' URLs put before it. Raises FramingError on a bad form.

    `denied` are patterns "PATH" or "METHOD PATH", where a final * matches the rest.
    """
    host = None
    if target == b"*":
        return Asked(target, "*")
    if target[:1] != b"/":
        target, host = _origin_form(target)
    raw = target.partition(b"?")[0].decode("latin-1")
    path = plain_path(raw)
    model, span = _model_of(raw, path)
    last = path.rpartition("/")[2].rpartition(":")[2]
    inference, batches = last in _INFERENCE or path == "/" or bool(model), last == "batches" and method == "POST"
    return Asked(target, path, host, _denied(raw, denied, prefixes, method), inference, batches, model, span)


def plain_path(raw: str) -> str:
    """The path as the most lenient server could read it: decoded (also twice), slashes and dot segments resolved."""
    for _ in range(3):
        decoded = unquote(raw, errors="replace")
        if decoded == raw:
            break
        raw = decoded
    segments: list[str] = []
    for segment in raw.replace("\\", "/").split("/"):
        if segment == "..":
            del segments[-1:]
        elif segment not in ("", "."):
            segments.append(segment)
    return "/" + "/".join(segments)


def with_model(asked: Asked, model: str) -> bytes:
    """The target with another model in its path."""
    assert asked.span is not None
    start, end = asked.span
    return asked.target[:start] + quote(model, safe="").encode() + asked.target[end:]


def _origin_form(target: bytes) -> tuple[bytes, bytes]:
    match = _ABSOLUTE.fullmatch(target)
    if match is None:
        raise FramingError("the request target is neither a path nor an http URL")
    rest = match[2] or b"/"
    return (rest if rest[:1] == b"/" else b"/" + rest), match[1]


def _denied(raw: str, denied: Iterable[str], prefixes: Iterable[str], method: str) -> str:
    paths = {plain_path(raw), *(plain_path(prefix + raw) for prefix in prefixes)}
    for pattern in denied:
        verb, _, wanted = pattern.rpartition(" ")
        if verb and verb != method:
            continue
        for path in paths:
            if path == wanted or (wanted.endswith("*") and path.startswith(wanted[:-1])):
                return pattern
    return ""


def _model_of(raw: str, path: str) -> tuple[str, tuple[int, int] | None]:
    match, plain = _PATH_MODEL.fullmatch(raw), _PATH_MODEL.fullmatch(path)
    resolved = plain[plain.lastgroup] if plain is not None and plain.lastgroup is not None else ""
    if match is None or match.lastgroup is None:
        return resolved, None
    name = unquote(match[match.lastgroup])
    certain = unquote(name) == name and resolved in ("", name)  # "" where the name itself has an encoded slash
    return (name, match.span(match.lastgroup)) if certain else (resolved or unquote(name), None)
