"""Settings: every mistake is named by file, line and key; environment and flags override in their order."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.config.address import Address, parse_address
from proxy.config.compiled import compile_settings
from proxy.config.load import load
from proxy.config.plain import from_plain, to_plain
from proxy.config.reference import page
from proxy.config.settings import Settings
from proxy.core.errors import ConfigError

ROOT = Path(__file__).resolve().parents[2]


def write(folder: Path, text: str) -> Path:
    path = folder / "groundwire.yaml"
    path.write_text(text)
    return path


def problems(path: Path | None, *flags: str, **environment: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(path, flags, environment)
    return [f"{place}: {text}".replace(f"{path}", "FILE") for place, text in caught.value.problems]


def test_defaults_need_no_file(tmp_path: Path) -> None:
    settings = load(None, (), {"XDG_STATE_HOME": str(tmp_path)})
    assert settings.state_dir == str(tmp_path / "groundwire")
    assert settings.upstreams["default"].url == "http://127.0.0.1:8000"


def test_file_then_environment_then_flags(tmp_path: Path) -> None:
    path = write(tmp_path, "upstream: http://a:1\nlisten: {data: 'h:1', health: 'h:2'}\npane_s: 5\n")
    settings = load(path, ["pane_s=7"], {"GROUNDWIRE_LISTEN__DATA": "h:9", "GROUNDWIRE_PANE_S": "6"})
    assert (settings.listen.data, settings.listen.health, settings.pane_s) == ("h:9", "h:2", 7.0)
    assert settings.upstreams["default"].url == "http://a:1"


def test_every_mistake_is_named_at_its_line(tmp_path: Path) -> None:
    path = write(tmp_path, "listen:\n  dota: x\nlimits:\n  head_bytes_max: many\nroutes:\n  a/b:\n    pin: left\n")
    assert problems(path) == [
        "FILE:2 (listen.dota): unknown key; did you mean `data`?",
        "FILE:4 (limits.head_bytes_max): Input should be a valid integer, unable to parse string as an integer "
        "(given: 'many')",
        "FILE:7 (routes.a/b.pin): Input should be '', 'candidate' or 'base' (given: 'left')",
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("listen: {data: nowhere}", "FILE:1 (listen.data): 'nowhere': say HOST:PORT, [IPv6]:PORT or unix:/PATH"),
        ("pane_s: 1\npane_s: 2", "FILE:2 (pane_s): stands twice (first in line 1); remove one"),
        ("a: [", "FILE:2: not valid YAML: expected the node content, but found '<stream end>'"),
        ("- 1", "FILE:1: a mapping of settings is expected"),
        ("upstream: ftp://x", "FILE:1 (upstreams.default.url): say http://HOST:PORT, https://HOST:PORT or unix:/PATH"),
        (
            "routes: {r: {base_upstream: b}}",
            "FILE:1 (routes.r.base_upstream): no upstream is called 'b'; there are: default",
        ),
        (
            "listen: {control: '0.0.0.0:1'}",
            "FILE:1 (listen.control): off loopback the control API needs listen.control_token_file",
        ),
        (
            "listen: {tls_cert_file: a.pem}",
            "FILE:1 (listen.tls_cert_file): tls_cert_file and tls_key_file belong together; give both or none",
        ),
        ("limits: {head_bytes_max: -1}", "FILE:1 (limits.head_bytes_max): may not be negative"),
        ("discovery: {interval_s: 0}", "FILE:1 (discovery.interval_s): must be at least 0.1"),
        ("close_lag_s: -1", "FILE:1 (close_lag_s): may not be negative"),
        ("analysis: {queue_bytes_max: 0}", "FILE:1 (analysis.queue_bytes_max): must be at least 1"),
        (
            "analysis: {panes_kept_max: 3}",
            "FILE:1 (analysis.panes_kept_max): at least 6 panes of 60 s are needed: "
            "they are kept until they have closed",
        ),
        (
            "upstream: http://user:secret@host:1",
            "FILE:1 (upstreams.default.url): no user and password here: it is logged; "
            "say them in upstreams.default.auth",
        ),
        (
            "upstream: ${NOWHERE}",
            "FILE:1 (upstream): environment variable NOWHERE is not set; set it or write ${NOWHERE:-DEFAULT}",
        ),
    ],
)
def test_mistakes(tmp_path: Path, text: str, expected: str) -> None:
    assert problems(write(tmp_path, text + "\n")) == [expected]


def test_a_missing_file_and_a_wrong_variable_are_named(tmp_path: Path) -> None:
    missing = tmp_path / "missing.yaml"
    assert problems(missing) == ["FILE: cannot be read: No such file or directory"]
    assert problems(None, GROUNDWIRE_LISTEN__DOTA="x") == [
        "environment variable GROUNDWIRE_LISTEN__DOTA (listen.dota): unknown key; did you mean `data`?"
    ]


def test_what_kubernetes_puts_into_the_environment_is_no_mistake() -> None:
    load(None, (), {"GROUNDWIRE_SERVICE_HOST": "10.0.0.1", "GROUNDWIRE_PORT": "x", "GROUNDWIRE_PORT_8900_TCP": "x"})
    load(None, (), {"GROUNDWIRE_GATEWAY_SERVICE_PORT_HTTP": "1", "GROUNDWIRE_VALKEY_PORT_6379_TCP_ADDR": "x"})


def test_variables_in_scalars(tmp_path: Path) -> None:
    path = write(tmp_path, 'pane_s: ${PANE:-30}\nupstream: "${UP}"\n')
    settings = load(path, (), {"UP": "http://u:1"})
    assert (settings.pane_s, settings.upstreams["default"].url) == (30.0, "http://u:1")


def test_the_traffic_process_gets_the_same_settings_from_a_child(tmp_path: Path) -> None:
    path = write(tmp_path, "state_dir: /s\nroutes: {org/m: {base_model: b, pin: base}}\n")
    assert compile_settings(str(path)) == load(path)
    with pytest.raises(ConfigError, match=re.escape("groundwire.yaml:1 (pane): unknown key; did you mean `pane_s`?")):
        compile_settings(str(write(tmp_path, "pane: 1\n")))


def test_plain_values_are_the_inverse() -> None:
    assert from_plain(Settings, to_plain(Settings())) == Settings()


@given(st.from_regex(r"[a-z0-9.]{1,20}", fullmatch=True), st.integers(0, 65_535))
def test_addresses_read_back(host: str, port: int) -> None:
    assert parse_address(str(Address(host, port))) == Address(host, port)


@pytest.mark.parametrize("text", ["", "8900", "h:", "h:99999", "::1:80", "unix:relative", "h:-1"])
def test_wrong_addresses_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"say|brackets|absolute"):
        parse_address(text)


def test_the_configuration_page_is_that_of_the_declarations() -> None:
    assert (ROOT / "docs" / "configuration.md").read_text() == page(), "run `make docs`"
