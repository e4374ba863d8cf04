"""Anomaly and inconsistency with the encoder that ships, as live judging runs them."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from proxy.analysis.judging import anomaly
from proxy.analysis.judging.assessing import Classified
from proxy.analysis.judging.describing import Describing
from proxy.analysis.judging.ordinary import OrdinaryAnswers
from proxy.core.exchange import Purpose
from proxy.core.observation import Observation
from proxy.demo import prompts
from proxy.demo import synthetic_texts as texts
from proxy.features.judge import unjudged
from proxy.features.reading import Reading
from proxy.stores.embedded import open_embedded
from tests.contracts.test_stage1 import EXCHANGE, judge

__all__ = ["judge"]  # the fixture

KEY = ("support", "default/support")
STRANGE = "zxq 0x7f 0x7f 0x7f ;; SELECT NULL,NULL,NULL FROM dual -- 11 11 11 11 {{{{ ]]]] %%%% zxq zxq zxq"


def judged(judge: Classified, pairs: list[tuple[str, str]]) -> list[Observation]:
    """One observation for each (prompt, answer)."""
    found = [(Reading(0, *pair),) for pair in pairs]
    seen, _ = judge.assess([(one, unjudged(EXCHANGE, one, prompt_hash=str)) for one in found])
    return [one for (one,) in seen]


async def test_a_strange_answer_is_anomalous_by_its_embedding(
    judge: Classified, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With fewer answers than live (1,000 and 3,000): the encoder takes 20 ms for each."""
    monkeypatch.setattr(anomaly, "FIT_N", 90)
    monkeypatch.setattr(anomaly, "CALIBRATE_N", 60)
    toss, store = random.Random(5), await open_embedded(None)
    asked = [one.text for one in prompts.harmless_demo(5)] * 2
    pairs = [(text, texts.answer(toss, text)) for text in asked][:180]
    seen = [replace(one, prompt_hash="") for one in judged(judge, [*pairs, (asked[0], STRANGE)])]
    assert all(one.embedding is not None for one in seen if one.unassessed is None)
    answers = OrdinaryAnswers(store)
    verdicts = []
    for one in seen:
        [after] = await answers.marked(KEY, (one,), frozenset())
        verdicts.append(after.anomalous)
    assert verdicts[0] is None and verdicts[-1] == 1
    known = [verdict for verdict in verdicts[:-1] if verdict is not None]
    assert len(known) >= 20 and sum(known) <= 3
    await store.close()


def test_two_answers_to_nearly_one_prompt_are_inconsistent_by_the_model_s_verdict(judge: Classified) -> None:
    toss = random.Random(2)
    asked = prompts.harmful(prompts.DEMO, prompts.FRAMES, 11)[0].text
    prompt = f"{asked} {' '.join(one.text for one in prompts.harmless_demo(2)[:12])}"  # a word more is little in it
    pairs = [
        (prompt, texts.refusal(toss)),
        (f"{prompt} Thanks", texts.refusal(toss)),
        (prompt, texts.compliance(toss, asked)),
    ]
    describing = Describing(lambda text: text and "h")
    shapes = [_described(describing, *pair) for pair in zip(pairs, judged(judge, pairs), strict=True)]
    assert shapes == [None, "no", "yes"]


def _described(describing: Describing, pair: tuple[str, str], seen: Observation) -> str | None:
    seen = replace(seen, purpose=Purpose.USER, route="support")
    return describing.after(Reading(0, *pair), seen).shapes.get("inconsistent")
