"""`groundwire route sample`: which answers of a route are analysed; and how `route show` tells it."""

from __future__ import annotations

import getpass
import json
import socket
import sys
from argparse import Namespace
from collections.abc import Mapping
from typing import Any, Final

from proxy.control.api.client import ControlClient, route_path

SETTINGS: Final = "settings"  # instead of a strategy: the settings' own


def sample(arguments: Namespace) -> int:
    """Another strategy for a route."""
    body = {
        "actor": arguments.actor or f"{getpass.getuser()}@{socket.gethostname()}",
        "reason": arguments.reason,
        "strategy": "" if arguments.strategy == SETTINGS else arguments.strategy,
        **({} if arguments.share is None else {"share": arguments.share}),
    }
    data = ControlClient.of(arguments).post(route_path(arguments.name, "sample"), body)
    text = json.dumps(data, indent=2, sort_keys=True) if arguments.json else str(data["message"])
    sys.stdout.write(f"{text}\n")
    return 0


def sampling_lines(sampling: Mapping[str, Any]) -> list[str]:
    """For `route show`: what is in force, what comes next, and what became of the exchanges."""
    if not sampling.get("now"):
        return []
    share = "" if sampling["strategy"] == "full" else f", share {sampling['share']:g}"
    by = "" if sampling["by"] == "settings" else " (ordered)"
    lines = [f"sampling   {sampling['strategy']}{share}{by}: {_epoch(sampling['now'])}"]
    if sampling["next"]:
        lines.append(f"           next: {_epoch(sampling['next'])}; {sampling['next']['why']}")
    found = ", ".join(f"{what} {n:.0f}" for what, n in sampling["coverage"].items())
    return [*lines, f"exchanges  {found or 'none yet'}"]


def _epoch(epoch: Mapping[str, Any]) -> str:
    more = ", all risky ones for review" if epoch["review"] else ""
    rates = f"harmful prompts {epoch['harmful']:g}, risky answers {epoch['risky']:g}, all {epoch['all']:g}"
    return f"{rates}{more} (epoch {epoch['epoch']})"
