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
from proxy.tracing.asked import TracingError, Way, asked_of, metrics_of

LOCAL: Final = {Way.HTTP: "http://localhost:4318", Way.GRPC: "http://localhost:4317"}
GRPC: Final = "opentelemetry.exporter.otlp.proto.grpc"
Endpoint = tuple[str, Way]


async def look(scene: Scene) -> Sequence[Finding]:
    """Each endpoint once."""
    try:
        wanted = endpoints(scene.environment)
    except TracingError as wrong:
        return [fail(str(wrong), "OTEL_*", "correct the variable: until then nothing is sent")]
    if not wanted:
        return [note("no OTLP endpoint is asked for: metrics are scraped from /metrics, and there are no traces")]
    return [one for found in await asyncio.gather(*(_asked(*each) for each in wanted.items())) for one in found]


def endpoints(environment: Mapping[str, str]) -> dict[Endpoint, str]:
    """(endpoint, way) -> the variable that names it, of every signal that is sent. Raises TracingError. Pure."""
    asked, metrics = asked_of(environment), metrics_of(environment)
    ways = {
        "TRACES": asked.spans.way if asked else None,
        "LOGS": asked.events.way if asked and asked.events else None,
        "METRICS": metrics[0] if metrics else None,
    }
    found: dict[Endpoint, str] = {}
    for signal, way in ways.items():
        if way in LOCAL:
            names = (f"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
            name = next((one for one in names if environment.get(one)), names[1])
            found.setdefault((environment.get(name) or LOCAL[way], way), name)
    return found


async def _asked(endpoint: Endpoint, where: str) -> list[Finding]:
    url, way = endpoint
    found = []
    if way is Way.GRPC and not _has_grpc():
        mend = "install groundwire[grpc], or set OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf and port 4318"
        found.append(fail("OTLP over gRPC needs a package that is not installed", where, mend))
    return [*found, await _connected(url, urlsplit(LOCAL[way]).port or 0, where)]


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
