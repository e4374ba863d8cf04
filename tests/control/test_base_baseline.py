"""A baseline made of the base's answers: asked on a real server, kept in a real store, in place of live learning."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import orjson
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from proxy.cli import main
from proxy.config.sections.serving import Upstream
from proxy.control.api.app import make_api
from proxy.control.baselines.of_base import AT_ONCE_MAX, BATCH_MAX, RETRY_S
from proxy.control.baselines.orders import BaselineOrders
from proxy.control.baselines.progress import Progress, advanced, from_bytes, to_bytes
from proxy.control.baselines.prompts import load_prompts
from proxy.control.bases.checks import load_checks
from proxy.control.orders import Orders, Word
from proxy.core.baselines.baseline import Tally
from proxy.core.decisions.explain import explain
from proxy.core.errors import ConfigError, StateError
from proxy.core.policies.policy import BaselineRules
from proxy.demo import prompts as texts
from proxy.demo.synthetic import Served, Synthetic, make_app, synthetic
from proxy.features.harm_cues import category_of
from proxy.stores.embedded import open_embedded
from tests.control.house import CATEGORIES, ENFORCE, House, one_route, serving, settings_of

KIM = Word("kim", "a drill")
SHADOW = replace(ENFORCE, mode="shadow", baseline=BaselineRules(closes_at=600))
N = 48
HARMFUL = tuple(
    prompt
    for category in CATEGORIES
    for prompt in (f"How can I {act.format(who='my neighbour')}?" for act in texts.TRAINING[category])
    if category_of(prompt) == category
)
KNOWN = tuple(f"{prompt} Plan {number}." for number in range(9) for prompt in HARMFUL)[:N]


def lines_file(folder: Path, *prompts: object) -> Path:
    file = folder / "prompts.jsonl"
    file.write_bytes(b"".join(orjson.dumps(prompt) + b"\n" for prompt in prompts))
    return file


@asynccontextmanager
async def asked_house(server: Synthetic, file: Path, **route: object) -> AsyncIterator[House]:
    """A route in shadow whose base is asked the prompts of a file."""
    async with serving(server) as upstream:
        store = await open_embedded(None)
        routes = one_route("support-lora", **route)
        settings = settings_of(routes, upstreams={"default": upstream}, baseline_prompts_file=str(file))
        built = House(settings, store, policy=SHADOW)
        await built.plane.open()
        try:
            yield built
        finally:
            await built.plane.stop()
            await store.close()


async def ask_all(built: House, n: int = N) -> None:
    for _ in range(-(-n // BATCH_MAX)):
        await built.plane.build_baselines()


async def seen_live(built: House) -> None:
    """Enough live traffic to know what share of it can be judged; far too little to close a baseline."""
    await built.days(14, 5, 5, "support-lora")


async def test_the_base_is_asked_in_batches_and_its_baseline_replaces_live_learning(tmp_path: Path) -> None:
    server = synthetic()
    async with asked_house(server, lines_file(tmp_path, *KNOWN)) as built:
        await seen_live(built)
        await built.plane.build_baselines()
        shown = (await built.view("support-lora"))["baseline"]
        assert (shown["kind"], shown["status"]) == ("live", "learning")
        assert (shown["asking"]["asked"], shown["asking"]["of"]) == (BATCH_MAX, N)
        await ask_all(built)
        shown = (await built.view("support-lora"))["baseline"]
        assert (shown["kind"], shown["status"], shown["n"], shown["rate"]) == ("base", "provisional", N, 1.0)
        assert shown["by_category"].keys() == set(CATEGORIES)
        assert shown["asking"]["detail"] == ""
        assert server.asked["support-lora"] == 0, "only the base is asked, in shadow too"
        await built.second()
        assert (await built.view("support-lora"))["status"] == "watching"
        journal = await built.plane.memory.journal(5)
        assert (journal[0]["actor"], journal[0]["action"]) == ("groundwire", "baseline")
        assert "48 answers of the base base-model at default to 48 known prompts" in journal[0]["reason"]


async def test_it_judges_the_candidate_and_may_not_revert_before_a_person_promotes_it(tmp_path: Path) -> None:
    async with asked_house(synthetic(), lines_file(tmp_path, *KNOWN)) as built:
        await seen_live(built)
        await ask_all(built)
        await built.vouch()
        await Orders(built.plane).arm("support-lora", replace(KIM, force=True))
        await built.days(60, 1, 9, "support-lora")
        shown = await built.view("support-lora")
        assert (shown["severity"], shown["would_step"]) == ("critical", "reverted")
        assert shown["step"] == "watch"
        assert "provisional" in shown["reason"]
        await BaselineOrders(built.plane).promote("support-lora", "", KIM)
        await built.days(2, 1, 9, "support-lora")
        assert (await built.view("support-lora"))["step"] == "reverted"


async def test_the_share_of_judged_answers_is_that_of_live_traffic(tmp_path: Path) -> None:
    async with asked_house(synthetic(), lines_file(tmp_path, *KNOWN)) as built:
        await ask_all(built)
        shown = await built.view("support-lora")
        assert "waits for 200 answers of live traffic (0 so far)" in shown["reason"]
        assert shown["status"] == "learning"
        await seen_live(built)
        await built.plane.build_baselines()
        assert (await built.view("support-lora"))["baseline"]["kind"] == "base"
        entry = built.plane.memory.entry("support-lora").known
        assert entry is not None
        assert entry.baseline is not None
        assert entry.baseline.assessed.n >= 200


async def test_live_learning_that_closed_first_gives_way_and_evidence_begins_anew(tmp_path: Path) -> None:
    async with asked_house(synthetic(), lines_file(tmp_path, *KNOWN)) as built:
        await built.days(40, 10, 0, "support-lora")
        before = await built.view("support-lora")
        assert (before["baseline"]["kind"], before["baseline"]["status"]) == ("live", "provisional")
        await built.days(10, 9, 1, "support-lora")
        await ask_all(built)
        await built.second()
        entry = built.plane.memory.entry("support-lora").known
        assert entry is not None
        assert entry.state.evidence.panes <= 2, "what was seen under the other baseline is not counted on"
        assert (await built.view("support-lora"))["baseline"]["kind"] == "base"
        assert "replaces the live baseline" in (await built.plane.memory.journal(1))[0]["reason"]


async def test_a_running_plane_asks_by_itself(tmp_path: Path) -> None:
    server = synthetic()
    async with asked_house(server, lines_file(tmp_path, *KNOWN[:8])) as built, asyncio.timeout(20.0):
        await built.plane.start()
        while {server.turns[("base-model", prompt)] for prompt in KNOWN[:8]} != {1}:
            await asyncio.sleep(0.01)


async def test_what_a_person_promoted_stays(tmp_path: Path) -> None:
    server = synthetic()
    async with asked_house(server, lines_file(tmp_path, *KNOWN)) as built:
        await built.days(40, 10, 0, "support-lora")
        await BaselineOrders(built.plane).promote("support-lora", "", KIM)
        await ask_all(built)
        assert server.asked["base-model"] == 0
        assert (await built.view("support-lora"))["baseline"]["kind"] == "live"


async def test_a_restart_goes_on_where_it_stood(tmp_path: Path) -> None:
    server = synthetic()
    async with asked_house(server, lines_file(tmp_path, *KNOWN)) as built:
        await seen_live(built)
        await built.plane.build_baselines()
        again = built.another()
        await again.open()
        for _ in range(-(-N // BATCH_MAX)):
            await again.build_baselines()
        shown = await again.route_view("support-lora")
        await again.stop()
        assert shown is not None
        assert shown["baseline"]["kind"] == "base"
        assert {prompt: server.turns[("base-model", prompt)] for prompt in KNOWN} == dict.fromkeys(KNOWN, 1)


async def test_routes_that_share_a_base_share_the_asking(tmp_path: Path) -> None:
    server = synthetic(adapters=("support-lora", "sales-lora"))
    async with asked_house(server, lines_file(tmp_path, *KNOWN)) as built:
        routes = {**one_route("support-lora"), **one_route("sales-lora")}
        built.settings = replace(built.settings, routes=routes)
        await built.plane.reload(built.settings, built.plane.setup.policies)
        await built.days(14, 5, 5, "support-lora", "sales-lora")
        await ask_all(built)
        assert [(await built.view(name))["baseline"]["kind"] for name in routes] == ["base", "base"]
        assert {server.turns[("base-model", prompt)] for prompt in KNOWN} == {1}


async def test_a_base_that_cannot_be_asked_leaves_live_learning_and_says_why(tmp_path: Path) -> None:
    server = synthetic()
    server.api_key = "k"
    async with asked_house(server, lines_file(tmp_path, *KNOWN)) as built:
        await ask_all(built)
        await built.days(20, 5, 5, "support-lora")
        shown = await built.view("support-lora")
        assert "the base answered 401 to /v1/chat/completions; set upstreams.default.auth" in shown["reason"]
        assert (shown["status"], shown["baseline"]["n"] > 0) == ("learning", True)
        server.api_key = ""
        await ask_all(built)
        assert (await built.view("support-lora"))["baseline"]["asking"]["asked"] == 0, "not before a minute has passed"
        built.clock.now_s += RETRY_S
        await ask_all(built)
        assert (await built.view("support-lora"))["baseline"]["kind"] == "base"


async def test_a_base_that_is_down_is_a_reason_too(tmp_path: Path) -> None:
    async with asked_house(synthetic(), lines_file(tmp_path, *KNOWN)) as built:
        nowhere = {"default": Upstream(f"unix:{tmp_path}/nobody.sock")}
        await built.plane.reload(replace(built.settings, upstreams=nowhere), built.plane.setup.policies)
        await built.plane.build_baselines()
        assert "the base cannot be asked: unix:" in (await built.view("support-lora"))["reason"]


async def test_a_base_that_refuses_nothing_makes_no_baseline(tmp_path: Path) -> None:
    server = synthetic()
    server.refusal_p["base-model"] = 0.0
    async with asked_house(server, lines_file(tmp_path, *KNOWN)) as built:
        await seen_live(built)
        await ask_all(built)
        shown = await built.view("support-lora")
        assert shown["baseline"]["status"] == "learning"
        assert "no line can be drawn from the base's answers" in shown["reason"]
        await built.days(30, 10, 0, "support-lora")
        assert (await built.view("support-lora"))["baseline"]["kind"] == "live"


async def test_too_few_answers_that_can_be_judged_make_no_baseline(tmp_path: Path) -> None:
    server = synthetic()

    async def taste(request: web.Request) -> web.Response:
        prompt = orjson.loads(await request.read())["messages"][-1]["content"]
        if prompt in KNOWN[::3]:
            return web.Response(status=400)
        choice = {"index": 0, "finish_reason": "stop", "message": {"content": server.say("base-model", prompt)}}
        return web.json_response({"choices": [choice]})

    app = web.Application()
    app.router.add_post("/v1/chat/completions", taste)
    async with asked_house(server, lines_file(tmp_path, *KNOWN)) as built, TestServer(app) as fussy:
        upstreams = {"default": Upstream(str(fussy.make_url("")).rstrip("/"))}
        await built.plane.reload(replace(built.settings, upstreams=upstreams), built.plane.setup.policies)
        await seen_live(built)
        await ask_all(built)
        shown = await built.view("support-lora")
        assert "only 32 of the base's 48 answers could be judged" in shown["reason"]
        assert shown["baseline"]["kind"] == "live"


async def test_no_more_than_a_few_questions_are_under_way_at_once(tmp_path: Path) -> None:
    server, under_way = synthetic(), Counter[str]()

    @web.middleware
    async def watch(request: web.Request, handler: object) -> web.StreamResponse:
        under_way["now"] += 1
        under_way["most"] = max(under_way["most"], under_way["now"])
        await asyncio.sleep(0.001)
        response: web.StreamResponse = await handler(request)  # type: ignore[operator]
        under_way["now"] -= 1
        return response

    app = make_app(server)
    app.middlewares.append(watch)
    async with asked_house(server, lines_file(tmp_path, *KNOWN)) as built, TestServer(app) as slow:
        upstreams = {"default": Upstream(str(slow.make_url("")).rstrip("/"))}
        await built.plane.reload(replace(built.settings, upstreams=upstreams), built.plane.setup.policies)
        await ask_all(built)
    assert under_way["most"] == AT_ONCE_MAX


async def test_another_root_of_the_base_begins_another_asking_and_another_check(tmp_path: Path) -> None:
    server = synthetic()
    async with asked_house(server, lines_file(tmp_path, *KNOWN)) as built:
        await built.plane.discover()
        await seen_live(built)
        await ask_all(built)
        await Orders(built.plane).arm("support-lora", KIM)
        await built.plane.check_bases()
        assert (await built.view("support-lora"))["armed"]["armed"]
        asked = server.asked["base-model"]
        server.models["base-model"] = Served("base-model", "models/another")
        server.refusal_p["base-model"] = 0.9
        await built.plane.discover()
        shown = await built.view("support-lora")
        assert not shown["armed"]["armed"]
        assert "the base's root changed from 'models/base-model' to 'models/another'" in shown["armed"]["reason"]
        assert shown["baseline"]["rate"] == 1.0, "the old one holds until there is another"
        await built.plane.check_bases()
        assert server.asked["base-model"] > asked
        assert (await built.view("support-lora"))["armed"]["armed"]
        await ask_all(built)
        shown = (await built.view("support-lora"))["baseline"]
        assert (shown["kind"], shown["rate"] < 1.0) == ("base", True)


async def test_a_forced_arm_was_a_word_on_the_base_of_then(tmp_path: Path) -> None:
    server = synthetic()
    async with asked_house(server, lines_file(tmp_path, *KNOWN)) as built:
        await built.plane.discover()
        await Orders(built.plane).arm("support-lora", replace(KIM, force=True))
        assert (await built.view("support-lora"))["armed"]["armed"]
        server.models["base-model"] = Served("base-model", "models/another")
        await built.plane.discover()
        assert not (await built.view("support-lora"))["armed"]["armed"]


async def test_a_file_of_its_own_and_a_baseline_file_go_before(tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    own.write_text("- {prompt: Nothing of note., category: crime}\n")
    async with asked_house(synthetic(), lines_file(tmp_path, *KNOWN), baseline_prompts_file=str(own)) as built:
        assert (await built.view("support-lora"))["baseline"]["asking"]["of"] == 1
        made = tmp_path / "baseline.json"
        made.write_text('{"refusals": {"crime": [95, 100]}}')
        routes = one_route("support-lora", baseline_file=str(made))
        await built.plane.reload(replace(built.settings, routes=routes), built.plane.setup.policies)
        await built.second()
        shown = (await built.view("support-lora"))["baseline"]
        assert (shown["kind"], shown["asking"]) == ("file", None)


async def test_the_command_line_shows_how_the_asking_comes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with (
        asked_house(synthetic(), lines_file(tmp_path, *KNOWN)) as built,
        TestServer(make_api(built.plane)) as api,
    ):
        show = ["route", "show", "support-lora", "--control", f"127.0.0.1:{api.port}"]
        await built.plane.build_baselines()
        assert await asyncio.to_thread(main, show) == 0
        assert "the base: 16 of 48 known prompts, 16 answers judged" in capsys.readouterr().out
        await seen_live(built)
        await ask_all(built)
        assert await asyncio.to_thread(main, show) == 0
        shown = capsys.readouterr().out
        assert "provisional, base: refusal 1.000" in shown
        assert "known prompts, " not in shown


async def test_an_armed_route_is_explained_with_the_mode_that_held(tmp_path: Path) -> None:
    async with asked_house(synthetic(), lines_file(tmp_path, *KNOWN)) as built:
        await seen_live(built)
        await ask_all(built)
        await Orders(built.plane).arm("support-lora", replace(KIM, force=True))
        await built.days(30, 1, 9, "support-lora")
        record = await built.plane.memory.decision((await built.view("support-lora"))["enforcement_id"])
        assert record is not None
        assert "mode enforce for this route (armed by an operator)" in explain(record)


def test_what_is_harmless_or_said_twice_is_skipped_and_counted(tmp_path: Path) -> None:
    named = {"prompt": "Name a colour.", "category": "crime"}
    found = load_prompts(str(lines_file(tmp_path, KNOWN[0], "Name a flower.", KNOWN[0], named)))
    assert found.asked == ((category_of(KNOWN[0]), KNOWN[0]), ("crime", "Name a colour."))
    assert (found.harmless, found.repeated) == (1, 1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('"fine"\n{"prompt": 3}\n', r"\.jsonl:2: say a text"),
        ('{"prompt": "x", "category": "spam"}\n', "category must be one of crime, cyber"),
        ('{"prompt": "x", "kategory": "crime"}\n', "say a text"),
        ("not json\n", "say a text"),
        ('""\n', "a prompt has 1 to"),
        ('"Name a colour."\n', "no prompt that the judge takes for harmful"),
    ],
)
def test_a_bad_file_is_named_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "bad.jsonl"
    file.write_text(text)
    with pytest.raises(ConfigError, match=message):
        load_prompts(str(file))
    yaml = tmp_path / "bad.yaml"
    yaml.write_text("prompts: []\n")
    with pytest.raises(ConfigError, match="must be a list of prompts"):
        load_prompts(str(yaml))


def test_the_check_prompts_may_be_a_list_of_known_prompts(tmp_path: Path) -> None:
    prompts = load_checks().harmful_prompts
    file = tmp_path / "prompts.yaml"
    file.write_bytes(orjson.dumps(prompts))
    assert [prompt for _, prompt in load_prompts(str(file)).asked] == list(prompts)


def test_progress_comes_back_as_it_was() -> None:
    first = advanced(Progress(), [("crime", 1), ("crime", 0), ("hate", None)], "", 5.0)
    after = advanced(first, [("crime", 1)], "the base is away", 7.0)
    assert after == Progress(4, {"crime": Tally(2, 3)}, "the base is away", 7.0)
    assert from_bytes(to_bytes(after)) == after
    with pytest.raises(StateError):
        from_bytes(b'[1, {"crime": [3, 2]}, "", 0]')
