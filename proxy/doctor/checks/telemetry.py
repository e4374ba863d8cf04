"""Where traces and metrics are sent, as the standard OTEL_* variables say. Nothing is sent: it only connects."""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import urlsplit

from proxy.doctor.aside import addresses
from proxy.doctor.checks.upstreams import reason
from proxy.doctor.finding import Finding, fail, note, ok, warn
from proxy.doctor.scene import CALL_S, Scene

PORTS: Final = {"grpc": 4317, "http/protobuf": 4318}
GRPC: Final = "opentelemetry.exporter.otlp.proto.grpc"


async def look(scene: Scene) -> Sequence[Finding]:
    """Each signal's endpoint, each once."""
    if scene.environment.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return [note("OTEL_SDK_DISABLED is true: no trace and no metric is sent by OTLP", "OTEL_SDK_DISABLED")]
    wanted = endpoints(scene.environment)
    if not wanted:
        return [note("no OTLP endpoint is set: metrics are scraped from /metrics, and there are no traces")]
    return [one for found in await asyncio.gather(*(_asked(*each) for each in wanted.items())) for one in found]


def endpoints(environment: Mapping[str, str]) -> dict[tuple[str, str], str]:
    """(endpoint, protocol) -> the variable that names it. Pure."""
    found: dict[tuple[str, str], str] = {}
    for signal in ("TRACES", "METRICS"):
        if environment.get(f"OTEL_{signal}_EXPORTER", "otlp") != "otlp":
            continue
        name = next((one for one in _names(signal, "ENDPOINT") if environment.get(one)), "")
        protocol = next(
            (environment[one] for one in _names(signal, "PROTOCOL") if environment.get(one)), "http/protobuf"
        )
        if name:
            found.setdefault((environment[name], protocol), name)
    return found


def _names(signal: str, what: str) -> tuple[str, str]:
    return f"OTEL_EXPORTER_OTLP_{signal}_{what}", f"OTEL_EXPORTER_OTLP_{what}"


async def _asked(endpoint: tuple[str, str], where: str) -> list[Finding]:
    url, protocol = endpoint
    if protocol not in PORTS:
        mend = "say http/protobuf, or grpc with the extra `grpc` installed"
        return [fail(f"the protocol {protocol!r} is not known", where.replace("ENDPOINT", "PROTOCOL"), mend)]
    found = []
    if protocol == "grpc" and not _has_grpc():
        mend = "install groundwire[grpc], or set OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf and port 4318"
        found.append(fail("OTLP over gRPC needs a package that is not installed", where, mend))
    return [*found, await _connected(url, PORTS[protocol], where)]


def _has_grpc() -> bool:
    try:
        return importlib.util.find_spec(GRPC) is not None
    except ModuleNotFoundError:  # a parent of it
        return False


async def _connected(url: str, standard: int, where: str) -> Finding:
    parts = urlsplit(url if "//" in url else f"//{url}")
    try:
        host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else standard)
        async with asyncio.timeout(CALL_S):
            await addresses(host, port)
            _, writer = await asyncio.open_connection(host, port)
            writer.close()
    except (OSError, TimeoutError, ValueError) as wrong:
        text = f"{parts.hostname} takes no connection ({reason(wrong)}): spans would be dropped, and counted"
        return warn(text, where, "start the collector, or correct the endpoint")
    return ok(f"{host}:{port} takes connections", where)
