"""Sender and receiver over a real Unix socket, on both event loops' rules: never wait, count every drop."""

from __future__ import annotations

import asyncio
import os
import socket
import stat
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import uvloop

from proxy.core.enforcement import Enforcement, Snapshot, Step
from proxy.core.errors import StateError
from proxy.core.exchange import Body, End, Exchange, Framing
from proxy.link.frames import Figures, Loss, Stats, encode_hello
from proxy.link.receiver import LinkReceiver, Peer
from proxy.link.sender import LinkSender

MIB = 1_048_576


def exchange(name: str = "1", size_bytes: int = 10) -> Exchange:
    made = Exchange(name, "POST", "/v1/chat/completions", 200, End.COMPLETE, 100.5, 100.6, 101.0)
    made.route, made.upstream, made.served_model = "support", "tuned", "support-v2"
    made.request = Body(b"q" * size_bytes, Framing.LENGTH, "application/json", "", size_bytes)
    return made


class Taken:
    """What a receiver was given."""

    def __init__(self) -> None:
        self.exchanges: list[Exchange] = []
        self.stats: list[Stats] = []
        self.peer: Peer | None = None

    def __call__(self, peer: Peer, number: int, message: Exchange | Stats, size_bytes: int) -> None:
        self.peer = peer
        assert number == peer.received
        if isinstance(message, Exchange):
            assert size_bytes > len(message.request.data)
            self.exchanges.append(message)
        else:
            self.stats.append(message)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.01)


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "link.sock")


@pytest.fixture
async def sender(path: str) -> AsyncIterator[LinkSender]:
    made = LinkSender(path, MIB, lambda _: None)
    made.start()
    yield made
    await made.close()


async def test_exchanges_go_up_and_snapshots_come_down(path: str) -> None:
    snapshots: list[Snapshot] = []
    taken = Taken()
    receiver = LinkReceiver(path, taken, Snapshot(1))
    await receiver.start()
    sender = LinkSender(path, MIB, snapshots.append)
    sender.start()
    await until(lambda: snapshots == [Snapshot(1)])
    sent = [exchange(str(i), 3_000) for i in range(50)]
    for one in sent:
        sender.offer(one)
    changed = Snapshot(2, enforcements=(Enforcement("support", Step.REVERTED, "e1", "because"),))
    receiver.publish(changed)
    await until(lambda: len(taken.exchanges) == 50 and len(snapshots) == 2)
    assert taken.exchanges == sent
    assert snapshots[1] == changed
    assert {peer.process_id for peer in receiver.peers} == {os.getpid()}
    assert set(sender.dropped.values()) == {0}
    await sender.close()
    await until(lambda: not receiver.peers)
    await receiver.close()


async def test_metrics_go_up_where_they_are_wanted_and_no_ack_counts_them(path: str) -> None:
    told, snapshots, taken = Figures(5.0, (("level", ("a",), 1),)), list[Snapshot](), Taken()
    receiver = LinkReceiver(path, taken)
    await receiver.start()
    sender = LinkSender(path, MIB, snapshots.append, lambda: told)
    sender.start()
    await until(lambda: len(taken.stats) >= 2)
    assert {peer.figures for peer in receiver.peers} == {Figures()}, "nobody asked"
    receiver.want_figures(0.01)
    await until(lambda: {peer.figures for peer in receiver.peers} == {told})
    sender.offer(exchange())
    await until(lambda: len(taken.exchanges) == 1)
    assert taken.peer is not None
    taken.peer.acknowledge(taken.peer.received)
    receiver.publish(Snapshot(2))
    await until(lambda: snapshots == [Snapshot(2)])
    await receiver.close()
    await until(lambda: not sender.connected)
    assert sender.dropped["connection_lost"] == 0
    await sender.close()


async def test_without_a_peer_every_exchange_is_dropped_and_told_later(path: str, sender: LinkSender) -> None:
    for _ in range(7):
        sender.offer(exchange())
    assert not sender.connected
    assert sender.dropped["not_connected"] == 7
    taken = Taken()
    receiver = LinkReceiver(path, taken)
    await receiver.start()
    await until(lambda: any(stats.lost for stats in taken.stats))
    assert next(s.lost for s in taken.stats if s.lost) == (Loss(100, "support", "tuned/support-v2", 7),)
    assert taken.stats[-1].offered == 7
    await receiver.close()


async def test_a_peer_that_reads_nothing_fills_the_buffer_and_no_more(path: str) -> None:
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(path)
    listening.listen(1)
    sender = LinkSender(path, MIB, lambda _: None)
    sender.start()
    await until(lambda: sender.connected)
    for _ in range(200):
        sender.offer(exchange(size_bytes=20_000))
        await asyncio.sleep(0)
        assert sender.waiting_bytes <= MIB
    assert sender.dropped["buffer_full"] > 0
    assert sender.dropped["buffer_full"] + sender.sent == 200
    await sender.close()
    assert sender.dropped["connection_lost"] == sender.sent
    listening.close()


async def test_an_exchange_over_the_whole_buffer_is_counted(path: str) -> None:
    receiver = LinkReceiver(path, Taken())
    await receiver.start()
    sender = LinkSender(path, 1_000, lambda _: None)
    sender.start()
    await until(lambda: sender.connected)
    sender.offer(exchange(size_bytes=2_000))
    assert sender.dropped["buffer_full"] == 1
    broken = exchange()
    broken.path = "/\udc80"
    sender.offer(broken)
    assert sender.dropped["too_large"] == 1
    await sender.close()
    await receiver.close()


async def test_reconnects_and_tells_what_was_not_stored(path: str, sender: LinkSender) -> None:
    first, second = Taken(), Taken()
    receiver = LinkReceiver(path, first)
    await receiver.start()
    await until(lambda: sender.connected)
    for i in range(10):
        sender.offer(exchange(str(i)))
    await until(lambda: len(first.exchanges) == 10)
    assert first.peer is not None
    first.peer.acknowledge(5)  # the report at the start, and four exchanges
    await asyncio.sleep(0.05)
    await receiver.close()
    await until(lambda: not sender.connected)
    assert sender.dropped["connection_lost"] == 6
    again = LinkReceiver(path, second)
    await again.start()
    await until(lambda: any(stats.lost for stats in second.stats))
    assert sum(loss.exchanges for stats in second.stats for loss in stats.lost) == 6
    sender.offer(exchange("after"))
    await until(lambda: [e.id for e in second.exchanges] == ["after"])
    await again.close()


async def test_several_senders_and_a_newcomer_get_the_last_snapshot(path: str) -> None:
    receiver = LinkReceiver(path, Taken())
    await receiver.start()
    seen: list[list[int]] = [[], []]
    senders = [LinkSender(path, MIB, lambda s, mine=mine: mine.append(s.version)) for mine in seen]  # type: ignore[misc]
    senders[0].start()
    await until(lambda: len(receiver.peers) == 1)
    receiver.publish(Snapshot(5))
    senders[1].start()
    await until(lambda: seen == [[5], [5]])
    for sender in senders:
        await sender.close()
    await receiver.close()


@pytest.mark.parametrize(
    "noise", [b"GET / HTTP/1.1\r\n\r\n", encode_hello(1) + encode_hello(1), b"GW\x01\x02" + b"\xff" * 12]
)
async def test_a_malformed_peer_is_left_and_others_stay(path: str, sender: LinkSender, noise: bytes) -> None:
    taken = Taken()
    receiver = LinkReceiver(path, taken)
    await receiver.start()
    await until(lambda: sender.connected)
    reader, writer = await asyncio.open_unix_connection(path)
    writer.write(noise)
    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
        await reader.readexactly(1)
    writer.close()
    sender.offer(exchange())
    await until(lambda: len(taken.exchanges) == 1)
    await receiver.close()


async def test_a_malformed_analysis_is_left_and_found_again(path: str, sender: LinkSender) -> None:
    visits = 0

    async def speak_nonsense(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal visits
        visits += 1
        writer.write(b"nonsense, and more of it")
        await writer.drain()

    server = await asyncio.start_unix_server(speak_nonsense, path)
    await until(lambda: visits >= 2)
    server.close()
    taken = Taken()
    receiver = LinkReceiver(path, taken)
    await receiver.start()
    await until(lambda: bool(receiver.peers))
    sender.offer(exchange())
    await until(lambda: len(taken.exchanges) == 1)
    await receiver.close()


async def test_a_connection_that_breaks_raises_nothing_into_a_request_under_uvloop(path: str) -> None:
    """uvloop refuses writes to a closed transport; an exchange may be offered before the loop has said so."""

    async def scenario() -> int:
        async def leave(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"nonsense, and more of it, so that the sender leaves")
            await asyncio.sleep(0.02)
            writer.transport.abort()

        server = await asyncio.start_unix_server(leave, path)
        sender = LinkSender(path, MIB, lambda _: None)
        sender.start()
        while sender.dropped["connection_lost"] < 3:
            sender.offer(exchange(size_bytes=5_000))
            await asyncio.sleep(0)
        while not sender.connected:
            await asyncio.sleep(0.01)
        before = sender.dropped["not_connected"]
        assert sender._transport is not None
        sender._transport.abort()
        sender.offer(exchange())
        not_connected = sender.dropped["not_connected"] - before
        await sender.close()
        server.close()
        return not_connected

    async with asyncio.timeout(20):
        assert await asyncio.to_thread(uvloop.run, scenario()) == 1


async def test_the_socket_is_private_and_a_stale_one_is_replaced(path: str) -> None:
    stale = socket.socket(socket.AF_UNIX)
    stale.bind(path)
    stale.close()
    receiver = LinkReceiver(path, Taken())
    await receiver.start()
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    await receiver.close()
    assert not os.path.exists(path)


@pytest.mark.parametrize("bad", ["/no/such/folder/link.sock", "/tmp/link" + "x" * 200])
async def test_a_path_that_cannot_be_used_says_why(bad: str) -> None:
    with pytest.raises(StateError, match="link"):
        await LinkReceiver(bad, Taken()).start()


async def test_thinned_exchanges_are_told(path: str, sender: LinkSender) -> None:
    taken = Taken()
    receiver = LinkReceiver(path, taken)
    await receiver.start()
    await until(lambda: sender.connected)
    sender.count_thinned()
    await until(lambda: bool(taken.stats) and taken.stats[-1].thinned == 1)
    await receiver.close()


async def test_losses_of_no_route_are_one_entry_whatever_models_were_asked(path: str, sender: LinkSender) -> None:
    """A stranger may name as many models as it likes, each 4 KB long: they may not push out what a route lost."""
    sender.offer(exchange())
    for i in range(9_000):
        stranger = exchange()
        stranger.route, stranger.started_s, stranger.served_model = "", 200.0, f"{i}" * 800
        sender.offer(stranger)
    taken = Taken()
    receiver = LinkReceiver(path, taken)
    await receiver.start()
    await until(lambda: bool(taken.stats))
    assert taken.stats[0].lost == (Loss(100, "support", "tuned/support-v2", 1), Loss(200, "", "", 9_000))
    await receiver.close()
