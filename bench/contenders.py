"""The proxies that are compared, each started in the same way: on one core, in front of one upstream."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.support import ROOT, free_ports

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGESIZE")
ENVOY = ROOT / ".cache" / "bench" / "bin" / "envoy"


@dataclass(frozen=True, slots=True)
class Contender:
    """A proxy: the command line that serves PORT in front of UPSTREAM, given a folder of its own."""

    name: str
    command: Callable[[Path, int, int], list[str]]


@dataclass(slots=True)
class Running:
    """A started proxy. `start_s` is the time from its start to the first answer that it passed on."""

    name: str
    port: int
    root: int
    start_s: float
    analysis: int = 0

    def pids(self) -> list[int]:
        """The processes of the data plane."""
        if not self.root:
            return []
        found = [self.root]
        for pid in found:
            found += [child for child in children(pid) if child != self.analysis]
        return found

    def cpu_s(self) -> float:
        """CPU time that the data plane took so far."""
        return sum(cpu_s(pid) for pid in self.pids())

    def analysis_cpu_s(self) -> float:
        """And that of Groundwire's analysis process."""
        return cpu_s(self.analysis) if self.analysis else 0.0

    def resident_mib(self) -> float:
        """Resident memory of the data plane."""
        return sum(resident_bytes(pid) for pid in self.pids()) / 2**20

    def analysis_mib(self) -> float:
        """And of the analysis process."""
        return resident_bytes(self.analysis) / 2**20 if self.analysis else 0.0


def children(pid: int) -> list[int]:
    """The processes that a process started."""
    with suppress(OSError):
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def cpu_s(pid: int) -> float:
    """User and system time of a process, from /proc/PID/stat."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_S


def resident_bytes(pid: int) -> int:
    """Resident memory of a process."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE_BYTES


def groundwire(folder: Path, port: int, upstream: int, *, classify: bool = True) -> list[str]:
    """Everything on: routes found at the upstream, tee, classification and counting in the analysis process."""
    health, analysis = free_ports(2)
    settings = {
        "state_dir": str(folder),
        "log_level": "error",
        "classifiers": {"enabled": classify},
        "upstreams": {"default": {"url": f"http://127.0.0.1:{upstream}"}},
        "routes": {"tuned": {"base_model": "base"}},
        "listen": {
            "data": f"127.0.0.1:{port}",
            "health": f"127.0.0.1:{health}",
            "analysis_health": f"127.0.0.1:{analysis}",
        },
    }
    config = folder / "groundwire.yaml"
    config.write_text(json.dumps(settings))  # JSON is YAML
    return [sys.executable, "-m", "proxy.cli", "serve", "--config", str(config)]


def without_classifier(folder: Path, port: int, upstream: int) -> list[str]:
    """The same with the patterns as judge: what classification beside it costs traffic."""
    return groundwire(folder, port, upstream, classify=False)


def nginx(folder: Path, port: int, upstream: int) -> list[str]:
    """Debian's nginx with one worker, kept-open upstream connections and no buffering of answers."""
    config = folder / "nginx.conf"
    config.write_text(f"""
daemon off; worker_processes 1; pid {folder}/pid; error_log stderr crit;
events {{ worker_connections 4096; }}
http {{
  access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  client_body_buffer_size 64k; keepalive_requests 100000000;
  upstream model {{ server 127.0.0.1:{upstream}; keepalive 256; keepalive_requests 100000000; }}
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://model; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffering off;
    }}
  }}
}}""")
    return ["nginx", "-p", str(folder), "-e", "stderr", "-c", str(config)]


def envoy(folder: Path, port: int, upstream: int) -> list[str]:
    """Envoy with one worker and no timeouts."""

    def address(number: int) -> dict[str, object]:
        return {"socket_address": {"address": "127.0.0.1", "port_value": number}}

    types = "type.googleapis.com/envoy.extensions.filters"
    router = {"name": "envoy.filters.http.router", "typed_config": {"@type": f"{types}.http.router.v3.Router"}}
    manager = {
        "@type": f"{types}.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "bench",
        "generate_request_id": False,
        "http_filters": [router],
        "route_config": {
            "virtual_hosts": [
                {
                    "name": "all",
                    "domains": ["*"],
                    "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "model", "timeout": "0s"}}],
                }
            ]
        },
    }
    chain = {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}
    endpoint = {"lb_endpoints": [{"endpoint": {"address": address(upstream)}}]}
    resources = {
        "listeners": [{"name": "data", "address": address(port), "filter_chains": [chain]}],
        "clusters": [
            {
                "name": "model",
                "type": "STATIC",
                "connect_timeout": "5s",
                "load_assignment": {"cluster_name": "model", "endpoints": [endpoint]},
            }
        ],
    }
    config = folder / "envoy.json"
    config.write_text(json.dumps({"static_resources": resources}))
    return [str(ENVOY), "-c", str(config), "--concurrency", "1", "--disable-hot-restart", "-l", "error"]


def aiohttp_proxy(_folder: Path, port: int, upstream: int) -> list[str]:
    """bench/aiohttp_proxy.py on uvloop."""
    return [sys.executable, "-m", "bench.aiohttp_proxy", str(port), f"http://127.0.0.1:{upstream}"]


CONTENDERS = (
    Contender("groundwire", groundwire),
    Contender("patterns", without_classifier),
    Contender("nginx", nginx),
    Contender("envoy", envoy),
    Contender("aiohttp", aiohttp_proxy),
)


def first_answer_s(port: int, process: subprocess.Popen[bytes], since_s: float, patience_s: float = 30.0) -> float:
    """Seconds until a request through the port was answered with 200. Raises RuntimeError where that never comes."""
    while (waited := time.monotonic() - since_s) < patience_s and process.poll() is None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5) as client:
            client.sendall(b"GET /first HTTP/1.1\r\nHost: bench\r\n\r\n")
            if client.recv(65_536).startswith(b"HTTP/1.1 200"):
                return time.monotonic() - since_s
        time.sleep(0.001)
    raise RuntimeError(f"no answer within {waited:.0f} s: {process.args!r}")


@contextmanager
def started(contender: Contender, folder: Path, upstream: int, proxy_core: int, load_core: int) -> Iterator[Running]:
    """Start it on `proxy_core`; Groundwire's analysis process goes to `load_core`."""
    folder.mkdir(parents=True)
    (port,) = free_ports(1)
    command = contender.command(folder, port, upstream)
    log = folder / "log"
    with log.open("wb") as out:
        since_s = time.monotonic()
        process = subprocess.Popen(["taskset", "-c", str(proxy_core), *command], cwd=ROOT, stdout=out, stderr=out)
    try:
        running = Running(contender.name, port, process.pid, first_answer_s(port, process, since_s))
        if contender.command in (groundwire, without_classifier):
            running.analysis = analysis_of(process.pid)
            os.sched_setaffinity(running.analysis, {load_core})
        yield running
    except RuntimeError as wrong:
        raise RuntimeError(f"{wrong}\n{log.read_text(errors='replace')[-2_000:]}") from wrong
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def analysis_of(pid: int, patience_s: float = 30.0) -> int:
    """Groundwire's analysis process. Raises RuntimeError where there is none."""
    until_s = time.monotonic() + patience_s
    while time.monotonic() < until_s:
        for child in children(pid):
            if b"analysis-child" in Path(f"/proc/{child}/cmdline").read_bytes():
                return child
        time.sleep(0.05)
    raise RuntimeError("Groundwire started no analysis process")
