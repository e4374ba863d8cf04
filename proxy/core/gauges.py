"""What people look at (detection section 7): windows, charts, divergences, percentiles. Pure; decides nothing.

Rates are weighted (Hajek) with Wilson's interval at the effective sample size. A pane outside its control limits is no
alarm, and neither is a divergence: only the e-detectors' budgets are stated.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

from proxy.core.baselines.baseline import Baseline
from proxy.core.drift.apart import Pane, apart, bins_of
from proxy.core.drift.shapes import TOXICITY_BIN
from proxy.core.evidence.estimates import Sums, estimate
from proxy.core.evidence.findings import Estimate
from proxy.core.evidence.signals import HIGHS, REFUSAL
from proxy.core.observation import NO_HARM
from proxy.core.windows import SCALE, Counts
from proxy.detectors.control_chart import ewma, p_limits
from proxy.detectors.cusum import Cusum, advance
from proxy.detectors.e_process import LEVELS
from proxy.detectors.quantile import quantile

WINDOWS_S: Final = (60, 600, 3_600, 86_400)
SHAPES_S: Final = 3_600  # the window of divergences and percentiles
CHART_PANES: Final = 60
P95: Final = 0.95
RATES: Final = (REFUSAL, "canary", *HIGHS, "harmful_output", "hedging", "jailbreak", "injection", "anomaly")


def gauges(panes: Sequence[Pane], baseline: Baseline | None, now_pane: int, pane_s: float) -> dict[str, Any]:
    """Plain JSON values. `panes`: of the candidate, oldest first."""
    recent = [pane for pane in panes if pane[0] > now_pane - SHAPES_S / pane_s]
    shapes = {} if baseline is None else apart(recent, baseline, pane_s)
    return {
        "windows": dict(_windows(panes, now_pane, pane_s)),
        "charts": {} if baseline is None else _chart(panes[-CHART_PANES:], baseline),
        "toxicity_p95": _percentiles(recent, baseline),
        "shapes": {name: asdict(one) for name, one in shapes.items()},
    }


# --- rates ------------------------------------------------------------------------------------------------------------


def _windows(panes: Sequence[Pane], now_pane: int, pane_s: float) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each window holds the one before: the pane of now, and as many before it as the window is long, at least one."""
    sums: dict[str, Sums] = {}
    left = list(panes)
    for window_s in WINDOWS_S:
        first = now_pane - max(1.0, window_s / pane_s)
        while left and left[-1][0] >= first:
            _add_rates(sums, left.pop()[1])
        yield str(window_s), {name: shown for name, one in sums.items() if (shown := _shown(estimate(one)))}


def _add_rates(sums: dict[str, Sums], counts: Counts) -> None:
    for (signal, stratum, r, y), count in counts.items():
        if signal in RATES and 0 <= r < LEVELS and not (signal == REFUSAL and stratum == NO_HARM):
            sums[signal] = sums.get(signal, Sums()).plus(r, y, count)


def _shown(found: Estimate | None) -> dict[str, float] | None:
    return None if found is None else asdict(found)


# --- charts -----------------------------------------------------------------------------------------------------------


def _chart(panes: Sequence[Pane], baseline: Baseline) -> dict[str, Any]:
    """Refusal of harmful prompts, pane by pane, against the baseline's rates in the mix of these panes."""
    known = baseline.refusals
    by_pane = [_refusals(counts, known.keys()) for _, counts in panes]
    whole = _added(by_pane)
    weight = sum(one.weight for one in whole.values())
    if not weight:
        return {}
    centre = sum(one.weight * known[category].rate for category, one in whole.items()) / weight
    samples = [(one.rate, one.n_eff) for one in map(_one, by_pane)]
    last, smooth = samples[-1], list(ewma(centre, samples))[-1]
    low, high = p_limits(centre, last[1])
    state = Cusum()
    for rate, n in samples:
        state = advance(state, centre, rate * n, n)
    p_chart = {"value": last[0] if last[1] else None, "n_eff": last[1], "low": low, "high": high}
    return {
        "centre": centre,
        "panes": len(panes),
        "p_chart": p_chart,
        "ewma": {"value": smooth.value, "low": smooth.low, "high": smooth.high},
        "cusum": {"up": state.up, "down": state.down},
    }


def _refusals(counts: Counts, categories: Iterable[str]) -> dict[str, Sums]:
    sums: dict[str, Sums] = {}
    known = frozenset(categories)
    for (signal, stratum, r, y), count in counts.items():
        if signal == REFUSAL and stratum in known and 0 <= r < LEVELS:
            sums[stratum] = sums.get(stratum, Sums()).plus(r, y, count)
    return sums


def _added(parts: Iterable[Mapping[str, Sums]]) -> dict[str, Sums]:
    total: dict[str, Sums] = {}
    for part in parts:
        for name, one in part.items():
            total[name] = _plus(total.get(name, Sums()), one)
    return total


def _one(part: Mapping[str, Sums]) -> Sums:
    whole = Sums()
    for one in part.values():
        whole = _plus(whole, one)
    return whole


def _plus(a: Sums, b: Sums) -> Sums:
    return Sums(a.positives + b.positives, a.weight + b.weight, a.squares + b.squares, a.n + b.n)


# --- percentiles ------------------------------------------------------------------------------------------------------


def _percentiles(panes: Sequence[Pane], baseline: Baseline | None) -> dict[str, float | None]:
    """The 95th percentile of toxicity, now and in the baseline; None where nothing was counted."""
    bins = bins_of((counts for _, counts in panes), [TOXICITY_BIN]).get(TOXICITY_BIN, {})
    now = {bin_: one.weight / SCALE for bin_, one in bins.items()}
    then = {} if baseline is None else baseline.shapes.get(TOXICITY_BIN, {})
    return {"now": quantile(now, P95), "baseline": quantile({bin_: float(n) for bin_, n in then.items()}, P95)}
