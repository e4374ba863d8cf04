"""The sender's books: every exchange is acknowledged or reported lost, once."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from proxy.link.frames import Loss
from proxy.link.ledger import Ledger, Origin

keys = st.tuples(st.integers(0, 5), st.sampled_from(["a", "b", ""]), st.sampled_from(["m", "n"]))
steps = st.lists(
    st.one_of(
        st.tuples(st.just("sent"), keys),
        st.tuples(st.just("lose"), keys),
        st.tuples(st.just("report"), st.none()),
        st.tuples(st.just("ack"), st.integers(0, 30)),
        st.tuples(st.just("disconnect"), st.none()),
    ),
    max_size=60,
)


class Peer:
    """A model of the other side: the frames of this connection, and what was stored when they were acknowledged."""

    def __init__(self) -> None:
        self.frames: list[Origin | tuple[Loss, ...]] = []
        self.stored = 0
        self.counted: Counter[Origin] = Counter()
        self.told: Counter[Origin] = Counter()

    def store(self, frames: int) -> None:
        for frame in self.frames[self.stored : frames]:
            if frame and isinstance(frame[0], Loss):
                for loss in frame:
                    assert isinstance(loss, Loss)
                    self.told[loss[:3]] += loss.exchanges
            elif frame:
                self.counted[frame] += 1  # type: ignore[index]
        self.stored = max(self.stored, frames)


@given(steps)
def test_every_exchange_is_counted_or_told_as_lost_once(script: list[tuple[str, Origin | int | None]]) -> None:
    ledger, peer = Ledger(), Peer()
    offered: Counter[Origin] = Counter()
    for what, value in script:
        if what == "sent" and isinstance(value, tuple):
            ledger.sent(value)
            peer.frames.append(value)
            offered[value] += 1
        elif what == "lose" and isinstance(value, tuple):
            ledger.lose(value)
            offered[value] += 1
        elif what == "report":
            peer.frames.append(ledger.report())
        elif what == "ack" and isinstance(value, int):
            frames = min(value, len(peer.frames))
            peer.store(frames)
            ledger.acknowledge(frames)
        elif what == "disconnect":
            ledger.disconnect()
            peer.frames, peer.stored = [], 0
    ledger.disconnect()
    peer.frames, peer.stored = [ledger.report()], 0
    peer.store(1)
    assert peer.counted + peer.told == offered


def test_disconnect_says_how_many_exchanges_were_in_flight() -> None:
    ledger = Ledger()
    for _ in range(5):
        ledger.sent((7, "r", "m"))
    ledger.report()
    ledger.acknowledge(2)
    assert ledger.disconnect() == 3
    assert ledger.report() == (Loss(7, "r", "m", 3),)


def test_books_stay_small_while_nobody_listens() -> None:
    ledger = Ledger(entries_max=10)
    for second in range(100):
        ledger.lose((second, "r", "m"))
    assert [loss.second for loss in ledger.report()] == list(range(90, 100))


def test_books_stay_small_with_a_peer_that_acknowledges_nothing() -> None:
    ledger = Ledger(entries_max=2)
    for second in range(100):
        ledger.sent((second, "r", "m"))
    assert ledger.disconnect() <= 16


def test_a_late_acknowledgement_after_forgetting_does_not_reach_further() -> None:
    ledger = Ledger(entries_max=1)
    for second in range(20):
        ledger.sent((second, "r", "m"))
    ledger.acknowledge(12)  # the first 12 of 20, most of them forgotten by now
    assert ledger.disconnect() == 8
