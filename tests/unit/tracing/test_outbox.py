"""What waits to be sent: bounded, counted, and over in bounded time whatever the exporter does."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from proxy.tracing.asked import Sending, Way
from proxy.tracing.evidence import LINKS_MAX, Evidence
from proxy.tracing.outbox import Outbox
from proxy.tracing.span import Place


def sending(queue: int, batch: int) -> Sending:
    return Sending(Way.HTTP, queue, batch, 60.0)


def test_everything_is_sent_in_batches_before_the_end() -> None:
    batches: list[Sequence[int]] = []

    def send(batch: Sequence[int]) -> bool:
        batches.append(batch)
        return True

    box = Outbox("test", sending(100, 8), send)
    for number in range(20):
        box.offer(number)
    box.close(30.0)
    assert [one for batch in batches for one in batch] == list(range(20))
    assert max(map(len, batches)) <= 8
    assert (box.sent, box.failed, box.dropped, len(box)) == (20, 0, 0, 0)


def test_an_exporter_that_hangs_holds_nobody_up() -> None:
    hangs, begun = threading.Event(), threading.Event()

    def send(_: Sequence[int]) -> bool:
        begun.set()
        return hangs.wait(60)

    box = Outbox("test", sending(4, 2), send)
    box.offer(0)
    box.offer(1)
    assert begun.wait(30)
    for number in range(10):
        box.offer(number)
    assert (len(box), box.dropped) == (4, 6)
    box.close(0.01)
    assert (len(box), box.dropped) == (0, 10)
    box.offer(0)
    assert box.dropped == 11
    hangs.set()


def test_what_an_exporter_gives_up_is_counted() -> None:
    box = Outbox[int]("test", sending(10, 2), lambda _: False)
    box.offer(0)
    box.close(30.0)
    assert (box.sent, box.failed, box.dropped) == (0, 1, 0)


@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from(["refusal", "toxicity"])), max_size=400))
def test_links_are_the_newest_of_the_route(fed: list[tuple[str, str]]) -> None:
    evidence = Evidence()
    places = [Place("1" * 32, f"{number:016x}") for number in range(len(fed))]
    for (route, signal), place in zip(fed, places, strict=True):
        evidence.note(route, (signal,), place)
    links = evidence.links("a", ("refusal", "toxicity"))
    wanted = [place for (route, _), place in zip(fed, places, strict=True) if route == "a"]
    assert [link.place for link in links] == wanted[-LINKS_MAX:]
    assert {link.attributes["groundwire.signal"] for link in evidence.links("a", ("refusal",))} <= {"refusal"}
    evidence.keep({"b"})
    assert evidence.links("a", ("refusal", "toxicity")) == ()
