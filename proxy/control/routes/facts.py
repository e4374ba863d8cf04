"""What servers and settings say of a route now: the part of a context fingerprint that is no traffic. Pure."""

from __future__ import annotations

import hashlib
from typing import Final

from proxy.control.entry import Entry
from proxy.control.routes.discovery import Discovery
from proxy.control.setup import Setup
from proxy.core.routes import Target

MOVING_S: Final = 60.0  # a model "created" less long ago may be one whose server gives the time of the listing


def facts_of(setup: Setup, entry: Entry, discovery: Discovery, now_s: float) -> dict[str, str]:
    """By name of `fingerprint.NAMES`; what is not known is not in it."""
    candidate, base = entry.route.candidate, entry.route.base
    text = setup.loaded(entry.route.name).text
    facts = {
        "candidate": f"{candidate.model} at {candidate.upstream}",
        "candidate_root": entry.root,
        "candidate_parent": entry.parent,
        "candidate_created": _created(candidate, discovery, now_s),
        "base": f"{base.model} at {base.upstream}" if base else "",
        "base_root": entry.base_root,
        "server": discovery.server_versions.known.get(candidate.upstream, ""),
        "policy": hashlib.sha256(text.encode()).hexdigest()[:16] if text else "",
        **setup.versions,
    }
    return {name: value for name, value in facts.items() if value}


def _created(candidate: Target, discovery: Discovery, now_s: float) -> str:
    """When the candidate was loaded, where the server tells that and not the time of each listing."""
    models = discovery.listings.get(candidate.upstream, ())
    created = next((model.created for model in models if model.id == candidate.model), 0)
    return str(created) if 0 < created < now_s - MOVING_S else ""
