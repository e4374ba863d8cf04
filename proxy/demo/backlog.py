"""How far analysis is behind: on a busy machine it is served last, and what it judges late counts nowhere."""

from __future__ import annotations

import re
from typing import Final

import aiohttp

from proxy.telemetry.analysis import QUEUE_EXCHANGES

_WAITING: Final = re.compile(rf"^{QUEUE_EXCHANGES.name} (\S+)$", re.MULTILINE)
_LIMIT: Final = aiohttp.ClientTimeout(total=30.0)


class Backlog:
    """What the analysis process at this health address says of its queue."""

    def __init__(self, session: aiohttp.ClientSession, health: str) -> None:
        self._session = session
        self._url = f"http://{health}/metrics"

    async def waiting(self) -> int:
        """Exchanges that wait to be judged; 0 where nobody tells, so that the story goes on without it."""
        try:
            async with self._session.get(self._url, timeout=_LIMIT) as page:
                found = _WAITING.search(await page.text())
        except (aiohttp.ClientError, TimeoutError):
            return 0
        return int(float(found[1])) if found else 0
