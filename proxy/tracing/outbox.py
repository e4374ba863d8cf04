"""What waits to be sent: bounded, sent in batches by one thread. Offering never waits; what has no room is dropped.

OpenTelemetry's own batch processor would do, but for two things: it does not tell what it dropped, and its end may take
half a minute. Here everything is counted, and the end has the bound that the caller gives.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from proxy.tracing.asked import Sending

T = TypeVar("T")


class Outbox(Generic[T]):
    """Of one signal. All but `send` is called by one thread at a time; `send` says whether a batch arrived, in another.

    `sent`, `failed` and `dropped` count items since the start: delivered, given up by the exporter, left out here.
    """

    def __init__(self, name: str, sending: Sending, send: Callable[[Sequence[T]], bool]) -> None:
        self._sending = sending
        self._send = send
        self._held: deque[T] = deque()
        self._wake = threading.Event()
        self._closing = False
        self._given_up = False
        self.sent = self.failed = self.dropped = 0
        self._thread = threading.Thread(target=self._run, name=f"otlp-{name}", daemon=True)
        self._thread.start()

    def __len__(self) -> int:
        return len(self._held)

    def offer(self, item: T) -> None:
        """Send it soon, or drop it."""
        if self._closing or len(self._held) >= self._sending.queue_items_max:
            self.dropped += 1
            return
        self._held.append(item)
        if len(self._held) >= self._sending.batch_items_max:
            self._wake.set()

    def finish(self) -> None:
        """Take nothing more, and send what waits at once."""
        self._closing = True
        self._wake.set()

    def close(self, patience_s: float) -> None:
        """`finish`, and wait for at most `patience_s`; what is left then is dropped. Blocks."""
        self.finish()
        self._thread.join(patience_s)
        self._given_up = True
        self.dropped += len(self._held)
        self._held.clear()

    def _run(self) -> None:
        while not self._closing:
            self._wake.wait(self._sending.delay_s)
            self._wake.clear()
            self._send_waiting()

    def _send_waiting(self) -> None:
        while self._held and not self._given_up:
            batch = self._batch()
            if self._send(batch):
                self.sent += len(batch)
            else:
                self.failed += len(batch)

    def _batch(self) -> list[T]:
        batch: list[T] = []
        try:
            while len(batch) < self._sending.batch_items_max:
                batch.append(self._held.popleft())
        except IndexError:  # that was all, or `close` took the rest
            pass
        return batch
