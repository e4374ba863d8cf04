"""Whether this process should get traffic, and with what lack. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Readiness:
    """Ready is: listening, enforcement known (or waited for long enough), upstream reached once, not draining."""

    listening: bool = False
    enforcement: bool = False  # known, or the hold has passed
    upstream: bool = False
    draining: bool = False
    degraded: set[str] = field(default_factory=set)

    def ready(self) -> bool:
        """Whether clients should come."""
        return self.listening and self.enforcement and self.upstream and not self.draining

    def explain(self) -> str:
        """One line per condition, for people."""
        lines = [
            ("listening", self.listening, "the data port is not open yet"),
            ("enforcement", self.enforcement, "waiting for the first enforcements from the analysis process"),
            ("upstream", self.upstream, "the upstream has not been reached yet"),
            ("not draining", not self.draining, "shutting down"),
        ]
        told = [f"[{'+' if good else '-'}] {name}{'' if good else ': ' + why}" for name, good, why in lines]
        told += [f"[!] degraded: {reason}" for reason in sorted(self.degraded)]
        return "\n".join((*told, "ready" if self.ready() else "not ready", ""))
