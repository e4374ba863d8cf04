"""Other detectors on the same streams, each as its documentation has it and at other settings of its sensitivity: a
page is an alarm of theirs.

They are given what an ordinary monitor has: of evaluated answers of users, refusal of harmful prompts (0, 1), the
toxicity score, and the anomaly flag. None of them knows of baselines, weights, categories or duplicates.
"""

from __future__ import annotations

import importlib.util
import pickle
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final, Protocol

import numpy as np

REFUSAL: Final = "refusal"
TOX: Final = "tox"
ANOMALY: Final = "anomaly"


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

    def __init__(self, line: float, *, low: bool, window: int) -> None:
        self.line, self.low, self.window = line, low, window
        self.values: deque[float] = deque(maxlen=window)
        self.total = 0.0
        self.raised = False

    def update(self, value: float) -> bool:
        self.total += value - (self.values[0] if len(self.values) == self.window else 0.0)
        self.values.append(value)
        mean = self.total / len(self.values)
        bad = len(self.values) == self.window and (mean < self.line if self.low else mean > self.line)
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


@dataclass(frozen=True, slots=True)
class Contender:
    """A peer at one setting. `is_default`: as its documentation has it; `is_slow`: tens of microseconds a value."""

    name: str
    setting: str
    make: Make
    is_default: bool = False
    is_slow: bool = False


ADWIN_DELTAS: Final = (0.002, 0.05, 1e-4, 1e-6, 1e-9, 1e-12)
PAGE_HINKLEY_THRESHOLDS: Final = (50.0, 5.0, 10.0, 20.0, 100.0)
WINDOWS: Final = (200, 100, 400, 800, 1_600)


def contenders(lines: Mapping[str, float]) -> Iterator[Contender]:
    """All that are installed, the default setting of each first. `lines`: the warning line of each signal."""
    for window in WINDOWS:
        yield Contender("sliding window", f"{window} answers", _threshold(lines, window), window == WINDOWS[0])
    if importlib.util.find_spec("river"):
        yield from _river()
    if importlib.util.find_spec("ruptures"):
        yield Contender("ruptures PELT", "", lambda signal: Windowed() if signal == REFUSAL else None, True, True)


def _river() -> Iterator[Contender]:
    drift: Any = import_module("river.drift")
    for delta in ADWIN_DELTAS:
        yield Contender("river ADWIN", f"delta {delta:g}", _always(drift.ADWIN, delta=delta), delta == ADWIN_DELTAS[0])
    for limit in PAGE_HINKLEY_THRESHOLDS:
        make = _always(drift.PageHinkley, threshold=limit)
        yield Contender("river Page-Hinkley", f"threshold {limit:g}", make, limit == PAGE_HINKLEY_THRESHOLDS[0])
    yield Contender(
        "river KSWIN", "", lambda signal: River(drift.KSWIN(seed=1)) if signal == REFUSAL else None, True, True
    )


def _always(detector: Any, **setting: float) -> Make:
    return lambda _signal: River(detector(**setting))


def _threshold(lines: Mapping[str, float], window: int) -> Make:
    return lambda signal: Threshold(lines[signal], low=signal == REFUSAL, window=window)


def missing() -> list[str]:
    """Peers that are not installed here."""
    return [name for name in ("river", "ruptures") if not importlib.util.find_spec(name)]


def size_bytes(peer: Peer) -> int:
    """Its state, pickled."""
    return len(pickle.dumps(peer.__dict__))
