"""The proved bound against the definition: the lowest line whose own evidence reaches the limit."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from proxy.detectors.e_process import FRESH, UNIT, Direction, Key, advance, best, log_evidence, tables
from proxy.detectors.proved_bound import proved_factor, proved_factor_above

ONE = 65_536
LIMIT = round(13.0 * UNIT)
keys = st.tuples(st.sampled_from("ab"), st.integers(0, 2), st.integers(0, 1))
cells = st.dictionaries(keys, st.integers(1, 80).map(lambda n: n * ONE))
LINES = {"a": 0.8, "b": 0.6}


def evidence_at(f: float, counts: dict[Key, int], start: str = "one") -> float:
    """ln E of one beginning at the lines f * m: all counts in one pane."""
    table = tables(Direction.BAD_WHEN_LOW, {s: f * m for s, m in LINES.items()})
    return log_evidence(advance(FRESH, table, 0, counts)) / UNIT


@given(cells)
def test_the_evidence_reaches_the_limit_at_the_bound_and_not_below(counts: dict[Key, int]) -> None:
    factor = proved_factor(LINES, counts, LIMIT)
    if factor is None:
        assert evidence_at(0.9999 / 0.8, counts) < 13.0 + 1e-6
    else:
        assert evidence_at(factor, counts) >= 13.0 - 1e-6
        assert evidence_at(factor - 0.001, counts) < 13.0


@given(cells, st.floats(0.05, 1.2), st.floats(0.05, 1.2))
def test_evidence_grows_with_the_line(counts: dict[Key, int], f: float, g: float) -> None:
    """Why one bisection finds the bound, and why it holds for all lines above it at once."""
    low, high = sorted((f, g))
    assert evidence_at(low, counts) <= evidence_at(high, counts) + 1e-6


def test_more_refusals_prove_less() -> None:
    few = proved_factor(LINES, {("a", 0, 0): 60 * ONE, ("a", 0, 1): 10 * ONE}, LIMIT)
    many = proved_factor(LINES, {("a", 0, 0): 60 * ONE, ("a", 0, 1): 60 * ONE}, LIMIT)
    assert few is not None and many is not None and few < many


def test_nothing_is_proved_by_nothing() -> None:
    assert proved_factor(LINES, {}, LIMIT) is None
    assert proved_factor({}, {}, LIMIT) is None


def test_an_alarm_proves_a_bound_at_or_near_its_line() -> None:
    """At the moment of an alarm the bound of the best beginning lies at the line or just above it, never far."""
    bets, table = FRESH, tables(Direction.BAD_WHEN_LOW, {"a": 0.8})
    pane = 0
    while log_evidence(bets) < LIMIT:
        bets = advance(bets, table, pane, {("a", 0, pane % 2): ONE})
        pane += 1
    factor = proved_factor({"a": 0.8}, best(bets).sums, LIMIT)
    assert factor is not None
    assert math.isclose(factor, 1.0, abs_tol=0.06)


# Bad when high

HIGH_LINES = {"a": 0.05, "b": 0.4}
TOP = 0.9999 / 0.4


def evidence_above(f: float, counts: dict[Key, int]) -> float:
    """ln E of one beginning at the lines f * m, each with the bets of its own line's kind (0.3 parts them)."""
    shares = []
    for k in range(6):
        total = 0.0
        for (stratum, r, y), n in counts.items():
            m, line = f * HIGH_LINES[stratum], HIGH_LINES[stratum]
            few, many = (1.15, 1.35, 1.8, 3, 8, 25)[k], (0.97, 0.93, 0.85, 0.70, 0.45, 0.15)[k]
            p = min(m * few, m + 0.9 * (1 - m)) if line <= 0.3 else 1 - (1 - m) * many
            total += n / ONE * math.log(1 + (p - m) / (m * (1 - m)) * 2.0**-r * (y - m))
        shares.append(total - math.log(6))
    top = max(shares)
    return top + math.log(sum(math.exp(share - top) for share in shares))


@given(cells)
def test_what_is_proved_above_is_the_highest_line_that_is_disproved(counts: dict[Key, int]) -> None:
    factor = proved_factor_above(HIGH_LINES, counts, LIMIT)
    if factor is None:
        assert evidence_above(0.002, counts) < 13.0
    else:
        assert evidence_above(factor, counts) >= 13.0 - 1e-6
        assert factor > TOP - 0.001 or evidence_above(factor + 0.001, counts) < 13.0


@given(cells, st.floats(0.05, 2.4), st.floats(0.05, 2.4))
def test_evidence_above_falls_as_the_line_grows(counts: dict[Key, int], f: float, g: float) -> None:
    low, high = sorted((f, g))
    assert evidence_above(high, counts) <= evidence_above(low, counts) + 1e-6


def test_at_the_line_it_is_the_very_evidence_of_the_test() -> None:
    counts = {("a", 0, 1): 9 * ONE, ("a", 0, 0): 90 * ONE, ("b", 1, 1): 7 * ONE}
    table = tables(Direction.BAD_WHEN_HIGH, HIGH_LINES)
    assert math.isclose(
        evidence_above(1.0, counts), log_evidence(advance(FRESH, table, 0, counts)) / UNIT, abs_tol=1e-6
    )


def test_nothing_is_proved_above_by_nothing() -> None:
    assert proved_factor_above(HIGH_LINES, {}, LIMIT) is None
    assert proved_factor_above(HIGH_LINES, {("a", 0, 0): 500 * ONE}, LIMIT) is None
