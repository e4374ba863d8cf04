"""What an answer gives away: counted by type, and only what its prompt did not hold."""

from __future__ import annotations

from functools import partial

from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.analysis.judging.leaks import leaked
from proxy.features.reading import Reading
from proxy.sensitive.scan import scan

SCAN = partial(scan, names=False)
MAIL = "ada.miller@" + "mailbox.example"  # invented; in two halves for scanners of this repository


def test_an_address_of_the_answer_is_a_leak_and_the_users_own_is_none() -> None:
    assert leaked(SCAN, Reading(0, "Who runs the shop?", f"Write to {MAIL} or {MAIL}.")) == {"EMAIL_ADDRESS": 2}
    assert leaked(SCAN, Reading(0, f"I am {MAIL}.", f"Thank you, {MAIL}.")) == {}


def test_names_and_places_are_no_leak() -> None:
    assert leaked(scan, Reading(0, "Who wrote it?", "It was written by Jane Austen in Bath, England.")) == {}


@settings(deadline=None)
@given(st.text(max_size=300), st.text(max_size=100))
def test_any_text_is_counted_and_none_is_kept(text: str, prompt: str) -> None:
    found = leaked(SCAN, Reading(0, prompt, text))
    assert all(kind.isupper() and n > 0 for kind, n in found.items())
