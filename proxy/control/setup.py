"""What was configured: settings, policies, baseline files. Replaced whole on a reload."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from proxy.config.files import Files
from proxy.config.settings import Settings
from proxy.control.baselines import learning
from proxy.control.baselines.prompts import Prompts, prompts_of
from proxy.control.entry import Entry
from proxy.control.guard import Guard
from proxy.control.policies.in_force import Loaded, Policies
from proxy.control.views import route as view
from proxy.core.baselines.baseline import Baseline
from proxy.core.decisions.decide import JUDGE
from proxy.core.policies.policy import Policy


@dataclass(frozen=True, slots=True)
class Setup:
    """`files`: baselines by route name, from the settings. `versions`: of judge and program, for evidence records.

    `judges`: versions of all judges that this replica holds: the present one, the cue lists, the one before.
    `prompts`: the known prompts for baselines, by the path of their file.
    """

    settings: Settings
    policies: Policies
    files: Mapping[str, Baseline] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    prompts: Mapping[str, Prompts] = field(default_factory=dict)
    judges: frozenset[str] = frozenset()

    @property
    def pane_s(self) -> float:
        """Length of a pane in seconds."""
        return self.settings.pane_s

    @property
    def judge(self) -> str:
        """Version of what judges answers here by itself."""
        return self.versions.get(JUDGE, "")

    @property
    def at_hand(self) -> frozenset[str]:
        """Versions of all judges that can be asked here."""
        return self.judges | {self.judge}

    @property
    def alone(self) -> str:
        """Why automatic actions are held on every route: replicas that decide alone flap. "" where nothing holds."""
        replicas, kind = self.settings.replicas, self.settings.store.kind
        if replicas == 1 or kind != "embedded":
            return ""
        return (
            f"{replicas} replicas have no shared store, and each would decide on its own part of the evidence; "
            "set store.kind: redis and store.url, or replicas: 1"
        )

    def held(self, guard: Guard, name: str, now_s: float) -> str:
        """Why automatic actions on this route ("": on any) are stopped; "" where they are not."""
        return self.alone or guard.held(name, now_s)

    def loaded(self, name: str) -> Loaded:
        """The policy of a route, with its text."""
        return self.policies.of(self.settings, name)

    def policy(self, name: str) -> Policy:
        """The policy of a route."""
        return self.loaded(name).policy

    def enforces(self, entry: Entry) -> bool:
        """Whether decisions on this route are carried out."""
        return view.mode(entry, self.policy(entry.route.name)) == "enforce"

    def prompts_for(self, name: str) -> Prompts | None:
        """The known prompts that the base of this route is asked; None where the settings name none."""
        own = self.settings.routes.get(name)
        file = (own.baseline_prompts_file if own else "") or self.settings.baseline_prompts_file
        return self.prompts.get(file)

    def baseline(self, entry: Entry) -> Baseline | None:
        """The one of the route's file, unless what is kept has the same counts (and perhaps was promoted since)."""
        file = self.files.get(entry.route.name)
        if file is None or (entry.baseline is not None and entry.baseline.refusals == file.refusals):
            return entry.baseline
        return file


def set_up(settings: Settings, policies: Policies, files: Files | None = None) -> Setup:
    """Read what the settings name. Raises ConfigError."""
    return Setup(settings, policies, learning.file_baselines(settings, files), prompts=prompts_of(settings, files))
