"""Whether the addresses to listen on can be had, or who has them."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from proxy.config.address import Address, parse_address
from proxy.config.sections.serving import Listen
from proxy.doctor.aside import aside
from proxy.doctor.finding import Finding, fail, ok
from proxy.doctor.running import Running
from proxy.doctor.scene import Scene

LISTENING: Final = "0A"  # in /proc/net/tcp
KEYS: Final = ("data", "health", "analysis_health", "control")


async def look(scene: Scene) -> Sequence[Finding]:
    """A port is tried by binding it, for an instant and without listening."""
    wanted = wanted_of(scene.settings.listen)
    found = await aside(lambda: {key: _tried(at) for key, at in wanted.items()})
    return [*twice(wanted), *(judge(key, wanted[key], *found[key], scene.running) for key in wanted)]


def wanted_of(listen: Listen) -> dict[str, Address]:
    """The TCP addresses, by key. Sockets are a matter of permissions. Pure."""
    texts = {key: getattr(listen, key) for key in KEYS}
    found = {key: parse_address(text) for key, text in texts.items() if text}
    return {key: at for key, at in found.items() if at.port}


def twice(wanted: Mapping[str, Address]) -> Iterator[Finding]:
    """Two listeners on one port. Pure."""
    by_port: dict[int, list[str]] = {}
    for key, at in wanted.items():
        by_port.setdefault(at.port, []).append(f"listen.{key}")
    for port, keys in by_port.items():
        if len(keys) > 1:
            yield fail(f"{' and '.join(keys)} name the same port {port}", keys[0], "give each its own port")


def judge(key: str, at: Address, number: int, holder: str, running: Running) -> Finding:
    """`number`: of the system's error, 0 where it can be had; `holder`: who has it, "" if unknown. Pure."""
    where = f"listen.{key}"
    if number == 0:
        return ok(f"{at} is free", where)
    if number == errno.EADDRINUSE:
        ours = running.traffic.version if key in {"data", "health"} else running.analysis.version
        if ours:
            return ok(f"{at} is held by the Groundwire that runs{f' ({holder})' if holder else ''}", where)
        mend = f"stop what holds it, or set {where} to another port"
        return fail(f"{at} is taken{f' by {holder}' if holder else ''}", where, mend)
    if number in {errno.EACCES, errno.EPERM}:
        return fail(f"{at}: this user may not listen there", where, "take a port above 1023")
    mend = f"set {where} to an address of this machine, or to 0.0.0.0"
    return fail(f"{at} cannot be had: {errno.errorcode.get(number, number)}", where, mend)


def _tried(at: Address) -> tuple[int, str]:
    family = socket.AF_INET6 if ":" in at.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            one.bind((at.host, at.port))
        except OSError as wrong:
            return wrong.errno or errno.EIO, _holder(at.port)
    return 0, ""


def _holder(port: int) -> str:
    """ "NAME, pid N" of who listens on a port, where this user may know it."""
    wanted = {f"socket:[{inode}]" for inode in _inodes(port)}
    for process in Path("/proc").iterdir():
        if not wanted or not process.name.isdigit():
            continue
        with suppress(OSError):
            if any(str(fd.readlink()) in wanted for fd in (process / "fd").iterdir()):
                return f"{(process / 'comm').read_text().strip()}, pid {process.name}"
    return ""


def _inodes(port: int) -> Iterator[str]:
    for table in ("tcp", "tcp6"):
        with suppress(OSError):
            for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
                words = line.split()
                if words[3] == LISTENING and int(words[1].rpartition(":")[2], 16) == port:
                    yield words[9]
