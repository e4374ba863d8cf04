"""Shape, vocabulary, formatting, script and hedging of single texts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.features.formatting import Formatting, formatting
from proxy.features.hedging import is_hedged
from proxy.features.judge import features
from proxy.features.script import is_judgeable, main_script, other_language
from proxy.features.shape import Shape, shape
from proxy.features.vocabulary import WINDOW_WORDS, distinct_share
from proxy.features.wording import plain, unquoted


def test_shape() -> None:
    assert shape("One two.\n\n three\n") == Shape(chars=17, words=3, lines=2, mean_word_chars=4.0)
    assert shape("") == Shape(0, 0, 0, 0.0)


def test_distinct_share() -> None:
    assert distinct_share("") == 0.0
    assert distinct_share("a A b c") == 0.75
    assert distinct_share("no " * 50) == 0.02


@given(st.integers(1, 5))
def test_distinct_share_does_not_fall_with_length(times: int) -> None:
    window = " ".join(f"w{number % 50}" for number in range(WINDOW_WORDS))
    assert distinct_share(" ".join([window] * times)) == 0.5


def test_formatting() -> None:
    text = (
        "# Title\n\n- one\n* two\n1. three\n2) four\n**bold** and __bold__\n```python\nx = 1\n```\n"
        "| a | b |\n|---|---|\n[link](https://example.org) https://example.org \U0001f600\n"
    )
    expected = Formatting(list_items=4, headings=1, code_blocks=1, bold=2, table_rows=2, links=2, emoji=1)
    assert formatting(text) == expected


def test_plain_text_has_no_formatting() -> None:
    text = "A well-known fact: 3.5 - 2 = 1.5 # not a heading | nor a table * nor a list."
    assert formatting(text) == Formatting(0, 0, 0, 0, 0, 0, 0)


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("Hello", "latin"),
        ("Žluťoučký kůň", "latin"),
        ("I\u2019m sorry \u2014 \u201cno\u201d.", "latin"),
        ("Привет, мир", "cyrillic"),
        ("你好,世界", "han"),
        ("こんにちは", "kana"),
        ("안녕하세요", "hangul"),
        ("مرحبا", "arabic"),
        ("नमस्ते", "devanagari"),
        ("שלום", "hebrew"),
        ("OK: это хороший ответ", "cyrillic"),
        ("", ""),
        ("42 + 1 = 43 \U0001f600", ""),
    ],
)
def test_main_script(text: str, script: str) -> None:
    assert main_script(text) == script


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Ich kann Ihnen dabei leider nicht helfen, denn das ist verboten.", "german"),
        ("Lo siento, no puedo ayudar con eso porque es ilegal.", "spanish"),
        ("Je ne peux pas vous aider avec cette demande.", "french"),
        ("Não posso ajudar com isso, é muito perigoso para você.", "portuguese"),
        ("Non posso aiutarti con questo, ma posso fare altro.", "italian"),
        ("Het spijt me, ik kan je daar niet mee helpen.", "dutch"),
        ("Nie mogę w tym pomóc, ale mogę powiedzieć, jak to jest.", "polish"),
        ("Maaf, saya tidak bisa membantu dengan permintaan itu.", "indonesian"),
        ("I cannot help you with that, as it is against the law.", ""),
        ("Le Monde and El País are newspapers that I read in the morning.", ""),
        ("for x in range(10): print(x, y, o)", ""),
        ("Oslo, Lima, Paris, Rome, Quito, Baku, Bern", ""),
        ("Sí, claro.", ""),
    ],
)
def test_other_language(text: str, language: str) -> None:
    assert other_language(text) == language


def test_is_judgeable() -> None:
    assert is_judgeable("I can help.")
    assert is_judgeable("")
    assert not is_judgeable("Я не могу помочь вам.")
    assert not is_judgeable("Das ist nicht erlaubt und ich kann es auch nicht.")


@pytest.mark.parametrize(
    ("text", "hedged"),
    [
        ("I think it might be Tuesday, but I'm not sure.", True),
        ("Perhaps. It depends on the weather. You could be right.", True),
        ("Paris is the capital of France.", False),
        ("Water boils at 100 degrees. At height it boils sooner. It is likely known to you.", True),
        ("Mix the flour. Add eggs. Bake it. It should probably rise. Let it cool. Serve.", False),
        ('The oracle said "perhaps". She left.', False),
        ("", False),
    ],
)
def test_hedging(text: str, hedged: bool) -> None:
    assert is_hedged(text) is hedged


def test_wording() -> None:
    assert plain("I\u2019m\n  \u201cFine\u201d \u2013 OK") == 'i\'m "fine" - ok'
    assert unquoted('he said "no" twice, and then he left the room') == "he said   twice, and then he left the room"
    assert unquoted('"all of it is quoted"') == '"all of it is quoted"'


@given(st.text(max_size=300))
def test_no_text_brings_the_features_down(text: str) -> None:
    numbers = features(text)
    assert all(number >= 0 for number in numbers.values())
    assert 0 <= numbers["distinct_share"] <= 1
    assert numbers["chars"] == len(text)
    main_script(text)
    is_hedged(text)
