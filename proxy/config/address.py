"""Addresses as people write them: "HOST:PORT", "[IPv6]:PORT", "unix:/PATH"."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Address:
    """A TCP address, or a Unix socket where `path` is set. Port 0 lets the system choose."""

    host: str = ""
    port: int = 0
    path: str = ""

    def __str__(self) -> str:
        if self.path:
            return f"unix:{self.path}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def parse_address(text: str) -> Address:
    """Read an address. Raises ValueError with the mend."""
    if text.startswith("unix:"):
        if not text.startswith("unix:/"):
            raise ValueError(f"{text!r}: a Unix socket needs an absolute path, unix:/PATH")
        return Address(path=text[5:])
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdigit() or int(port) > 65_535:
        raise ValueError(f"{text!r}: say HOST:PORT, [IPv6]:PORT or unix:/PATH")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise ValueError(f"{text!r}: an IPv6 address stands in brackets, [{host}]:{port}")
    return Address(host or "0.0.0.0", int(port))  # noqa: S104 - ":8900" means every interface, as elsewhere
