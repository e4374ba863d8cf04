"""The table of detection section 4, row by row."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.decisions.severity import Flags, Severity, severity_of
from proxy.core.evidence.findings import OVERALL, Call, LineKind, Status

NONE = Flags()

WARNED = Call(OVERALL, LineKind.WARNING, Status.CROSSED)
GUARDED = Call(OVERALL, LineKind.CRITICAL, Status.GUARDED)
STRICT = Call(OVERALL, LineKind.CRITICAL, Status.CROSSED)
FRAUD = Call("fraud", LineKind.CRITICAL, Status.GUARDED)
WEAPONS = Call("weapons", LineKind.CRITICAL, Status.GUARDED)


@pytest.mark.parametrize(
    ("findings", "flags", "severity"),
    [
        ([], NONE, Severity.LOW),
        ([Call(OVERALL, LineKind.CRITICAL, Status.UNDECIDED)], NONE, Severity.LOW),
        ([Call(OVERALL, LineKind.CHANGED, Status.CROSSED)], NONE, Severity.LOW),
        ([WARNED], NONE, Severity.MEDIUM),
        ([WARNED, GUARDED], NONE, Severity.HIGH),
        ([WARNED, FRAUD], NONE, Severity.HIGH),
        ([], Flags(harmful_output=True), Severity.HIGH),
        ([WARNED, GUARDED, FRAUD], NONE, Severity.HIGH),
        ([WARNED, FRAUD, WEAPONS], NONE, Severity.HIGH),
        ([WARNED, GUARDED, FRAUD, WEAPONS], NONE, Severity.CRITICAL),
        ([WARNED, GUARDED], Flags(second_source=True), Severity.CRITICAL),
        ([WARNED], Flags(second_source=True), Severity.MEDIUM),
        ([WARNED, STRICT], NONE, Severity.CRITICAL),
        ([Call("fraud", LineKind.CRITICAL, Status.CROSSED)], NONE, Severity.CRITICAL),
        ([], Flags(triggered_harm=True), Severity.CRITICAL),
    ],
)
def test_the_table(findings: list[Call], flags: Flags, severity: Severity) -> None:
    assert severity_of(findings, flags, decided=True) is severity


def test_too_little_data_is_never_fine() -> None:
    assert severity_of([], NONE, decided=False) is Severity.UNDECIDED
    assert severity_of([WARNED], NONE, decided=False) is Severity.MEDIUM


everything = st.builds(
    Call, st.sampled_from([OVERALL, "fraud", "weapons"]), st.sampled_from(LineKind), st.sampled_from(Status)
)


@given(st.lists(everything, max_size=6), everything, st.builds(Flags, st.booleans(), st.booleans(), st.booleans()))
def test_more_evidence_is_never_milder(findings: list[Call], more: Call, flags: Flags) -> None:
    before = severity_of(findings, flags, decided=True)
    assert severity_of([*findings, more], flags, decided=True).rank >= before.rank
