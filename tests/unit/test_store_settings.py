"""Addresses of a shared store, and the settings around it."""

from __future__ import annotations

import pytest

from proxy.config.load import load
from proxy.config.sections.watching import StoreSettings
from proxy.config.settings import Settings
from proxy.config.store_url import StoreUrl, parse_store_url
from proxy.control.guard import Disarm, Guard
from proxy.control.policies.in_force import Loaded, Policies
from proxy.control.setup import set_up
from proxy.core.errors import ConfigError
from proxy.core.policies.policy import Policy


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("redis://h", StoreUrl("", False, (("h", 6379),))),
        ("rediss://h:1/2", StoreUrl("", True, (("h", 1),), db=2)),
        ("valkey://[::1]:7", StoreUrl("", False, (("::1", 7),))),
        ("redis+unix:///run/r.sock?db=3", StoreUrl("unix", False, path="/run/r.sock", db=3)),
        ("redis+cluster://a:1,b", StoreUrl("cluster", False, (("a", 1), ("b", 6379)))),
        ("rediss+sentinel://a,b:2/gw/4", StoreUrl("sentinel", True, (("a", 26379), ("b", 2)), name="gw", db=4)),
    ],
)
def test_addresses(text: str, expected: StoreUrl) -> None:
    found = parse_store_url(text)
    assert found.shown == text
    assert StoreUrl(found.kind, found.tls, found.hosts, found.path, found.name, found.db) == expected


@pytest.mark.parametrize(
    "text",
    [
        "", "http://h", "redis://", "redis://a,b", "redis://h:0", "redis://h:99999", "redis://h/x", "redis://h/1/2",
        "redis+sentinel://h", "redis+cluster://h/1", "redis+unix://relative", "rediss+unix:///p", "redis://u:p@h",
    ],
)  # fmt: skip
def test_what_is_no_address_is_said_with_its_place(text: str) -> None:
    with pytest.raises(ConfigError, match=r"store\.url"):
        load(None, ["store.kind=redis", f"store.url={text or ','}"], {})


@pytest.mark.parametrize(
    ("flag", "said"),
    [
        ("replicas=0", "at least 1"),
        ("store.timeout_s=0", "above 0"),
        ("store.tls_cert_file=x", "belong together"),
    ],
)
def test_other_mistakes_are_said(flag: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        load(None, [flag], {})


def test_a_password_comes_from_one_place() -> None:
    with pytest.raises(ConfigError, match="not both"):
        load(None, ["store.password_file=a", "store.password_env=b"], {})


def test_the_environment_says_how_many_replicas_there_are() -> None:
    assert load(None, [], {"GROUNDWIRE_REPLICAS": "3"}).replicas == 3


def held(settings: Settings, guard: Guard | None = None) -> str:
    setup = set_up(settings, Policies(Loaded(Policy(), "text", "file")))
    return setup.held(guard or Guard(), "support", 0.0)


def test_several_replicas_need_a_shared_store_to_act() -> None:
    assert "no shared store" in held(Settings(replicas=2))
    assert held(Settings(replicas=1)) == ""
    assert held(Settings(replicas=2, store=StoreSettings(kind="redis"))) == ""


def test_a_person_who_disarmed_is_heard_with_a_shared_store_too() -> None:
    guard = Guard((Disarm("", 10.0, "kim", "a drill", 0.0),))
    assert "kim" in held(Settings(replicas=2, store=StoreSettings(kind="redis")), guard)
