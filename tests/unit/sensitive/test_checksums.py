"""Checksums, as properties: the right digit passes, any other fails."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from proxy.sensitive.credentials import entropy
from proxy.sensitive.payment import IBAN_CHARS, branded, luhn, mod97
from proxy.sensitive.scan import scan

DIGITS = st.text("0123456789", min_size=11, max_size=18)


def completed(body: str) -> str:
    return next(body + digit for digit in "0123456789" if luhn((body + digit).encode()))


def iban(country: str, body: str) -> str:
    return next(
        f"{country}{check:02d}{body}" for check in range(2, 99) if mod97(f"{country}{check:02d}{body}".encode())
    )


@given(DIGITS)
def test_one_check_digit_in_ten_fits(body: str) -> None:
    assert sum(luhn((body + digit).encode()) for digit in "0123456789") == 1


@given(DIGITS, st.data())
def test_a_changed_digit_breaks_the_sum(body: str, data: st.DataObject) -> None:
    number = completed(body)
    at = data.draw(st.integers(0, len(number) - 1))
    other = data.draw(st.sampled_from([digit for digit in "0123456789" if digit != number[at]]))
    assert not luhn((number[:at] + other + number[at + 1 :]).encode())


@given(
    st.sampled_from(["4" + "0" * 5, "51", "2221", "34", "37", "6011", "3528", "62"]),
    st.text("0123456789", min_size=16, max_size=16),
)
def test_a_card_of_each_brand_is_found_bare_and_spaced(prefix: str, filler: str) -> None:
    length = 15 if prefix in {"34", "37"} else 16
    number = completed((prefix + filler)[: length - 1])
    assert branded(number.encode())
    spaced = " ".join(number[at : at + 4] for at in range(0, 16, 4)) if length == 16 else number
    for written in (number, spaced):
        assert [span.type for span in scan(f"paid with {written}.", names=False)] == ["CREDIT_CARD"]


@given(st.sampled_from(sorted(IBAN_CHARS)), st.text("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=29, max_size=29))
def test_an_iban_of_each_country_is_found_in_any_dress(country: str, filler: str) -> None:
    whole = iban(country, filler[: IBAN_CHARS[country] - 4])
    spaced = " ".join(whole[at : at + 4] for at in range(0, len(whole), 4))
    for written in (whole, whole.lower(), spaced):
        text = f"to {written}, thanks"
        spans = [span for span in scan(text, names=False) if span.type == "IBAN_CODE"]
        assert [text[span.start : span.end] for span in spans] == [written]


@given(st.binary(max_size=64))
def test_entropy_is_between_nothing_and_a_different_byte_each(value: bytes) -> None:
    assert 0 <= entropy(value) <= 8
