"""The settings of classifiers on other machines: each mistake is named at its line, with its mend."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from proxy.config.compiled import compile_settings
from proxy.config.load import load
from proxy.core.errors import ConfigError

GOOD = {"name": "guard", "kind": "llama_guard", "url": "http://guard:8000", "model": "llama-guard-3-8b"}
HOSTED = {**GOOD, "kind": "openai_moderation", "url": "https://api.example", "key_env": "KEY"}


def write(folder: Path, *entries: Mapping[str, object]) -> Path:
    """Each entry on one line of its own, from line 3 on."""
    lines = ["classifiers:", "  remote:", *(f"    - {dict(entry)}".replace("True", "true") for entry in entries)]
    path = folder / "groundwire.yaml"
    path.write_text("\n".join(lines).replace("False", "false") + "\n")
    return path


def problems(path: Path) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(path, (), {})
    return [f"{place}: {text}".replace(f"{path}", "FILE") for place, text in caught.value.problems]


def test_none_is_asked_unless_it_is_configured() -> None:
    assert load(None, (), {}).classifiers.remote == ()


def test_a_list_of_them_is_read_and_handed_to_the_processes(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD, {**HOSTED, "name": "hosted", "share": 0.5})
    guard, hosted = compile_settings(str(path), ()).classifiers.remote
    assert (guard.name, guard.redact, guard.share) == ("guard", True, 0.05)
    assert (hosted.kind, hosted.key_env, hosted.share) == ("openai_moderation", "KEY", 0.5)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"name": "Guard 1"}, "(classifiers.remote.0.name): a name is needed"),
        ({"name": ""}, "(classifiers.remote.0.name): a name is needed"),
        ({"kind": ""}, "(classifiers.remote.0.kind): say what it is"),
        ({"kind": "llama"}, "(classifiers.remote.0.kind): Input should be"),
        ({"model": ""}, "(classifiers.remote.0.model): the name of the model is needed"),
        ({"url": "guard:8000"}, "(classifiers.remote.0.url): say http://HOST:PORT"),
        ({"url": "http://[::1"}, "(classifiers.remote.0.url): say http://HOST:PORT"),
        ({"url": "http://u:p@guard"}, "(classifiers.remote.0.url): no user, password"),
        ({"url": "http://guard?key=x"}, "(classifiers.remote.0.url): no user, password"),
        (
            {"url": "http://guard/x/v1/"},
            "(classifiers.remote.0.url): the API's own path is put after it: say http://guard/x",
        ),
        ({"key_env": "A", "key_file": "b"}, "(classifiers.remote.0.key_file): give key_env or key_file"),
        ({"share": 1.1}, "(classifiers.remote.0.share): a share is from 0 to 1"),
        ({"timeout_s": 0}, "(classifiers.remote.0.timeout_s): must be above 0"),
        ({"requests_per_day_max": 0}, "(classifiers.remote.0.requests_per_day_max): must be at least 1"),
        ({"shere": 1}, "(classifiers.remote.0.shere): unknown key; did you mean `share`?"),
    ],
)
def test_mistakes(tmp_path: Path, change: dict[str, object], expected: str) -> None:
    (found,) = problems(write(tmp_path, {**GOOD, **change}))
    assert found.startswith(f"FILE:3 {expected}")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"redact": False}, "(classifiers.remote.0.redact): what goes to a hosted service is always redacted"),
        ({"url": "http://api.example"}, "(classifiers.remote.0.url): texts for a hosted service travel over https"),
        ({"key_env": ""}, "(classifiers.remote.0.key_env): openai_moderation needs a key"),
    ],
)
def test_a_hosted_service_is_redacted_encrypted_and_has_a_key(
    tmp_path: Path, change: dict[str, object], expected: str
) -> None:
    (found,) = problems(write(tmp_path, {**HOSTED, **change}))
    assert found.startswith(f"FILE:3 {expected}")


def test_two_of_one_name_are_refused(tmp_path: Path) -> None:
    assert problems(write(tmp_path, GOOD, GOOD)) == [
        "FILE:4 (classifiers.remote.1.name): 'guard' stands twice; counts are kept by name"
    ]


def test_own_guard_models_may_do_without_redaction_and_tls(tmp_path: Path) -> None:
    (guard,) = load(write(tmp_path, {**GOOD, "redact": False}), (), {}).classifiers.remote
    assert not guard.redact
