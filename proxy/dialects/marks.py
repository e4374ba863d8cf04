"""What a deployment fixes in every request, as texts to be hashed: tool definitions and sampling parameters.

Texts are canonical, so that the order of keys makes no difference. Nobody reads them; only their keyed hashes are kept.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

SAMPLING: Final = (
    *("temperature", "top_p", "top_k", "min_p", "max_tokens", "max_completion_tokens", "max_output_tokens"),
    *("frequency_penalty", "presence_penalty", "repetition_penalty", "stop", "stop_sequences", "seed", "options"),
)
TOOLS: Final = ("tools", "functions")


def tools_text(document: Mapping[str, Any]) -> str:
    """The tools that are offered; "" where none are."""
    return _canonical({key: document[key] for key in TOOLS if document.get(key)})


def sampling_text(document: Mapping[str, Any]) -> str:
    """The parameters that are given; "" where the server's own hold."""
    return _canonical({key: document[key] for key in SAMPLING if document.get(key) is not None})


def _canonical(values: Mapping[str, Any]) -> str:
    return json.dumps(values, sort_keys=True, separators=(",", ":"), default=str) if values else ""
