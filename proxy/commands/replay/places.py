"""Where records are counted: by pane and epoch, and in them by route."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeAlias

from proxy.commands.replay.cells import Level
from proxy.commands.replay.epochs import Epoch
from proxy.commands.replay.following import Follower, Pane

ByWeight: TypeAlias = Mapping[float, Level]  # inclusion probability -> its cells; what is not in it is rejected
Enter: TypeAlias = Callable[["Places", Any], "Place"]


class Place:
    """Where the records of one route, pane and epoch are counted, taken apart for the loop."""

    __slots__ = ("follower", "harm", "levels", "log", "memory_s", "pane", "seen")

    def __init__(self, follower: Follower, pane: Pane, harm: ByWeight, levels: ByWeight) -> None:
        self.follower = follower
        self.pane = pane
        self.log = pane.log
        self.harm = harm
        self.levels = levels
        self.seen = follower.prompts.seen
        self.memory_s = follower.prompts.memory_s


class Places(dict[Any, Place]):
    """Route -> where its records of this pane and epoch are counted; `enter` makes it for the first one."""

    __slots__ = ("_enter", "harm", "levels", "pane")

    def __init__(self, pane: int, epoch: Epoch, levels: Sequence[Level], enter: Enter) -> None:
        super().__init__()
        self.pane = pane
        self.harm = {weight: levels[r] for weight, r in epoch.harm.items()}
        self.levels = {weight: levels[r] for weight, r in epoch.everything.items()}
        self._enter = enter

    def __missing__(self, route: Any) -> Place:
        place = self[route] = self._enter(self, route)
        return place


class Span(NamedTuple):
    """The part of an epoch in one open pane, in seconds from `begin` on, and where its records are counted."""

    begin: float
    end: float
    places: Places | None  # None: the pane is closed


NO_SPAN: Final = Span(0.0, 0.0, None)
