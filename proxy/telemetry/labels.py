"""Labels that several metrics have, each with what bounds it. Over a bound, values are counted under `other`."""

from __future__ import annotations

from typing import Final

from proxy.telemetry.metrics import Label, one_of

ROUTE: Final = Label("route", "configured and discovered routes (`discovery.routes_max`)", 1_000)
STEP: Final = one_of("step", "steady", "watch", "limited", "reverted", "offline")
UPSTREAM: Final = Label("upstream", "names in `upstreams`", 100)
CLASSIFIER: Final = Label("classifier", "names in `classifiers.remote`", 20)
SIGNAL: Final = Label("signal", "signals of docs/signals.md and names in `classifiers.remote`", 60)
STRATUM: Final = Label("stratum", "harm categories, contexts, known triggers, and `all`", 200)
LINE: Final = one_of("line", "changed", "warning", "critical")
