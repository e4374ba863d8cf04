"""Request lines: which API a target belongs to."""

from __future__ import annotations

import re
from urllib.parse import unquote


def posts_to(method: str, target: str, pattern: re.Pattern[str]) -> bool:
    """Whether it is a POST whose path, without query and percent-escapes, has the pattern in it."""
    return method == "POST" and pattern.search(path_of(target)) is not None


def path_of(target: str) -> str:
    """A request target's path: no query, percent-escapes undone."""
    return unquote(target.partition("?")[0])
