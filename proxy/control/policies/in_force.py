"""The policies of the routes: the live one, and shadows beside it that see the same panes and change nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from proxy.config.files import Files
from proxy.config.policies import parse_policy, read_policy
from proxy.config.settings import Settings
from proxy.control.policies.promotions import EVERYWHERE, Promotion, Promotions, sha256
from proxy.core.errors import ConfigError, Place
from proxy.core.policies.policy import Policy
from proxy.telemetry.logs import get_logger

log = get_logger(__name__)

SHADOWS_MAX: Final = 4  # beside one route's live policy: each costs a look of its own, some milliseconds a second


@dataclass(frozen=True, slots=True)
class Loaded:
    """A policy, the text it was read from, which evidence records carry, and its name."""

    policy: Policy
    text: str = ""
    name: str = ""

    @property
    def sha256(self) -> str:
        """Of the text, as in evidence records."""
        return sha256(self.text)


@dataclass(frozen=True, slots=True)
class Policies:
    """`by_name` holds the policies that `routes.NAME.policy` names, `shadows` those that run in shadow, both as the
    settings name them. `promoted` are by scope: they stand in the place of those in the files.
    """

    general: Loaded
    by_name: Mapping[str, Loaded] = field(default_factory=dict)
    shadows: Mapping[str, Loaded] = field(default_factory=dict)
    promoted: Mapping[str, Loaded] = field(default_factory=dict)

    @property
    def overall(self) -> Loaded:
        """The one of what belongs to no single route."""
        return self.promoted.get(EVERYWHERE, self.general)

    def filed(self, settings: Settings, scope: str) -> Loaded:
        """The policy of a scope as the files have it."""
        own = settings.routes.get(scope)
        return self.by_name.get(own.policy, self.general) if own else self.general

    def in_force(self, settings: Settings, scope: str) -> Loaded:
        """The live policy of a scope."""
        return self.of(settings, scope) if scope else self.overall

    def of(self, settings: Settings, route: str) -> Loaded:
        """The live policy of a route."""
        if route in self.promoted:
            return self.promoted[route]
        own = settings.routes.get(route)
        return self.filed(settings, route) if own and own.policy else self.overall

    def shadows_of(self, settings: Settings, route: str) -> dict[str, Loaded]:
        """By name, those beside the live one of a route; the live one itself is none."""
        live = self.of(settings, route).sha256
        found = (self.shadows[file] for file in shadow_files(settings, route) if file in self.shadows)
        return {one.name: one for one in found if one.sha256 != live}


def shadow_files(settings: Settings, route: str) -> tuple[str, ...]:
    """What the settings name for a route: its own, else the general ones."""
    own = settings.routes.get(route)
    return (own.shadow_policies if own else ()) or settings.policies.shadow


def load_policies(settings: Settings, files: Files | None = None) -> Policies:
    """Every policy that the settings name. Raises ConfigError."""
    check_shadows(settings)
    loaded = {file: Loaded(*read_policy(file, files), policy_name(file)) for file in policy_files(settings)}
    named = {file: loaded[file] for file in _named(settings)}
    return Policies(loaded[settings.policy], named, {file: loaded[file] for file in _shadows(settings)})


def policy_files(settings: Settings) -> tuple[str, ...]:
    """Every policy file, or name of a shipped policy, in the settings."""
    return tuple(dict.fromkeys((settings.policy, *_named(settings), *_shadows(settings))))


def _named(settings: Settings) -> list[str]:
    return sorted({route.policy for route in settings.routes.values() if route.policy})


def _shadows(settings: Settings) -> list[str]:
    return sorted({file for scope in (EVERYWHERE, *settings.routes) for file in shadow_files(settings, scope)})


def promoting(policies: Policies, settings: Settings, promotions: Promotions) -> Policies:
    """With what was promoted in its place; a promotion whose file says something else by now is passed over, said."""
    taken: dict[str, Loaded] = {}
    for scope, one in promotions.items():
        if policies.filed(settings, scope).sha256 != one.replaced:
            log.warning("promotion_superseded", scope=scope, policy=one.name, why="the file it replaced was changed")
        elif (loaded := _parsed(scope, one)) is not None:
            taken[scope] = loaded
    return replace(policies, promoted=taken)


def policy_name(file: str) -> str:
    """What a policy is called: the shipped name, or the file's without folder and ending."""
    return Path(file).stem


def _parsed(scope: str, promotion: Promotion) -> Loaded | None:
    try:
        policy = parse_policy(promotion.text, f"promoted policy {promotion.name}")
    except ConfigError as wrong:  # of another version of Groundwire
        log.error("promotion_unreadable", scope=scope, policy=promotion.name, error=str(wrong), then="the file holds")  # noqa: TRY400
        return None
    return Loaded(policy, promotion.text, promotion.name)


def check_shadows(settings: Settings) -> None:
    """Raises ConfigError where there are too many beside one route, or two of the same name."""
    problems: list[tuple[Place, str]] = []
    for scope in (EVERYWHERE, *settings.routes):
        files = shadow_files(settings, scope)
        place = Place("settings", None, f"routes.{scope}.shadow_policies" if scope else "policies.shadow")
        if len(files) > SHADOWS_MAX:
            problems.append((place, f"{len(files)} policies, at most {SHADOWS_MAX} run beside the live one"))
        if len({policy_name(file) for file in files}) < len(files):
            problems.append((place, "two of these have the same name; a policy is called as its file without ending"))
    if problems:
        raise ConfigError(problems)
