"""What has to be read of a request's body before its route is known, and the reading of it. Pure."""

from __future__ import annotations

import re
from enum import Enum
from typing import TYPE_CHECKING, Final

from proxy.core.exchange import Framing
from proxy.core.http.heads import RequestHead, field_name
from proxy.core.http.model_spans import ModelSpans, Scan, scan, splice
from proxy.core.http.targets import Asked
from proxy.traffic.replies import Reply, undecidable

if TYPE_CHECKING:
    from proxy.traffic.plane import Plane

# A part's name where it is written plainly, in lower case. RFC 2231 (`name*=`), folding and quoted pairs hide names.
_PLAIN_PART: Final = re.compile(
    rb'\r\ncontent-disposition: form-data; name="([a-z0-9_.\[\]-]+)"(?:; filename="[^"\\\r\n]*")?\r\n(?![ \t])'
)


_NONE: Final = Framing.NONE  # a lookup costs in 3.11


_EMPTY: Final = Scan(error="empty")


class Need(Enum):
    """What a request's body is held for."""

    NOTHING = "nothing"  # it passes as it comes
    MODEL = "model"  # JSON: the spans of `model`
    MULTIPART = "multipart"  # whether there is a field `model`


_NOTHING, _MODEL = Need.NOTHING, Need.MODEL


def need_of(head: RequestHead, asked: Asked, strict: bool, plane: Plane) -> Need | Reply:
    """Whether the body must be read, or the refusal where it cannot be and something could be gone around."""
    if strict and asked.batches:
        return undecidable("a batch names its models where they cannot be read: ask for one answer at a time", 403)
    if strict and asked.inference:
        if head.upgrade:
            return undecidable("an upgraded connection to a model's path cannot be read")
        if head.chooser:
            return undecidable(f"the field {field_name(head.chooser).decode()} chooses an adapter")
    if head.framing is _NONE:
        return _NOTHING
    content_type = head.content_type.lower()
    if not asked.inference and b"json" not in content_type:
        return Need.NOTHING
    if head.content_encoding and head.content_encoding.lower() != b"identity":
        return undecidable("the body is content-encoded", 415) if strict else Need.NOTHING
    if content_type.startswith(b"multipart/"):
        return Need.MULTIPART if strict else Need.NOTHING
    if head.length > plane.limits.body_held_bytes_max:
        text = f"the body is over {plane.limits.body_held_bytes_max} bytes (`limits.body_held_bytes_max`)"
        return undecidable(text, 413) if strict else Need.NOTHING
    if head.length + plane.bodies_held_bytes > plane.limits.bodies_held_bytes_max:
        text = "too many bodies are held at once (`limits.bodies_held_bytes_max`)"
        return undecidable(text, 503) if strict else Need.NOTHING
    return _MODEL


class Reading:
    """The reading of one held body. `payload` is its content where it comes in chunks."""

    __slots__ = ("_fed", "_multipart", "_scan", "_spans", "payload")

    def __init__(self, multipart: bool) -> None:
        self.payload: list[bytes] = []
        self._spans: ModelSpans | None = None  # while the body comes in pieces
        self._scan = _EMPTY
        self._fed = 0
        self._multipart = multipart

    @property
    def spans(self) -> tuple[tuple[int, int], ...]:
        """Where the names stand in the content."""
        return self._scan.spans

    def whole(self, body: bytes) -> None:
        """The body, not chunked, as one piece."""
        if not self._multipart:
            self._scan = scan(body)

    def feed(self, data: bytes, chunked: bool) -> None:
        """A piece of the body, as it came; where it is chunked, its content is in `payload` by now."""
        if not chunked:
            self._follow(data)
            return
        piece = b"".join(self.payload[self._fed :])
        self.payload[self._fed :] = (piece,)  # one object a read: tiny chunks would take many times their bytes
        self._fed += 1
        self._follow(piece)

    def _follow(self, piece: bytes) -> None:
        if self._multipart:
            return
        if self._spans is None:
            self._spans = ModelSpans()
        self._spans.feed(piece)

    def names(self, held: list[bytes], inference: bool, strict: bool) -> tuple[str, ...] | Reply:
        """The models that the body names; or the refusal where that is not certain and matters."""
        if self._multipart:
            if not _names_no_model(b"".join(self.payload or held)):
                return undecidable("a multipart body names a model, or hides the names of its parts", 415)
            return ()
        if self._spans is not None:
            self._scan = self._spans.finish()
        found = self._scan
        if strict and found.error and (inference or found.error != "not an object"):
            return undecidable(f"the model cannot be read from the body ({found.error})")
        if strict and found.adapter_fields:
            return undecidable(f"the body chooses an adapter by {found.adapter_fields[0]!r}")
        return found.models

    def rewritten(self, held: list[bytes], model: str) -> bytes:
        """The content with another model's name in every span."""
        return splice(b"".join(self.payload or held), self._scan.spans, model)


def _names_no_model(multipart: bytes) -> bool:
    """Whether every part of a form has a plain name, and none is `model`. Also False for what is no form."""
    multipart = multipart.lower()
    names = _PLAIN_PART.findall(multipart)
    plain = multipart[:2] == b"--" and len(names) == multipart.count(b"content-disposition")
    return plain and b"model" not in names
