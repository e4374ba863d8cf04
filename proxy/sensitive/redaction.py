"""A text with what is sensitive replaced by its type, for classifiers outside the pod."""

from __future__ import annotations

from collections.abc import Iterable

from proxy.sensitive.scan import scan
from proxy.sensitive.span import Span


def redact(text: str, spans: Iterable[Span] | None = None) -> str:
    """Each span replaced by its type: "write to [EMAIL_ADDRESS]". Spans as `scan` gives them; None: those of a scan."""
    parts: list[str] = []
    at = 0
    for span in scan(text) if spans is None else spans:
        parts += [text[at : span.start], f"[{span.type}]"]
        at = span.end
    return "".join([*parts, text[at:]])
