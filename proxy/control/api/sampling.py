"""The body of `POST /v1/routes/NAME/sample`: `strategy`, "" for that of the settings, and `share`."""

from __future__ import annotations

from typing import Any

from proxy.control.orders import OrderError
from proxy.core.sampling import Strategy


def sampling_of(body: dict[str, Any]) -> tuple[Strategy | None, float | None]:
    """Strategy and share, None for those of the settings. Raises OrderError."""
    strategy, share = body.get("strategy"), body.get("share")
    if strategy not in ("", *Strategy):
        raise OrderError(f"`strategy` must be one of {', '.join(Strategy)}, or empty for that of the settings")
    if share is not None and (isinstance(share, bool) or not isinstance(share, int | float) or not 0.0 < share <= 1.0):
        raise OrderError("`share` must be a number above 0 and at most 1")
    return Strategy(strategy) if strategy else None, share
