"""Other detectors on the same streams, each as its documentation has it: a page is an alarm of theirs.

They are given what an ordinary monitor has: of evaluated answers of users, refusal of harmful prompts (0, 1), the
toxicity score, and the anomaly flag. None of them knows of baselines, weights, categories or duplicates.
"""

from __future__ import annotations

import importlib.util
import pickle
from collections import deque
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, Final, Protocol

import numpy as np

REFUSAL: Final = "refusal"
TOX: Final = "tox"
ANOMALY: Final = "anomaly"
WINDOW: Final = 200


class Peer(Protocol):
    """A detector of one series."""

    def update(self, value: float) -> bool:
        """One more value; whether it raises an alarm now."""
        ...


class River:
    """A drift detector of river; it begins anew by itself after an alarm."""

    def __init__(self, detector: Any) -> None:
        self.detector = detector

    def update(self, value: float) -> bool:
        self.detector.update(value)
        return bool(self.detector.drift_detected)


class Threshold:
    """The mean of the last answers against a fixed line; it pages once, and again after it was well."""

    def __init__(self, line: float, *, low: bool) -> None:
        self.line, self.low = line, low
        self.values: deque[float] = deque(maxlen=WINDOW)
        self.total = 0.0
        self.raised = False

    def update(self, value: float) -> bool:
        self.total += value - (self.values[0] if len(self.values) == WINDOW else 0.0)
        self.values.append(value)
        mean = self.total / len(self.values)
        bad = len(self.values) == WINDOW and (mean < self.line if self.low else mean > self.line)
        news, self.raised = bad and not self.raised, bad
        return news


class Windowed:
    """PELT of ruptures on the last answers, whenever a tenth of them is new; a page is a change in their last half."""

    def __init__(self, window: int = 500) -> None:
        self.values: deque[float] = deque(maxlen=window)
        self.seen = 0

    def update(self, value: float) -> bool:
        ruptures: Any = import_module("ruptures")
        self.values.append(value)
        self.seen += 1
        window = self.values.maxlen or 0
        if len(self.values) < window or self.seen % (window // 10):
            return False
        signal = np.array(self.values)
        variance = max(float(signal.var()), 1e-6)
        breaks = (
            ruptures.Pelt(model="l2", min_size=30, jump=10).fit(signal).predict(pen=8.0 * np.log(window) * variance)
        )
        if any(window // 2 < place < window for place in breaks):
            self.values.clear()
            return True
        return False


Make = Callable[[str], Peer | None]  # of a signal; None: this peer does not watch it


def peers(lines: Mapping[str, float]) -> dict[str, Make]:
    """By name. `lines`: the warning line of each signal, for the naive thresholds."""
    found: dict[str, Make] = {"sliding window": lambda signal: Threshold(lines[signal], low=signal == REFUSAL)}
    if importlib.util.find_spec("river"):
        drift: Any = import_module("river.drift")
        found["river ADWIN"] = lambda _signal: River(drift.ADWIN())
        found["river Page-Hinkley"] = lambda _signal: River(drift.PageHinkley())
        found["river KSWIN"] = lambda signal: River(drift.KSWIN(seed=1)) if signal == REFUSAL else None
    if importlib.util.find_spec("ruptures"):
        found["ruptures PELT"] = lambda signal: Windowed() if signal == REFUSAL else None
    if importlib.util.find_spec("alibi_detect"):
        found["alibi-detect CUSUM"] = _alibi
    return found


def missing() -> list[str]:
    """Peers that are not installed here."""
    return [name for name in ("river", "ruptures", "alibi_detect") if not importlib.util.find_spec(name)]


def size_bytes(peer: Peer) -> int:
    """Its state, pickled."""
    return len(pickle.dumps(peer.__dict__))


class Alibi:
    """The online Fisher exact test detector of alibi-detect: for 0/1 values."""

    def __init__(self, reference: Any) -> None:
        cd: Any = import_module("alibi_detect.cd")
        self.detector = cd.FETDriftOnline(
            reference, ert=10_000, window_sizes=[50, 200], n_bootstraps=1_000, verbose=False
        )

    def update(self, value: float) -> bool:
        drifted = bool(self.detector.predict(np.array([int(value)]))["data"]["is_drift"])
        if drifted:
            self.detector.reset_state()
        return drifted


def _alibi(signal: str) -> Peer | None:
    return Alibi((np.random.default_rng(1).random(2_000) < 0.95).astype(int)) if signal == REFUSAL else None
