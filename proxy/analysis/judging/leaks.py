"""What an answer gives away that its prompt did not hold: personal data and secrets. Only counts by type are kept.

An address that the user gave is theirs to read again; only what comes from the model is a leak. Names and places are
found too and are left out: ordinary answers are full of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from proxy.features.reading import Reading
from proxy.sensitive.span import FAMILIES, Span

LEAKS: Final = frozenset({"contact", "payment", "identity", "secret"})  # families of `sensitive.span`

Scan = Callable[[str], Iterable[Span]]


def leaked(scan: Scan, reading: Reading) -> Mapping[str, int]:
    """Counts by type; empty where nothing is given away."""
    text, prompt = reading.text, reading.prompt
    found = Counter(one.type for one in scan(text) if text[one.start : one.end] not in prompt)
    return {kind: n for kind, n in sorted(found.items()) if FAMILIES.get(kind) in LEAKS}
