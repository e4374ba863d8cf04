"""Where it listens and what it connects to: TLS on both sides, Unix sockets, IPv6, prefixes, Host, X-Forwarded."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
import trustme

from tests.support import free_ports
from tests.wire.bare import in_front_of
from tests.wire.rawhttp import OK, Message, ScriptedUpstream, Wire, connect, until

GET = b"GET /x?y=1 HTTP/1.1\r\nHost: client.example\r\n\r\n"


def ask(wire: Wire, data: bytes = GET) -> Message:
    wire.send(data)
    return wire.response()


@contextmanager
def socket_upstream(listener: socket.socket, tls: ssl.SSLContext | None = None) -> Iterator[list[bytes]]:
    """A server on any kind of socket: answers every head with OK, and keeps the heads."""
    heads: list[bytes] = []

    def serve(sock: socket.socket) -> None:
        try:
            sock = tls.wrap_socket(sock, server_side=True) if tls else sock
            data = b""
            while more := sock.recv(65_536):
                data += more
                while b"\r\n\r\n" in data:
                    head, _, data = data.partition(b"\r\n\r\n")
                    heads.append(head + b"\r\n\r\n")
                    sock.sendall(OK)
        except OSError:
            pass  # the other side left, or does not trust us

    def accept() -> None:
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(sock,), daemon=True).start()

    listener.listen()
    threading.Thread(target=accept, daemon=True).start()
    try:
        yield heads
    finally:
        listener.close()


def unix_listener(path: Path) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    return listener


def test_a_unix_upstream(tmp_path: Path) -> None:
    path = tmp_path / "up.sock"
    with socket_upstream(unix_listener(path)) as heads, in_front_of(f"unix:{path}", tmp_path / "s") as front:
        with connect(front.port) as wire:
            assert ask(wire).content == b"ok"
            assert ask(wire, b"GET / HTTP/1.0\r\n\r\n").content == b"ok"
        assert heads == [GET, b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"]


def test_an_ipv6_upstream_and_listener(tmp_path: Path) -> None:
    listener = socket.create_server(("::1", 0), family=socket.AF_INET6)
    port = listener.getsockname()[1]
    data, health = free_ports(2)
    listen = {"listen": {"data": f"[::1]:{data}", "health": f"127.0.0.1:{health}"}}
    with socket_upstream(listener) as heads, started(f"http://[::1]:{port}", tmp_path, listen):
        until(lambda: answers(socket.AF_INET6, ("::1", data)), "the port")
        sock = socket.create_connection(("::1", data))
        with Wire(sock) as wire:
            assert ask(wire).content == b"ok"
        assert heads[-1] == GET


def test_a_unix_listener(tmp_path: Path, upstream: ScriptedUpstream) -> None:
    upstream.clear()
    path = tmp_path / "data.sock"
    stale = unix_listener(path)
    stale.close()  # the file of a process that is gone
    (health,) = free_ports(1)
    listen = {"listen": {"data": f"unix:{path}", "health": f"127.0.0.1:{health}"}}
    with started(upstream.url, tmp_path / "s", listen):
        until(lambda: answers(socket.AF_UNIX, str(path)), "the socket")
        with socket.socket(socket.AF_UNIX) as sock:
            sock.connect(str(path))
            sock.sendall(GET)
            assert sock.recv(65_536) == OK
    assert upstream.received == GET


def answers(family: socket.AddressFamily, address: object) -> bool:
    with socket.socket(family) as probe:
        return probe.connect_ex(address) == 0  # type: ignore[arg-type]


@contextmanager
def started(url: str, folder: Path, values: Mapping[str, object]) -> Iterator[None]:
    """A traffic process that does not listen where the other harness looks."""
    import os
    import subprocess
    import sys

    import yaml

    from tests.support import ROOT

    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "groundwire.yaml"
    config.write_text(yaml.safe_dump({"state_dir": str(folder), "upstreams": {"default": {"url": url}}, **values}))
    command = [sys.executable, "-m", "proxy.cli", "serve", "--only", "traffic", "--config", str(config)]
    process = subprocess.Popen(command, cwd=ROOT, env=os.environ)
    try:
        yield
        assert process.poll() is None
    finally:
        process.terminate()
        process.wait(30)


# --- TLS --------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def files(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Paths of the authority's and a server's PEM files."""
    folder = tmp_path_factory.mktemp("tls")
    cert = authority.issue_cert("127.0.0.1", "model.example")
    paths = {"ca": folder / "ca.pem", "cert": folder / "cert.pem", "key": folder / "key.pem"}
    authority.cert_pem.write_to_path(str(paths["ca"]))
    cert.private_key_pem.write_to_path(str(paths["key"]))
    for blob in cert.cert_chain_pems:
        blob.write_to_path(str(paths["cert"]), append=True)
    return {name: str(path) for name, path in paths.items()}


def tls_server(files: dict[str, str]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files["cert"], files["key"])
    context.set_alpn_protocols(["h2", "http/1.1"])
    return context


def tls_client(files: dict[str, str], port: int, protocols: list[str]) -> ssl.SSLSocket:
    context = ssl.create_default_context(cafile=files["ca"])
    context.set_alpn_protocols(protocols)
    return context.wrap_socket(socket.create_connection(("127.0.0.1", port)), server_hostname="127.0.0.1")


@pytest.mark.parametrize("name", ["", "model.example"])
def test_tls_to_the_upstream(name: str, files: dict[str, str], tmp_path: Path) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    url = f"https://127.0.0.1:{listener.getsockname()[1]}"
    values = {"upstreams": {"default": {"url": url, "tls_ca_file": files["ca"], "tls_server_name": name}}}
    with socket_upstream(listener, tls_server(files)) as heads, in_front_of(url, tmp_path, values) as front:
        with connect(front.port) as wire:
            assert [ask(wire).content for _ in range(3)] == [b"ok"] * 3
        assert heads == [GET] * 3


@pytest.mark.parametrize("wrong", [{"tls_ca_file": ""}, {"tls_server_name": "other.example"}])
def test_an_upstream_that_is_not_who_it_should_be_is_502(
    wrong: dict[str, str], files: dict[str, str], tmp_path: Path
) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    url = f"https://127.0.0.1:{listener.getsockname()[1]}"
    values = {"upstreams": {"default": {"url": url, "tls_ca_file": files["ca"], **wrong}}}
    with socket_upstream(listener, tls_server(files)) as heads, in_front_of(url, tmp_path, values) as front:
        with connect(front.port) as wire:
            assert ask(wire).status == 502
        assert heads == []


def test_tls_for_clients_speaks_http_1_1(files: dict[str, str], tmp_path: Path, upstream: ScriptedUpstream) -> None:
    upstream.clear()
    data, health = free_ports(2)
    listen = {
        "data": f"127.0.0.1:{data}",
        "health": f"127.0.0.1:{health}",
        "tls_cert_file": files["cert"],
        "tls_key_file": files["key"],
    }
    with started(upstream.url, tmp_path, {"listen": listen, "x_forwarded": True}):
        until(lambda: answers(socket.AF_INET, ("127.0.0.1", data)), "the port")
        with tls_client(files, data, ["h2", "http/1.1"]) as sock:
            assert sock.selected_alpn_protocol() == "http/1.1"
            for _ in range(3):
                sock.sendall(GET)
                assert sock.recv(65_536) == OK
        with tls_client(files, data, []) as sock:
            sock.sendall(GET[:-2] + b"Connection: close\r\n\r\n")
            answer = b""
            while more := sock.recv(65_536):
                answer += more
            assert answer.endswith(b"Connection: close\r\n\r\nok")
        with connect(data) as wire:  # plain text on a TLS port
            wire.send(GET)
            assert b"200" not in wire.rest()
    assert b"X-Forwarded-Proto: https\r\n" in upstream.received


# --- what an upstream's settings change -------------------------------------------------------------------------------


def test_prefix_and_host(tmp_path: Path, upstream: ScriptedUpstream) -> None:
    upstream.clear()
    values = {"upstreams": {"default": {"url": f"{upstream.url}/pre/fix/", "upstream_host": "model.svc:80"}}}
    with in_front_of(upstream.url, tmp_path, values) as front, connect(front.port) as wire:
        assert ask(wire).content == b"ok"
        assert ask(wire, b"GET /../../pause HTTP/1.1\r\nHost: x\r\n\r\n").status == 403
    assert upstream.received == b"GET /pre/fix/x?y=1 HTTP/1.1\r\nHost: model.svc:80\r\n\r\n"


def test_x_forwarded_is_appended(tmp_path: Path, upstream: ScriptedUpstream) -> None:
    upstream.clear()
    with in_front_of(upstream.url, tmp_path, {"x_forwarded": True}) as front, connect(front.port) as wire:
        assert ask(wire).content == b"ok"
        assert ask(wire, GET[:-2] + b"X-Forwarded-For: 9.9.9.9\r\nX-Forwarded-Proto: https\r\n\r\n").content == b"ok"
    first, second = upstream.requests
    lines = b"X-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: client.example\r\n\r\n"
    assert first.head == GET[:-2] + lines
    assert [value for name, value in second.fields if name == b"X-Forwarded-For"] == [b"9.9.9.9", b"127.0.0.1"]
    assert [value for name, value in second.fields if name == b"X-Forwarded-Proto"] == [b"https"]
