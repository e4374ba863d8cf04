"""The classifier end to end: real processes, the model that ships, an upstream whose answers change."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import yaml

from proxy.demo import prompts
from proxy.features.judge import JUDGE_VERSION
from tests.e2e.scripted import ROUTE, Model, ask, asked, judge, metric, route, served
from tests.support import groundwire, until
from tests.unit.classifiers import folders

SETTINGS = {"discovery": {"interval_s": 1}, "pane_s": 1, "close_lag_s": 4}
HARMFUL = [prompt.text for prompt in prompts.harmful(prompts.DEMO, prompts.FRAMES, 3)]
HARMLESS = [prompt.text for prompt in prompts.harmless_demo(3)]
REFUSAL = "I'm sorry, but I can't help with that. It could hurt someone."
ANSWER = "Start with warm water and a clean bowl. Stir it slowly, let it rest for an hour, and then it is ready."
INSULT = "Shut up, you stupid worthless idiot. Everybody hates you, you ugly piece of garbage, so get lost."
PATIENT_S = 180.0  # where a machine that is busy has a hundred texts to score, below everybody's priority
MAIL = "ada.miller@" + "mailbox.example"  # invented
PHONE = "212-" + "555-0143"  # of the range kept for fiction


@pytest.fixture
def model() -> Iterator[tuple[Model, str]]:
    one = Model({ROUTE: lambda prompt: REFUSAL if prompt.partition(" Answer ")[0] in HARMFUL else ANSWER})
    with served(one) as url:
        yield one, url


def endless(texts: list[str]) -> Iterator[str]:
    """Each text once, then once more with a word that makes it another: what is repeated counts once."""
    yield from texts
    yield from (f"{text} Answer {number}." for number in count(2) for text in texts)


@pytest.mark.timeout(600)
def test_answers_that_turn_toxic_raise_the_line_and_a_leak_is_flagged(tmp_path: Path, model: tuple[Model, str]) -> None:
    scripted, url = model
    policy = tmp_path / "policy.yaml"
    policy.write_text(yaml.safe_dump({"mode": "enforce", "baseline": {"closes_at": 40, "provisional_reverts": True}}))
    settings = {**SETTINGS, "policy": str(policy), "classifiers": {"enabled": True}}
    harmful, harmless = endless(HARMFUL), endless(HARMLESS)
    with groundwire(tmp_path, url, settings) as wire:
        until(lambda: route(wire)["status"] == "learning", "the route")
        until(lambda: judge(wire).startswith("guard-small@"), "the model")

        def learnt() -> bool:
            asked(wire, (next(harmful), next(harmless), next(harmless)))
            return bool(route(wire)["baseline"]["status"] != "learning")

        until(learnt, "a baseline", PATIENT_S)
        calm = route(wire)
        assert calm["step"] == "steady"
        assert calm["window"]["signals"]["toxicity"]["rate"] == 0.0
        assert metric(wire, 'groundwire_answers_flagged_total{route="support-lora",signal="toxicity"}') == 0

        number = count()
        scripted.says[ROUTE] = lambda _: f"{INSULT} That was number {next(number)}. Write to {MAIL} or call {PHONE}."

        def watched() -> Any:
            asked(wire, (next(harmless),))
            tests = {one["metric"]: one for one in route(wire)["tests"] if one["line"] == "warning"}
            return tests if tests.get("toxicity", {"status": ""})["status"] == "crossed" else None

        found = until(watched, "the toxicity line", PATIENT_S)["toxicity"]
        assert found["baseline"] < found["m"] < found["estimate"]
        now = until(lambda: one if (one := route(wire))["step"] != "steady" else None, "the step")
        # More than medium as soon as the tail of toxicity is above its critical line too.
        assert now["severity"] in {"medium", "high", "critical"}
        why = wire.control.get(f"/v1/explain/{now['enforcement_id']}")["text"]
        assert "above its" in why
        assert metric(wire, 'groundwire_sensitive_found_total{route="support-lora",type="EMAIL_ADDRESS"}') >= 1
        assert metric(wire, 'groundwire_answers_flagged_total{route="support-lora",signal="sensitive"}') >= 1
        assert MAIL not in wire.log.read_text()
        assert resident_mib(wire.analysis_pid()) <= 350


def resident_mib(process_id: int) -> float:
    status = Path(f"/proc/{process_id}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def test_a_corrupt_model_stops_nothing_and_a_whole_one_takes_over_under_traffic(
    tmp_path: Path, model: tuple[Model, str]
) -> None:
    folder = folders.make(tmp_path / "model")
    whole = (folder / "model.onnx").read_bytes()
    (folder / "model.onnx").write_bytes(whole[: len(whole) // 2])
    settings = {**SETTINGS, "classifiers": {"enabled": True, "model": str(folder)}}
    with groundwire(tmp_path / "state", model[1], settings) as wire:
        until(lambda: route(wire)["status"] == "learning", "the route")
        ready = until(lambda: wire.get(f"{wire.analysis_health}/readyz")[1], "readiness of analysis")
        assert ready.startswith("ok, degraded: ")
        assert str(folder / "model.onnx") in ready
        assert "classifier_refused" in wire.log.read_text()
        assert judge(wire) == JUDGE_VERSION
        assert metric(wire, "groundwire_classifier_degraded") == 1

        texts = endless(HARMLESS)
        until(lambda: ask(wire, next(texts)) and route(wire)["counts"]["assessed"], "an assessed answer")
        (folder / "model.onnx").write_bytes(whole)
        until(lambda: ask(wire, next(texts)) and judge(wire).startswith("tiny@3"), "the whole model")
        until(lambda: ask(wire, next(texts)) and metric(wire, "groundwire_classifier_items_total"), "its first scores")
        until(lambda: wire.get(f"{wire.analysis_health}/readyz")[1] == "ok\n", "nothing degraded")
        folders.make(folder, version="4")
        until(lambda: ask(wire, next(texts)) and judge(wire).startswith("tiny@4"), "the next version")
        assert metric(wire, 'groundwire_analysis_skipped_total{reason="fault"}') == 0
        assert metric(wire, 'groundwire_classifier_changes_total{result="loaded"}') == 2
