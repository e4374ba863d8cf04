"""The pages of Prometheus and OpenMetrics, and the bounds that labels are held to."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.telemetry.both import OVERFLOWED
from proxy.telemetry.bounding import OTHER, Bounds
from proxy.telemetry.exposition import OPENMETRICS, TEXT, content_type, render
from proxy.telemetry.metrics import Distribution, Histogram, Kind, Label, Metric, Sample, sample

NAME = Label("name", "tests", 3)
COUNTER = Metric("groundwire_things_total", Kind.COUNTER, "{thing}", 'Things with "quotes" and \\.', (NAME,))
GAUGE = Metric("groundwire_level", Kind.GAUGE, "", "A level.", (NAME,))
TIMES = Metric("groundwire_times_seconds", Kind.HISTOGRAM, "s", "Times.", (NAME,), (0.1, 1.0))


def times(*values: float, weight: int = 1) -> Histogram:
    histogram = Histogram(TIMES)
    for value in values:
        histogram.observe(value, "a", weight=weight)
    return histogram


def test_a_page_in_prometheus_text() -> None:
    page = render([sample(COUNTER, 3, name='a"b\n'), sample(GAUGE, True, name="x"), *times(0.05, 0.1, 5.0).samples()])
    assert page.decode() == (
        '# HELP groundwire_things_total Things with "quotes" and \\\\.\n'
        "# TYPE groundwire_things_total counter\n"
        'groundwire_things_total{name="a\\"b\\n"} 3\n'
        "# HELP groundwire_level A level.\n"
        "# TYPE groundwire_level gauge\n"
        'groundwire_level{name="x"} 1\n'
        "# HELP groundwire_times_seconds Times.\n"
        "# TYPE groundwire_times_seconds histogram\n"
        'groundwire_times_seconds_bucket{name="a",le="0.1"} 2\n'
        'groundwire_times_seconds_bucket{name="a",le="1.0"} 2\n'
        'groundwire_times_seconds_bucket{name="a",le="+Inf"} 3\n'
        'groundwire_times_seconds_sum{name="a"} 5.1500000000000004\n'
        'groundwire_times_seconds_count{name="a"} 3\n'
    )


def test_a_page_in_openmetrics() -> None:
    page = render([sample(COUNTER, 3, name="a")], OPENMETRICS).decode()
    assert page == (
        '# HELP groundwire_things Things with \\"quotes\\" and \\\\.\n'
        "# TYPE groundwire_things counter\n"
        'groundwire_things_total{name="a"} 3\n'
        "# EOF\n"
    )


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("", TEXT),
        ("*/*", TEXT),
        ("text/plain;version=0.0.4;q=0.5,*/*;q=0.1", TEXT),
        ("application/openmetrics-text;version=1.0.0;q=0.6,text/plain;q=0.3", OPENMETRICS),
    ],
)
def test_a_scraper_gets_what_it_asks_for(accept: str, kind: str) -> None:
    assert content_type(accept) == kind


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed: scripts/test-setup brings it")
@given(st.lists(st.text(), min_size=1, max_size=3, unique=True))
def test_prometheus_reads_any_label(names: list[str]) -> None:
    clean = [name.encode(errors="replace").decode() for name in names]
    page = render([sample(GAUGE, 1, name=name) for name in dict.fromkeys(clean)])
    done = subprocess.run(["promtool", "check", "metrics"], input=page, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


def test_an_observation_weighs_what_it_stands_for() -> None:
    (one,) = times(0.05, 2.0, weight=8).samples()
    assert one.value == Distribution([8, 0, 8], 16.4)


def held(bounds: Bounds, *samples: Sample) -> dict[tuple[str, str], object]:
    return {(one.metric.name, one.labels.get("name", "")): one.value for one in bounds.hold(samples)}


def test_over_its_bound_a_label_is_other() -> None:
    told = held(Bounds(), *(sample(COUNTER, 10 + i, name=f"r{i}") for i in range(5)))
    assert told == {
        (COUNTER.name, "r0"): 10,
        (COUNTER.name, "r1"): 11,
        (COUNTER.name, "r2"): 12,
        (COUNTER.name, OTHER): 27,
        (OVERFLOWED.name, ""): 2,
    }


def test_gauges_over_the_bound_are_left_out() -> None:
    told = held(Bounds(), *(sample(GAUGE, i, name=f"r{i}") for i in range(5)))
    assert set(told) == {(GAUGE.name, "r0"), (GAUGE.name, "r1"), (GAUGE.name, "r2"), (OVERFLOWED.name, "")}


def test_who_is_in_stays_in_and_who_left_makes_room() -> None:
    bounds = Bounds()
    held(bounds, *(sample(COUNTER, 1, name=name) for name in "bcd"))
    told = held(bounds, *(sample(COUNTER, 1, name=name) for name in "abcd"))
    assert {name for _, name in told} == {"b", "c", "d", OTHER, ""}
    told = held(bounds, *(sample(COUNTER, 1, name=name) for name in "abd"))
    assert {name for _, name in told} == {"a", "b", "d", ""}


@given(st.lists(st.tuples(st.sampled_from("abcdefg"), st.integers(0, 9)), unique_by=lambda pair: pair[0]))
def test_sums_over_a_label_stay_as_they_are(pairs: list[tuple[str, int]]) -> None:
    samples = [sample(COUNTER, value, name=name) for name, value in pairs]
    samples += [Sample(TIMES, Distribution([value, 1, 0], float(value)), {"name": name}) for name, value in pairs]
    told = [one for one in Bounds().hold(samples) if one.metric is not OVERFLOWED]
    counted = [one.value for one in told if isinstance(one.value, int)]
    timed = [one.value for one in told if isinstance(one.value, Distribution)]
    assert sum(counted) == sum(value for _, value in pairs)
    assert sum(one.count for one in timed) == sum(value + 1 for _, value in pairs)
    assert len(counted) == len(timed) <= NAME.values_max + 1


def test_other_that_was_there_already_is_one_series() -> None:
    told = list(Bounds().hold([sample(COUNTER, 1, name=name) for name in ("a", "b", OTHER, "c", "d")]))
    assert [one.labels for one in told].count({"name": OTHER}) == 1
