"""Where two policies said different things: exactly the moments in which they did."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from proxy.core.decisions.severity import Severity
from proxy.core.enforcement import Step
from proxy.core.policies.diff import Stand, differences, to_json

BEGIN_S = 100.0
stands = st.lists(
    st.builds(Stand, st.integers(90, 130).map(float), st.sampled_from(Severity), st.sampled_from(Step)), max_size=6
).map(lambda found: sorted(found, key=lambda one: one.at_s))
first = st.builds(Stand, st.just(BEGIN_S), st.sampled_from(Severity), st.sampled_from(Step))


def said_at(at_s: float, begin: Stand, later: Sequence[Stand]) -> Stand:
    return [begin, *(one for one in later if one.at_s <= at_s)][-1]


@given(first, first, stands, stands)
def test_a_moment_is_in_a_span_if_and_only_if_they_differed(
    live: Stand, shadow: Stand, lives: list[Stand], shadows: list[Stand]
) -> None:
    spans = differences((live, shadow), lives, shadows)
    for moment in range(100, 140):
        at_s = moment + 0.5
        one, other = said_at(at_s, live, lives), said_at(at_s, shadow, shadows)
        inside = [span for span in spans if span.from_s <= at_s and (span.until_s is None or at_s < span.until_s)]
        assert len(inside) == (one.said != other.said)
        assert all((span.live.said, span.shadow.said) == (one.said, other.said) for span in inside)
    assert all(span.from_s < span.until_s for span in spans if span.until_s is not None)
    assert [span.until_s for span in spans[:-1]].count(None) == 0


def test_what_asks_for_nothing_is_no_difference() -> None:
    calm = (Stand(0.0, Severity.UNDECIDED), Stand(0.0, Severity.LOW))
    assert differences(calm, [], []) == []


def test_two_replicas_a_moment_apart_are_no_difference() -> None:
    calm = (Stand(0.0), Stand(0.0))
    live, shadow = Stand(10.0, Severity.HIGH, Step.LIMITED, "a"), Stand(10.4, Severity.HIGH, Step.LIMITED, "b")
    [span] = differences(calm, [live], [shadow])
    assert to_json(span) == {
        "from_s": 10.0,
        "until_s": 10.4,
        "live": {"severity": "high", "step": "limited", "record": "a"},
        "shadow": {"severity": "low", "step": "steady", "record": ""},
    }
    assert differences(calm, [live], [shadow], least_s=1.0) == []
