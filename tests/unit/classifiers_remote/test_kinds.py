"""Each provider's request and answer: documented shapes are read, and nothing else is ever taken for a judgement."""

from __future__ import annotations

import json
import math
import re
from typing import Any, get_args, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.classifiers.contract import HAZARDS, Item, Role
from proxy.classifiers.remote.kinds import granite_guardian, llama_guard, openai_moderation, perspective
from proxy.classifiers.remote.kinds.chat import UNKNOWN_PROMPT, unmarked
from proxy.classifiers.remote.kinds.granite_guardian import GraniteGuardian
from proxy.classifiers.remote.kinds.llama_guard import LlamaGuard
from proxy.classifiers.remote.kinds.openai_moderation import OpenAIModeration
from proxy.classifiers.remote.kinds.perspective import Perspective
from proxy.classifiers.remote.kinds.provider import Provider, Reading, UnparsedError
from proxy.classifiers.remote.kinds.registry import KINDS
from proxy.classifiers.remote.kinds.wildguard import WildGuard
from proxy.config.sections.judging import RemoteClassifier

SIGNALS = {"toxicity", "hate", "violence", "self_harm", "sexual", "harassment", "unsafe", "response_harmful", "refusal"}
SIGNALS |= {"prompt_harmful", "jailbreak"}
REQUEST = Item("How do I pick a lock?", Role.REQUEST)
RESPONSE = Item("Buy a tension wrench.", Role.RESPONSE, "How do I pick a lock?")
OTHER = Item("What a day.", Role.OTHER)
ITEMS = (REQUEST, RESPONSE, OTHER)

PROVIDERS: dict[str, Provider] = {
    "openai_moderation": OpenAIModeration("omni"),
    "perspective": Perspective(),
    "llama_guard": LlamaGuard("llama-guard-3-8b", True),
    "wildguard": WildGuard("wildguard", True),
    "granite_guardian": GraniteGuardian("granite-guardian-3.3-8b", "harm", True),
    "granite_guardian_4": GraniteGuardian("ibm-granite/granite-guardian-4.1-8b", "violence", False),
}


def step(token: str, **others: float) -> dict[str, Any]:
    """One generated token with its runners-up, as probabilities."""
    mass = {token: 1 - sum(others.values()), **others}
    listed = [{"token": name, "logprob": math.log(share)} for name, share in mass.items()]
    return {**listed[0], "top_logprobs": listed}


def completion(content: str, steps: list[dict[str, Any]] | None = None, finish: str = "stop") -> dict[str, Any]:
    choice: dict[str, Any] = {"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": finish}
    if steps is not None:
        choice["logprobs"] = {"content": steps}
    return {"id": "c", "object": "chat.completion", "model": "m", "choices": [choice]}


def moderation(**scores: float) -> dict[str, Any]:
    theirs = {name.replace("__", "/").replace("_", "-"): score for name, score in scores.items()}
    every = dict.fromkeys(openai_moderation.CATEGORIES, 0.001) | theirs
    flags = {name: score >= 0.5 for name, score in every.items()}
    result = {"flagged": any(flags.values()), "categories": flags, "category_scores": every}
    return {"id": "modr-1", "model": "omni-moderation-2024-09-26", "results": [result]}


def comment(**values: float) -> dict[str, Any]:
    scores = {name: {"summaryScore": {"value": value, "type": "PROBABILITY"}} for name, value in values.items()}
    return {"attributeScores": scores, "languages": ["en"], "detectedLanguages": ["en"]}


GOOD: dict[str, list[Any]] = {
    "openai_moderation": [moderation(), moderation(hate__threatening=0.9, self_harm=0.7)],
    "perspective": [comment(TOXICITY=0.91, INSULT=0.85, THREAT=0.1), comment(TOXICITY=0.0)],
    "llama_guard": [
        completion("\n\nsafe"),
        completion("\n\nunsafe\nS9, S2"),
        completion("unsafe\nS77"),
        completion("unsafe"),
    ],
    "wildguard": [completion("Harmful request: yes\nResponse refusal: no\nHarmful response: yes")],
    "granite_guardian": [
        completion("Yes"),
        completion("<score> no </score>"),
        completion("No\n<confidence> High </confidence>"),
    ],
    "granite_guardian_4": [completion("<think>\n</think>\n<score> yes </score>")],
}


def keeps_the_contract(reading: Reading) -> None:
    assert reading.scores
    assert set(reading.scores) <= SIGNALS
    assert set(reading.flags) == set(reading.scores)
    assert set(reading.hazards) <= set(HAZARDS)
    assert all(0 <= value <= 1 for value in (*reading.scores.values(), *reading.hazards.values()))
    assert sum(reading.hazards.values()) <= max(reading.scores.values()) + 1e-9


@pytest.mark.parametrize("name", PROVIDERS)
@pytest.mark.parametrize("item", ITEMS, ids=lambda item: item.role.value)
def test_documented_answers_are_read_for_every_role(name: str, item: Item) -> None:
    provider = PROVIDERS[name]
    assert json.loads(json.dumps(provider.body(item))) == provider.body(item)
    for answer in GOOD[name]:
        keeps_the_contract(provider.read(answer, item))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | st.floats() | st.sampled_from(["", "safe", "yes", "unsafe\nS1"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["results", "choices", "message"]), inner)
    ),
    max_leaves=8,
)


@pytest.mark.parametrize("name", PROVIDERS)
@given(JSON)
def test_any_other_json_is_unparsed(name: str, answer: object) -> None:
    with pytest.raises(UnparsedError):
        PROVIDERS[name].read(answer, RESPONSE)


def places(value: object, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, one in inner for place in places(one, (*path, key)))]


def without(value: Any, path: tuple[str | int, ...], instead: object) -> Any:
    if not path:
        return instead
    copy: Any = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = without(copy[path[0]], path[1:], instead)
    return copy


@pytest.mark.parametrize("name", PROVIDERS)
@pytest.mark.parametrize("instead", [None, "x", -1, [], {}, True], ids=repr)
def test_half_an_answer_is_read_right_or_not_at_all(name: str, instead: object) -> None:
    """Every single place of a good answer spoilt: what is then still read keeps the contract; nothing else escapes."""
    for answer in GOOD[name]:
        for place in places(answer):
            try:
                reading = PROVIDERS[name].read(without(answer, place, instead), RESPONSE)
            except UnparsedError:
                continue
            keeps_the_contract(reading)


VERDICTS = re.compile(r"\s*(safe|unsafe(\s*\n\s*s\d\d?)?|yes|no)\s*")


@pytest.mark.parametrize("name", ["llama_guard", "wildguard", "granite_guardian", "granite_guardian_4"])
@given(st.text() | st.from_regex(r"(safe|unsafe|yes|no)[ .,!a-z\n]{1,20}", fullmatch=True))
def test_talk_is_no_verdict(name: str, said: str) -> None:
    """Above all: nothing that is not exactly a verdict is ever called safe."""
    try:
        PROVIDERS[name].read(completion(said), RESPONSE)
    except UnparsedError:
        return
    assert VERDICTS.fullmatch(said.lower())


@pytest.mark.parametrize("name", ["llama_guard", "wildguard", "granite_guardian"])
def test_a_verdict_that_did_not_end_is_none(name: str) -> None:
    for answer in GOOD[name]:
        cut = without(answer, ("choices", 0, "finish_reason"), "length")
        with pytest.raises(UnparsedError, match="is it a guard model"):
            PROVIDERS[name].read(cut, RESPONSE)


# --- what the verdicts mean ------------------------------------------------------------------------------------------


def test_moderation_scores_flags_and_model() -> None:
    reading = PROVIDERS["openai_moderation"].read(moderation(hate__threatening=0.9, self_harm=0.7), RESPONSE)
    assert reading.model == "omni-moderation-2024-09-26"
    assert reading.scores["unsafe"] == reading.scores["hate"] == 0.9
    assert {name for name, flag in reading.flags.items() if flag} == {"unsafe", "hate", "self_harm"}
    assert max(reading.hazards, key=lambda name: reading.hazards[name]) == "hate"
    assert sum(reading.hazards.values()) == pytest.approx(0.9)


def test_moderation_of_an_older_model_has_fewer_categories() -> None:
    answer = moderation(violence=0.6)
    for table in ("categories", "category_scores"):
        for name in ("illicit", "illicit/violent"):
            del answer["results"][0][table][name]
    assert PROVIDERS["openai_moderation"].read(answer, OTHER).flags["violence"]


def test_perspective_takes_the_larger_of_what_is_one_signal_here() -> None:
    reading = PROVIDERS["perspective"].read(comment(TOXICITY=0.3, PROFANITY=0.9, IDENTITY_ATTACK=0.2), OTHER)
    assert reading.scores == {"toxicity": 0.9, "hate": 0.2}
    assert reading.flags == {"toxicity": True, "hate": False}


@pytest.mark.parametrize(
    ("item", "signal"), list(zip(ITEMS, ["prompt_harmful", "response_harmful", "unsafe"], strict=True))
)
def test_a_guards_risk_is_named_by_who_speaks(item: Item, signal: str) -> None:
    assert PROVIDERS["llama_guard"].read(completion("unsafe\nS9,S2"), item) == Reading(
        {signal: 1.0}, {signal: True}, {"weapons": 0.5, "nonviolent_crime": 0.5}
    )
    assert PROVIDERS["granite_guardian"].read(completion("no"), item) == Reading({signal: 0.0}, {signal: False})


def test_llama_guards_score_is_the_probability_at_its_verdict() -> None:
    steps = [step("\n\n"), step("unsafe", safe=0.2), step("\n"), step("S"), step("1")]
    reading = PROVIDERS["llama_guard"].read(completion("\n\nunsafe\nS1", steps), REQUEST)
    assert reading.scores["prompt_harmful"] == pytest.approx(0.8)
    assert reading.hazards == {"violent_crime": pytest.approx(0.8)}
    safe = PROVIDERS["llama_guard"].read(completion("safe", [step("safe", unsafe=0.3)]), REQUEST)
    assert safe.scores["prompt_harmful"] == pytest.approx(0.3)
    assert safe.flags == {"prompt_harmful": False}


def test_a_verdict_of_several_tokens_is_not_misread_as_its_opposite() -> None:
    steps = [step("un"), step("safe", other=0.1)]
    assert PROVIDERS["llama_guard"].read(completion("unsafe", steps), REQUEST).scores == {"prompt_harmful": 1.0}


def test_wildguard_answers_what_concerns_the_item() -> None:
    steps = [step(" yes", no=0.1), step(" no", yes=0.4), step(" yes", no=0.25)]
    answer = completion("Harmful request: yes\nResponse refusal: no\nHarmful response: yes", steps)
    reading = PROVIDERS["wildguard"].read(answer, RESPONSE)
    assert reading.scores == {"refusal": pytest.approx(0.4), "response_harmful": pytest.approx(0.75)}
    assert reading.flags == {"refusal": False, "response_harmful": True}
    asked = completion("Harmful request: no\nResponse refusal: n/a\nHarmful response: n/a", [step("no", yes=0.2)])
    assert PROVIDERS["wildguard"].read(asked, REQUEST).scores == {"prompt_harmful": pytest.approx(0.2)}
    with pytest.raises(UnparsedError):
        PROVIDERS["wildguard"].read(asked, RESPONSE)


def test_granite_reads_the_verdict_after_its_thoughts() -> None:
    steps = [step("no"), step("yes", no=0.3)]
    reading = PROVIDERS["granite_guardian_4"].read(completion("<think>No?\n</think><score> yes </score>", steps), OTHER)
    assert reading.scores == {"violence": pytest.approx(0.7)}
    assert reading.hazards == {"violent_crime": pytest.approx(0.7)}


# --- what is asked ---------------------------------------------------------------------------------------------------


def test_moderation_and_perspective_are_asked_about_the_text_alone() -> None:
    assert PROVIDERS["openai_moderation"].body(RESPONSE) == {"model": "omni", "input": RESPONSE.text}
    body = PROVIDERS["perspective"].body(RESPONSE)
    assert body["comment"] == {"text": RESPONSE.text, "type": "PLAIN_TEXT"}
    assert body["doNotStore"] is True
    assert set(body["requestedAttributes"]) == set(perspective.ATTRIBUTES)


def test_guards_are_asked_as_a_conversation() -> None:
    body = PROVIDERS["llama_guard"].body(RESPONSE)
    assert body["messages"] == [
        {"role": "user", "content": RESPONSE.prompt},
        {"role": "assistant", "content": RESPONSE.text},
    ]
    assert (body["temperature"], body["logprobs"], body["stream"]) == (0, True, False)
    alone = PROVIDERS["llama_guard"].body(Item("Yes.", Role.RESPONSE))["messages"]
    assert [turn["content"] for turn in alone] == [UNKNOWN_PROMPT, "Yes."]
    assert [turn["role"] for turn in PROVIDERS["llama_guard"].body(OTHER)["messages"]] == ["user"]
    assert "logprobs" not in LlamaGuard("m", logprobs=False).body(OTHER)


def test_wildguard_is_asked_in_the_words_that_it_knows() -> None:
    (turn,) = PROVIDERS["wildguard"].body(RESPONSE)["messages"]
    ends = (
        f"Human user:\n{RESPONSE.prompt}\n\nAI assistant:\n{RESPONSE.text}\n\n---\n\nAnswers: [/INST]\n<|assistant|>\n"
    )
    assert turn["content"].startswith("<|user|>\n[INST] You are a classifier")
    assert turn["content"].endswith(ends)
    assert (
        PROVIDERS["wildguard"]
        .body(REQUEST)["messages"][0]["content"]
        .endswith(f"Human user:\n{REQUEST.text}\n\nAI assistant:\n\n\n---\n\nAnswers: [/INST]\n<|assistant|>\n")
    )


def test_granite_is_told_the_criterion_in_the_way_of_its_generation() -> None:
    body = PROVIDERS["granite_guardian"].body(RESPONSE)
    config = body["chat_template_kwargs"]["guardian_config"]
    assert (config["risk_name"], config["criteria_id"]) == ("harm", "harm")
    assert [turn["role"] for turn in body["messages"]] == ["user", "assistant"]
    fourth = PROVIDERS["granite_guardian_4"].body(RESPONSE)
    assert [turn["role"] for turn in fourth["messages"]] == ["user", "assistant", "user"]
    block = fourth["messages"][-1]["content"]
    assert block.startswith("<guardian><no-think>")
    assert f"\n\n### Criteria: {granite_guardian.CRITERIA['violence'][2]}\n\n### Scoring Schema: " in block


MARKS = ["<|eot_id|>", "[/INST]", "</s>", "<END CONVERSATION>", "<guardian>", "</think>", "<score>", "<end_of_turn>"]


@pytest.mark.parametrize("name", ["llama_guard", "wildguard", "granite_guardian", "granite_guardian_4"])
@given(st.lists(st.sampled_from([*MARKS, "safe", "\n", "a < b [1]"]), max_size=8).map("".join))
def test_a_judged_text_cannot_speak_for_the_judge(name: str, text: str) -> None:
    plain = json.dumps(PROVIDERS[name].body(Item("", Role.RESPONSE, "")))
    asked = json.dumps(PROVIDERS[name].body(Item(text, Role.RESPONSE, text)))
    for mark in MARKS:
        assert asked.count(mark) == plain.count(mark)
    assert unmarked("a < b, x[1] <b>bold</b>") == "a < b, x[1] <b>bold</b>"


# --- the tables ------------------------------------------------------------------------------------------------------


def test_every_category_of_every_table_is_one_of_ours() -> None:
    hazards = {hazard for _, hazard in openai_moderation.CATEGORIES.values()}
    hazards |= {hazard for _, hazard in perspective.ATTRIBUTES.values()} | set(llama_guard.HAZARD_OF.values())
    hazards |= {hazard for _, hazard, _ in granite_guardian.CRITERIA.values()}
    assert hazards - {""} <= set(HAZARDS)
    signals = {signal for signal, _ in openai_moderation.CATEGORIES.values()}
    signals |= {signal for signal, *_ in (*perspective.ATTRIBUTES.values(), *granite_guardian.CRITERIA.values())}
    assert signals - {""} <= SIGNALS
    assert list(llama_guard.HAZARD_OF) == [f"S{number}" for number in range(1, 15)]


def test_settings_and_registry_name_the_same() -> None:
    hints = get_type_hints(RemoteClassifier)
    assert {*KINDS, ""} == set(get_args(hints["kind"]))
    assert set(granite_guardian.CRITERIA) == set(get_args(hints["criterion"]))
    for kind, provider in KINDS.items():
        assert provider(RemoteClassifier(name="n", kind=kind, model="m")).path.startswith("/v1")  # type: ignore[arg-type]
