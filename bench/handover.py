"""What a hand-over costs: microseconds of CPU an answer with one classifier, and with two side by side.

    python -m bench.handover [--before MODEL] [--answers N]

While a new classifier learns a baseline, the one before judges on: each sampled answer is scored twice
(docs/baselines.md, "A new classifier"). Both ways are run in turns over the same exchanges, from captured bytes to
observations, in batches as live; of the rounds the medians count. Prompts and answers are the demo's.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import Final

import orjson

from proxy.analysis.judging.assessing import Classified
from proxy.analysis.judging.batch import Judging
from proxy.classifiers.contract import HAZARDS, Item, Scored
from proxy.classifiers.guard import Guard
from proxy.classifiers.loading import find_model
from proxy.config.sections.judging import Classifiers
from proxy.config.taxonomy import read_taxonomy
from proxy.core.baselines.handover import Duty
from proxy.core.exchange import Body, End, Exchange, Framing
from proxy.demo import prompts
from proxy.demo import synthetic_texts as texts
from proxy.sensitive.scan import scan

SEED: Final = 7
ROUNDS: Final = 7
ANSWERS: Final = 96


@dataclass(frozen=True, slots=True)
class Named:
    """A classifier under another version: the one before may be the same model."""

    guard: Guard
    version: str

    def score(self, items: Sequence[Item]) -> list[Scored]:
        """As the classifier does."""
        return self.guard.score(items)


def exchanges(count: int) -> list[Exchange]:
    """Half of them harmful prompts and refusals, half ordinary ones."""
    toss = random.Random(SEED)
    asked = [one.text for one in prompts.harmful(prompts.DEMO, prompts.FRAMES, SEED)[: count // 2]]
    pairs = [(text, texts.refusal(toss)) for text in asked]
    pairs += [(one.text, texts.answer(toss, one.text)) for one in prompts.harmless_demo(SEED)[: count - count // 2]]
    return [_exchange(str(number), *pair) for number, pair in enumerate(pairs)]


def _exchange(number: str, prompt: str, answer: str) -> Exchange:
    request = orjson.dumps({"model": "support", "messages": [{"role": "user", "content": prompt}]})
    message = {"role": "assistant", "content": answer}
    response = orjson.dumps({"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]})
    made = Exchange(number, "POST", "/v1/chat/completions", 200, End.COMPLETE, 0.0, 1.0, 2.0)
    made.route = made.requested_model = "support"
    made.request = Body(request, Framing.LENGTH, "application/json", "", len(request))
    made.response = Body(response, Framing.LENGTH, "application/json", "", len(response))
    return made


def spent_us(judging: Judging, every: Sequence[Exchange], duty: Duty) -> float:
    """Microseconds of CPU an answer."""
    size = Classifiers().batch_items_max
    begin_s = time.process_time()
    for begin in range(0, len(every), size):
        batch = every[begin : begin + size]
        done = judging.sample(batch, [None] * len(batch), [duty] * len(batch))
        if any(one is None or bool(one.beside) != bool(duty.learner) for one in done):
            raise SystemExit("an exchange was not judged as it should be")
    return (time.process_time() - begin_s) / len(every) * 1e6


def report(model: str, before: str, count: int) -> str:
    """Both ways in turns, and what the second adds."""
    taxonomy = read_taxonomy(HAZARDS)
    judging = Judging(str, partial(scan, names=False))
    judging.assessor = Classified(Guard.load(find_model(model)), taxonomy)
    judging.before = Classified(Named(Guard.load(find_model(before)), "before"), taxonomy)
    every = exchanges(count)
    alone, two = Duty(), Duty(judging.before.version, judging.assessor.version)
    rounds = [(spent_us(judging, every, alone), spent_us(judging, every, two)) for _ in range(ROUNDS + 1)][1:]
    one_us, two_us = (median(column) for column in zip(*rounds, strict=True))
    return (
        f"{len(every)} answers, median of {ROUNDS} rounds: {one_us:,.0f} us an answer with one classifier, "
        f"{two_us:,.0f} us with two side by side ({two_us / one_us:.2f} times)\n"
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="bench.handover", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", default="", help="the new classifier; the one that ships unless it is named")
    parser.add_argument("--before", default="", help="the one that judges on; the same model unless it is named")
    parser.add_argument("--answers", type=int, default=ANSWERS)
    args = parser.parse_args()
    sys.stdout.write(report(args.model, args.before, args.answers))


if __name__ == "__main__":
    main()
