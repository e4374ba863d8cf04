"""The policies in force: the general one, and those that single routes name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from proxy.config.policies import read_policy
from proxy.config.settings import Settings
from proxy.core.policy import Policy


@dataclass(frozen=True, slots=True)
class Loaded:
    """A policy and the text it was read from, which evidence records carry."""

    policy: Policy
    text: str = ""


@dataclass(frozen=True, slots=True)
class Policies:
    """`by_name` holds the policies that `routes.NAME.policy` names."""

    general: Loaded
    by_name: Mapping[str, Loaded] = field(default_factory=dict)

    def of(self, settings: Settings, route: str) -> Loaded:
        """The policy of a route."""
        own = settings.routes.get(route)
        return self.by_name.get(own.policy, self.general) if own else self.general


def load_policies(settings: Settings) -> Policies:
    """Every policy that the settings name. Raises ConfigError."""
    names = sorted({route.policy for route in settings.routes.values() if route.policy})
    return Policies(Loaded(*read_policy(settings.policy)), {name: Loaded(*read_policy(name)) for name in names})
