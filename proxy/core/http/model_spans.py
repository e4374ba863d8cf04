"""Where a JSON request body names its model: the byte span of every top-level `model` value, found incrementally.

Traffic reads the name to pick a route and, under a revert, writes the base's name over the spans; so this scanner may
never see fewer names than the server does. It does not validate JSON: it follows strings, brackets and top-level
members, and whatever two real parsers could read in two ways (another encoding, comments, a broken bracket, text
after the object, `Model` for `model`, which Go's parser takes) is an `error`, never a guess. Kinds of brackets are not
told apart: where `[` ends in `}` every parser refuses, and no model answers.

Speed comes from `re` and `bytes.find`: plain members and nested values of some levels are skipped by one match in C.
The states of the table at the end take over where a piece ends or a value is deeper. Time is linear, memory is bounded,
and however the bytes are cut the answer is the same.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from proxy.core.http import model_patterns as patterns
from proxy.core.http.model_patterns import KNOWN, MODEL_BYTES_MAX, PARAMETER_SELECTORS, TOP_SELECTORS

NAMES_MAX: Final = 16
"""`model` keys of one body."""
ODD_KEYS_MAX: Final = 256
"""Keys of one body that are looked for (`lora`, ...), escaped or not ASCII: each costs some microseconds."""
_KEY_BYTES_MAX: Final = 128  # of a key only this much is kept: a known name, every letter escaped, is shorter
_PIECE_BYTES_MAX: Final = 65_536  # bounds what a pattern keeps for backtracking
_SCALAR_BYTES_MAX: Final = 16  # enough to tell null from everything else


class Scan(NamedTuple):
    """What a body says of its model.

    `models`: the decoded names, in order; several where the key is repeated. `spans`: for each name the byte offsets
    (start, end) of its JSON string, quotes included. `adapter_fields`: other fields that choose an adapter
    ("lora", "parameters.adapter_id", ...). `error`: "" where all of this is certain; else why not, and the rest is
    empty.
    """

    models: tuple[str, ...] = ()
    spans: tuple[tuple[int, int], ...] = ()
    adapter_fields: tuple[str, ...] = ()
    error: str = ""


def splice(body: bytes, spans: Sequence[tuple[int, int]], model: str) -> bytes:
    """The body with `model`, as a JSON string, in place of every span. All other bytes stay as they are."""
    name = json.dumps(model).encode()
    pieces: list[bytes] = []
    done = 0
    for start, end in spans:
        pieces += (body[done:start], name)
        done = end
    pieces.append(body[done:])
    return b"".join(pieces)


def scan(body: bytes) -> Scan:
    """Scan a whole body at once; the usual one takes one match and no state."""
    if len(body) <= _PIECE_BYTES_MAX and b"\\" not in body and (usual := patterns.usual(body)):
        return Scan((usual[2].decode(),), (usual.span(1),))
    spans = ModelSpans()
    spans.feed(body)
    return spans.finish()


_BOM: Final = b"\xef\xbb\xbf"
_QUOTE, _COLON, _COMMA = b'":,'
_OPEN_OBJECT, _CLOSE_OBJECT, _OPEN_ARRAY = b"{}["
_OPENERS: Final = frozenset(b"{[")
_CLOSERS: Final = frozenset(b"}]")
_SCALARS: Final = frozenset(b"-0123456789tfnNI")


# What the scanner expects next; plain numbers, since an enum costs a lookup at every step.
(_AT_START, _AT_BOM, _AT_FIRST_KEY, _AT_NEXT_KEY, _AT_KEY, _AT_COLON, _AT_VALUE, _AT_MODEL, _AT_STRING, _AT_SCALAR,
 _AT_NESTED, _AT_NESTED_STRING, _AT_AFTER_VALUE, _AT_END, _AT_FAILED) = range(15)  # fmt: skip


class ModelSpans:
    """Feed the body's bytes in any pieces, in order; then `finish` once."""

    __slots__ = ("_at", "_base", "_depth", "_error", "_escaped", "_fields", "_key", "_models", "_odd_keys",
                 "_parameters", "_raw", "_spans", "_start", "_token")  # fmt: skip

    def __init__(self) -> None:
        self._at = _AT_START
        self._base = 0  # offset of the present piece in the body
        self._key = ""
        self._odd_keys = 0
        self._raw = b""  # the present piece, unpainted
        self._token = b""  # what is kept of the key, name or scalar being read
        self._start = 0  # offset of the name being read
        self._escaped = False  # the piece before ended within an escape
        self._parameters = False  # inside the top-level `parameters` object
        self._depth = 0  # brackets that the nested value has open
        self._models: list[str] = []
        self._spans: list[tuple[int, int]] = []
        self._fields: list[str] = []
        self._error = ""

    def feed(self, data: bytes | memoryview) -> None:
        """Scan the next piece, at 100 MB/s or more for what clients send; callers bound the piece."""
        if not data:
            return
        if len(data) > _PIECE_BYTES_MAX:
            for start in range(0, len(data), _PIECE_BYTES_MAX):
                self.feed(memoryview(data)[start : start + _PIECE_BYTES_MAX])
            return
        piece = data if type(data) is bytes else bytes(data)
        self._raw = piece
        if self._escaped or b"\\" in piece:
            piece = self._painted(piece)
        length, at = len(piece), 0
        if self._at == _AT_START and (usual := patterns.usual(piece)):
            at, self._at, self._start = length, _AT_END, self._base + usual.start(1)
            self._note_model(usual[2].decode(), self._base + usual.end(1))
        while at < length:
            at = _STEPS[self._at](self, piece, at)
        self._base += length

    def finish(self) -> Scan:
        """The answer, after the last byte."""
        if self._at is not _AT_END and not self._error:
            self._error = "cut short" if self._at > _AT_BOM else "empty"
        if self._error:
            return Scan(error=self._error)
        return Scan(tuple(self._models), tuple(self._spans), tuple(self._fields))

    def _painted(self, piece: bytes) -> bytes:
        """The piece with every escaped quote and backslash painted over; lengths stay.

        The paint is a byte that no plain key or name has and that stands for nothing outside of strings.
        """
        if self._escaped:
            piece = b"\x80" + piece[1:]
        piece = piece.replace(b"\\\\", b"\x80\x80").replace(b'\\"', b"\x80\x80")
        self._escaped = piece.endswith(b"\\")
        return piece

    def _fail(self, data: bytes, reason: str) -> int:
        self._at = _AT_FAILED
        self._error = reason
        return len(data)

    def _in_start(self, data: bytes, at: int) -> int:
        if self._base + at == 0 and data[at] == _BOM[0]:
            self._at = _AT_BOM
            return at + 1
        at = patterns.space(data, at).end()
        if at == len(data):
            return at
        if data[at] == _OPEN_OBJECT:
            self._at = _AT_FIRST_KEY
            return at + 1
        known = data[at] in _SCALARS or data[at] in (_QUOTE, _OPEN_ARRAY)
        return self._fail(data, "not an object" if known else "not json")

    def _in_bom(self, data: bytes, at: int) -> int:
        offset = self._base + at
        if data[at] != _BOM[offset]:
            return self._fail(data, "not json")
        if offset == len(_BOM) - 1:
            self._at = _AT_START
        return at + 1

    def _in_first_key(self, data: bytes, at: int) -> int:
        at = patterns.space(data, at).end()
        if at < len(data) and data[at] == _CLOSE_OBJECT:
            return self._close_object(at)
        if at < len(data):
            self._at = _AT_NEXT_KEY
        return at

    def _in_next_key(self, data: bytes, at: int) -> int:
        while True:
            end = patterns.members(data, at).end()
            if end > at and data[end - 1] != _COMMA:
                self._at = _AT_AFTER_VALUE
                return end
            named = None if self._parameters else patterns.named(data, end)
            if named is None or len(self._models) == NAMES_MAX:
                break
            self._start = self._base + named.start(1)
            self._note_model(named[2].decode(), self._base + named.end(1))
            at = named.end()
            if data[at - 1] != _COMMA:
                return self._close_object(at - 1)
            if at == len(data):
                return at
        at = patterns.space(data, end).end()
        if at == len(data):
            return at
        if data[at] != _QUOTE:
            return self._fail(data, "not json")
        self._at, self._token = _AT_KEY, b""
        return at + 1

    def _in_key(self, data: bytes, at: int) -> int:
        end = patterns.quote(data, at).end()
        if len(self._token) <= _KEY_BYTES_MAX:
            self._token += self._raw[at : min(end, at + _KEY_BYTES_MAX + 1)]
        if end == len(data):
            return end
        self._at, self._key = _AT_COLON, ""
        if len(self._token) > _KEY_BYTES_MAX:
            return end + 1
        key = _decoded(self._token)
        if key is None:
            return self._fail(data, "a key that cannot be read")
        like_model = key.lower() == "model"
        if like_model and not self._parameters:
            if key != "model":
                return self._fail(data, f"a key that differs from model in case only: {key}")
            if len(self._models) == NAMES_MAX:
                return self._fail(data, f"model is named more than {NAMES_MAX} times")
        elif like_model or key in KNOWN or not patterns.plain_key(self._token):
            self._odd_keys += 1
            if self._odd_keys > ODD_KEYS_MAX:
                return self._fail(data, f"more than {ODD_KEYS_MAX} escaped or special keys")
        self._key = key
        return end + 1

    def _in_colon(self, data: bytes, at: int) -> int:
        at = patterns.space(data, at).end()
        if at == len(data):
            return at
        if data[at] != _COLON:
            return self._fail(data, "not json")
        self._at = _AT_VALUE
        return at + 1

    def _in_value(self, data: bytes, at: int) -> int:
        at = patterns.space(data, at).end()
        if at == len(data):
            return at
        first = data[at]
        self._token = b""
        if self._key == "model" and not self._parameters:
            self._at, self._start = _AT_MODEL, self._base + at
            return at + 1 if first == _QUOTE else self._fail(data, "model is not a string")
        if first in _SCALARS:
            self._at = _AT_SCALAR
            return at
        self._note_selector()
        if first == _QUOTE:
            self._at = _AT_STRING
        elif first == _OPEN_OBJECT and self._key == "parameters" and not self._parameters:
            self._at, self._parameters = _AT_FIRST_KEY, True
        elif first in _OPENERS:
            self._at, self._depth = _AT_NESTED, 1
        else:
            return self._fail(data, "not json")
        return at + 1

    def _in_model(self, data: bytes, at: int) -> int:
        end = patterns.quote(data, at).end()
        if len(self._token) + end - at > MODEL_BYTES_MAX:
            return self._fail(data, f"model is longer than {MODEL_BYTES_MAX} bytes")
        self._token += self._raw[at:end]
        if end == len(data):
            return end
        name = _decoded(self._token)
        if name is None or not _is_text(name):
            return self._fail(data, "a model name that cannot be read")
        self._at = _AT_AFTER_VALUE
        self._note_model(name, self._base + end + 1)
        return end + 1

    def _in_string(self, data: bytes, at: int) -> int:
        quote = data.find(b'"', at)
        if quote < 0:
            return len(data)
        self._at = _AT_AFTER_VALUE
        return quote + 1

    def _in_scalar(self, data: bytes, at: int) -> int:
        end = patterns.scalar(data, at).end()
        if len(self._token) < _SCALAR_BYTES_MAX:
            self._token += data[at : min(end, at + _SCALAR_BYTES_MAX)]
        if end < len(data):
            if self._token != b"null":
                self._note_selector()
            self._at = _AT_AFTER_VALUE
        return end

    def _in_nested(self, data: bytes, at: int) -> int:
        at = patterns.inside(data, at).end()
        if at == len(data):
            return at
        first = data[at]
        if first == _QUOTE:  # its end is in a later piece
            self._at = _AT_NESTED_STRING
            return at + 1
        if first in _OPENERS:  # deeper than the pattern goes
            end = patterns.openers(data, at).end()
            self._depth += end - at
            return end
        if first not in _CLOSERS:
            return self._fail(data, "not json")
        end = min(patterns.closers(data, at).end(), at + self._depth)
        self._depth -= end - at
        if not self._depth:
            self._at = _AT_AFTER_VALUE
        return end

    def _in_nested_string(self, data: bytes, at: int) -> int:
        quote = data.find(b'"', at)
        if quote < 0:
            return len(data)
        self._at = _AT_NESTED
        return quote + 1

    def _in_after_value(self, data: bytes, at: int) -> int:
        at = patterns.space(data, at).end()
        if at == len(data):
            return at
        if data[at] == _COMMA:
            self._at = _AT_NEXT_KEY
            return at + 1
        if data[at] == _CLOSE_OBJECT:
            return self._close_object(at)
        return self._fail(data, "not json")

    def _in_end(self, data: bytes, at: int) -> int:
        at = patterns.space(data, at).end()
        return at if at == len(data) else self._fail(data, "text after the object")

    def _in_failed(self, data: bytes, _at: int) -> int:
        return len(data)

    def _close_object(self, at: int) -> int:
        self._at = _AT_AFTER_VALUE if self._parameters else _AT_END
        self._parameters = False
        return at + 1

    def _note_model(self, name: str, end: int) -> None:
        self._models.append(name)
        self._spans.append((self._start, end))

    def _note_selector(self) -> None:
        if self._key not in (PARAMETER_SELECTORS if self._parameters else TOP_SELECTORS):
            return
        field = f"parameters.{self._key}" if self._parameters else self._key
        if field not in self._fields:
            self._fields.append(field)


def _decoded(raw: bytes) -> str | None:
    """The text of a JSON string without its quotes, or None where a strict parser would refuse it."""
    if patterns.plain_key(raw):
        return raw.decode()
    try:
        return str(json.loads(b'"' + raw + b'"'))
    except ValueError:
        return None


def _is_text(name: str) -> bool:
    """False for a lone surrogate, which cannot be written as UTF-8 and which parsers treat in different ways."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


_STEPS: Final[tuple[Callable[[ModelSpans, bytes, int], int], ...]] = (
    ModelSpans._in_start,
    ModelSpans._in_bom,
    ModelSpans._in_first_key,
    ModelSpans._in_next_key,
    ModelSpans._in_key,
    ModelSpans._in_colon,
    ModelSpans._in_value,
    ModelSpans._in_model,
    ModelSpans._in_string,
    ModelSpans._in_scalar,
    ModelSpans._in_nested,
    ModelSpans._in_nested_string,
    ModelSpans._in_after_value,
    ModelSpans._in_end,
    ModelSpans._in_failed,
)
