"""Evidence records, the journal and the history of policies are kept for a time, and then removed: once a day."""

from __future__ import annotations

from typing import Final

from proxy.control.memory import DECISION, KINDS, Memory
from proxy.core.decisions.record import Record, to_bytes
from proxy.telemetry.logs import get_logger

log = get_logger(__name__)

DAY_S: Final = 86_400.0


class Retention:
    """Removes what is too old. Any number of replicas may: what is gone is gone."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._done_s = float("-inf")

    async def work(self, kept_days: float, now_s: float) -> int:
        """Remove records older than `kept_days`, unless that was done within a day; how many. Raises StateError.

        The record of a step that is still in force stays: somebody will ask why.
        """
        if 0.0 <= now_s - self._done_s < DAY_S:
            return 0
        before_s = now_s - kept_days * DAY_S
        in_force = await self._in_force(before_s)
        removed = sum([await self._memory.store.expire_records(kind, before_s) for kind in KINDS])
        for record in in_force:
            await self._memory.append_once(DECISION, record.id, record.at_s, to_bytes(record))
        self._done_s = now_s
        if removed > len(in_force):
            log.info("records_expired", records=removed - len(in_force), older_than_days=kept_days)
        return removed - len(in_force)

    async def _in_force(self, before_s: float) -> list[Record]:
        """Old records that a route's step still rests on."""
        old = [one.state for one in self._memory.known_entries().values() if 0.0 < one.state.since_s < before_s]
        found = [await self._memory.decision(state.record_id) for state in old if state.record_id]
        return [record for record in found if record is not None and record.at_s < before_s]
