"""What is plainly another language is out of scope; what is short, code, a name, or a dialect of English is not."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.classifiers.language import language

FOREIGN = {
    "de": "Ich kann dir dabei leider nicht helfen.",
    "es": "No puedo ayudarte con eso, lo siento mucho.",
    "fr": "Je ne peux pas vous aider avec cela.",
    "it": "Non posso aiutarti con questo, mi dispiace.",
    "sv": "Hur mår du idag? Jag vill gärna veta mer om det.",
    "fi": "Miten voin auttaa sinua tänään? En ole varma mutta yritän.",
    "cs": "Jak se máš? Nevím, co mám dělat.",
    "tl": "Hindi ko alam kung ano ang gagawin ko sa mga ito.",
    "sw": "Siwezi kukusaidia na hii kwa sababu ni hatari na si halali.",
    "vi": "Tôi không thể giúp bạn với điều này.",
    "tr": "Bunu yapamam, üzgünüm ama bu çok tehlikeli.",
    "id": "Saya tidak bisa membantu anda dengan ini.",
}
OTHERS = [
    "Не могу помочь",  # noqa: RUF001
    "こんにちは",
    "我不能帮助你做这件事",
    "لا أستطيع مساعدتك",
    "Nem tudok ebben segíteni, sajnálom.",
    "Nu pot să te ajut cu asta, îmi pare rău.",
]
ENGLISH = [
    "ok",
    "Yes",
    "lol",
    "42",
    "😀😀",
    "!!!",
    "Jürgen Müller",
    "Beyoncé and Renée went to São Paulo.",
    "def f(x):\n    return [y for y in x if y > 0]",
    "SELECT name FROM users WHERE id = 3;",
    "const añadir = (a, b) => a + b;",
    "eggs, milk, bread, cheese, butter, sugar, flour",
    "he be trippin fr, dat boy ain got no chill ya feel me",
    "da man up da road say he gon fix it, u know how he is",
    "How do I say 'je ne sais pas' in English?",
    "The café's crème brûlée was very good, and we would go there again.",
]


@pytest.mark.parametrize("code", FOREIGN)
def test_a_sentence_in_another_language_is_named(code: str) -> None:
    assert language(FOREIGN[code]) == code


@pytest.mark.parametrize("text", OTHERS)
def test_a_script_or_letters_that_english_lacks_are_another_language(text: str) -> None:
    assert language(text) == "other"


@pytest.mark.parametrize("text", ENGLISH)
def test_english_short_texts_code_and_names_are_in_scope(text: str) -> None:
    assert language(text) == "en"


@settings(deadline=None, max_examples=60)
@given(st.text())
def test_every_text_has_an_answer(text: str) -> None:
    assert language(text)


@settings(deadline=None, max_examples=60)
@given(st.sampled_from([one for one in ENGLISH if len(one) > 40]), st.integers(1, 20))
def test_more_of_the_same_is_the_same_language(text: str, times: int) -> None:
    assert language(" ".join([text] * times)) == "en"
