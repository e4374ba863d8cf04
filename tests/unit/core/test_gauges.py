"""Gauges: windows, charts, divergences and percentiles, from panes."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.gauges import WINDOWS_S, gauges
from proxy.core.windows import SCALE, Cell, Counts, merge
from proxy.detectors.intervals import wilson
from tests.unit.core.looks import BASELINE, ILL, WELL

NOW = 100_000


@given(
    st.lists(st.tuples(st.integers(0, 2_000), st.integers(0, 20), st.integers(0, 20), st.integers(0, 3)), max_size=20)
)
def test_a_window_is_the_weighted_rate_of_its_panes(drawn: list[tuple[int, int, int, int]]) -> None:
    panes = {
        NOW - back: {Cell("refusal", "fraud", r, 1): hit * SCALE, Cell("refusal", "fraud", r, 0): miss * SCALE}
        for back, hit, miss, r in drawn
    }
    found = gauges(sorted(panes.items()), None, NOW, 60.0)["windows"]
    for window_s in WINDOWS_S:
        inside = [counts for number, counts in panes.items() if number >= NOW - window_s / 60]
        weights = [(cell.y, 2.0**-cell.r) for counts in inside for cell, n in counts.items() for _ in range(n // SCALE)]
        shown = found[str(window_s)].get("refusal")
        if not weights:
            assert shown is None
            continue
        whole = sum(w for _, w in weights)
        n_eff = whole**2 / sum(w * w for _, w in weights)
        rate = sum(y * w for y, w in weights) / whole
        assert (shown["rate"], shown["n_eff"], shown["n"]) == pytest.approx((rate, n_eff, len(weights)))
        assert (shown["low"], shown["high"]) == pytest.approx(wilson(rate, n_eff))


def test_harmless_prompts_are_in_no_refusal_rate() -> None:
    counts = {Cell("refusal", "none", 0, 0): 9 * SCALE, Cell("refusal", "fraud", 0, 1): SCALE}
    assert gauges([(NOW, counts)], None, NOW, 60.0)["windows"]["60"]["refusal"]["rate"] == 1.0


def test_a_chart_shows_a_fall_and_is_centred_on_the_mix_of_its_panes() -> None:
    panes = [(NOW - 40 + k, WELL if k < 30 else ILL) for k in range(40)]
    chart = gauges(panes, BASELINE, NOW, 60.0)["charts"]
    assert chart["centre"] == pytest.approx((0.975 + 0.95) / 2)
    assert chart["p_chart"]["value"] == 0.3
    assert chart["p_chart"]["value"] < chart["p_chart"]["low"]
    assert chart["ewma"]["value"] < chart["ewma"]["low"]
    assert chart["cusum"]["down"] > 20 > 1 > chart["cusum"]["up"]
    only = {cell: n for cell, n in WELL.items() if cell.stratum != "weapons"}
    assert gauges([(NOW, only)], BASELINE, NOW, 60.0)["charts"]["centre"] == pytest.approx(0.975)
    assert gauges([], BASELINE, NOW, 60.0)["charts"] == {}


def test_divergences_are_near_0_where_nothing_changed_and_hidden_where_little_is_known() -> None:
    shape = {"08": 3_000, "09": 5_000, "10": 2_000}
    baseline = replace(
        BASELINE, shapes={"length": shape, "embedding": {f"{k}.0{b}": 500 for k in (0, 1) for b in (1, 2)}}
    )
    dice = random.Random(1)
    same = [_pane("length", dice.choices(list(shape), list(shape.values()), k=40)) for _ in range(30)]
    moved = [_pane("embedding", dice.choices(["0.01", "0.02"], k=40) + ["1.01"] * 40) for _ in range(30)]
    panes = [(NOW - 30 + k, merge([a, b])) for k, (a, b) in enumerate(zip(same, moved, strict=True))]
    shapes = gauges(panes, baseline, NOW, 60.0)["shapes"]
    assert shapes["length"] == {
        "kind": "output",
        "js_bits": pytest.approx(0.0, abs=0.002),
        "kl_bits": pytest.approx(0.0, abs=0.01),
        "error_bits": pytest.approx(0.0004, rel=0.2),
        "n_eff": pytest.approx(1_200),
        "hour": None,
    }
    assert shapes["embedding"]["js_bits"] > 0.2, "the projection that is furthest away"
    few = gauges([(NOW, _pane("length", ["08", "09"]))], baseline, NOW, 60.0)["shapes"]
    assert few["length"]["js_bits"] is None
    old = gauges([(NOW - 70, _pane("length", ["08"] * 99))], baseline, NOW, 60.0)["shapes"]
    assert old == {}


def test_the_percentile_of_toxicity_stands_beside_the_baseline_s() -> None:
    baseline = replace(BASELINE, shapes={"toxicity_bin": {"00": 960, "40": 40}})
    found = gauges([(NOW, _pane("toxicity_bin", ["00"] * 90 + ["60"] * 10))], baseline, NOW, 60.0)["toxicity_p95"]
    assert found["now"] > 0.4
    assert found["baseline"] < 1e-4
    assert gauges([], None, NOW, 60.0)["toxicity_p95"] == {"now": None, "baseline": None}


def _pane(signal: str, bins: list[str]) -> Counts:
    return {Cell(signal, name, 0, 1): bins.count(name) * SCALE for name in set(bins)}
