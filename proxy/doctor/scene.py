"""What every check may look at, and what a check is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from proxy.config.settings import Settings
from proxy.doctor.finding import Finding
from proxy.doctor.running import Running

CALL_S: Final = 3.0  # of one call to a server, well under the bound of its check
CHECK_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class Scene:
    """`file`: of the settings, "" where there is none. `environment`: this process's variables."""

    settings: Settings
    running: Running = field(default_factory=Running)
    file: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def contained(self) -> bool:
        """Whether this is a pod: its files are nobody else's."""
        return "KUBERNETES_SERVICE_HOST" in self.environment


Look = Callable[[Scene], Awaitable[Sequence[Finding]]]


@dataclass(frozen=True, slots=True)
class Check:
    """`title` heads its findings. `look` may take `bound_s` seconds; what it has not said by then is not said."""

    title: str
    look: Look
    bound_s: float = CHECK_S
