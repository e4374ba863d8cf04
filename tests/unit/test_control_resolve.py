"""From listings and settings to routes."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from proxy.config.sections.serving import Upstream
from proxy.config.sections.watching import Discovery, RouteSettings
from proxy.config.settings import Settings
from proxy.control.routes.listing import ListingError, Model, parse_listing
from proxy.control.routes.resolve import Found, in_order, resolve
from proxy.core.routes import Pin, Target

BASE, TUNED = Model("base", "models/base"), Model("tuned", "adapters/tuned", "base")
MODELS = st.builds(
    Model, id=st.sampled_from("abcd"), root=st.sampled_from(["", "x", "y"]), parent=st.sampled_from(["", "a", "b", "x"])
)
LISTINGS = st.dictionaries(
    st.sampled_from(["default", "other"]), st.lists(MODELS, max_size=4, unique_by=lambda m: m.id).map(tuple)
)
ROUTES = st.dictionaries(
    st.sampled_from(["a", "b", "z"]),
    st.builds(
        RouteSettings,
        candidate_upstream=st.sampled_from(["default", "other"]),
        candidate_model=st.sampled_from(["", "a", "c"]),
        base_upstream=st.sampled_from(["", "default", "other"]),
        base_model=st.sampled_from(["", "b", "d"]),
        pin=st.sampled_from(["", "candidate", "base"]),
    ),
)

JSON = st.recursive(
    st.none() | st.integers(-9, 9) | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["data", "id", "x"]), inner, max_size=3)
    ),
    max_leaves=8,
)


def settings(routes: dict[str, RouteSettings] | None = None, *upstreams: str, discover: bool = True) -> Settings:
    names = upstreams or ("default",)
    return Settings(
        upstreams={n: Upstream() for n in names}, routes=routes or {}, discovery=Discovery(enabled=discover)
    )


@effort(max_examples=40, deadline=None)
@given(LISTINGS, ROUTES, st.booleans())
def test_every_route_makes_sense(
    listings: dict[str, tuple[Model, ...]], routes: dict[str, RouteSettings], discover: bool
) -> None:
    house = settings(routes, "other", "default", discover=discover)
    found = resolve(house, listings)
    assert found == resolve(house, dict(reversed(listings.items())))
    assert routes.keys() <= found.keys()
    assert sum(one.route.default for one in found.values()) <= 1
    for name, one in found.items():
        assert one.route.name == name
        assert one.route.base != one.route.candidate
        assert bool(one.no_base) == (one.route.base is None)
        assert one.by_hand == (name in routes)


@effort(max_examples=40, deadline=None)
@given(LISTINGS)
def test_every_adapter_has_a_route(listings: dict[str, tuple[Model, ...]]) -> None:
    found = resolve(settings({}, "default", "other"), listings)
    assert {m.id for models in listings.values() for m in models if m.parent} <= found.keys()


def one(routes: dict[str, RouteSettings], **listings: tuple[Model, ...]) -> Found:
    """The one route of these settings."""
    found = resolve(settings(routes, *(listings or {"default": ()})), listings)
    return found[next(iter(routes))]


def test_a_parent_may_be_named_by_its_id_or_by_what_it_was_loaded_from() -> None:
    by_root = Model("tuned", "adapters/tuned", "models/base")
    for adapter in (TUNED, by_root):
        assert resolve(settings(), {"default": (BASE, adapter)})["tuned"].route.base == Target("default", "base")


def test_a_parent_that_is_not_served_is_no_base() -> None:
    found = resolve(settings(), {"default": (TUNED, Model("something"))})["tuned"]
    assert found.route.base is None
    assert "its parent 'base' is not served" in found.no_base


def test_two_upstreams_with_one_name_the_first_choice_wins() -> None:
    listings = {"a": (BASE, TUNED), "default": (BASE, TUNED)}
    assert resolve(settings({}, "a", "default"), listings)["tuned"].route.candidate.upstream == "default"
    assert in_order({"a": 0, "default": 0, "b": 0}) == ["default", "a", "b"]


def test_settings_go_before_what_was_discovered() -> None:
    own = RouteSettings(base_model="older", pin="base")
    found = one({"tuned": own}, default=(BASE, TUNED))
    assert found.route.base == Target("default", "older")
    assert found.route.pin is Pin.BASE
    assert (found.root, found.parent) == ("adapters/tuned", "base")


def test_a_public_name_may_stand_for_another_model() -> None:
    found = one({"support": RouteSettings(candidate_model="tuned")}, default=(BASE, TUNED))
    assert found.route.candidate == Target("default", "tuned")
    assert found.route.base == Target("default", "base")


def test_a_base_on_another_server_is_its_lone_model() -> None:
    routes = {"tuned": RouteSettings(base_upstream="old")}
    assert one(routes, default=(Model("tuned"),), old=(Model("plain"),)).route.base == Target("old", "plain")
    waiting = one(routes, default=(Model("tuned"),))
    assert waiting.tentative
    assert "has not listed its models yet" in waiting.no_base


def test_a_lone_model_that_is_a_configured_base_is_no_route() -> None:
    routes = {"tuned": RouteSettings(base_upstream="old")}
    found = resolve(settings(routes, "default", "old"), {"default": (Model("tuned"),), "old": (Model("plain"),)})
    assert set(found) == {"tuned"}


def test_a_lone_candidate_under_its_own_name_shares_the_configured_base() -> None:
    routes = {"public": RouteSettings(candidate_model="tuned", base_upstream="old")}
    found = resolve(settings(routes, "default", "old"), {"default": (Model("tuned"),), "old": (Model("plain"),)})
    assert found["tuned"].route.base == found["public"].route.base == Target("old", "plain")


@effort(max_examples=40, deadline=None)
@given(st.lists(MODELS, max_size=5, unique_by=lambda m: m.id))
def test_a_listing_is_read_back(models: list[Model]) -> None:
    data = [{"id": m.id, "object": "model", "root": m.root or None, "parent": m.parent or None} for m in models]
    assert list(parse_listing(orjson.dumps({"object": "list", "data": data}))) == models


@effort(max_examples=40, deadline=None)
@given(st.binary(max_size=60) | JSON.map(orjson.dumps))
def test_any_other_body_is_an_error_of_the_listing(body: bytes) -> None:
    try:
        parse_listing(body)
    except ListingError as wrong:
        assert "/v1/models" in str(wrong)


@pytest.mark.parametrize(
    "body", [b"", b"[]", b'{"data":[{}]}', b'{"data":[{"id":3}]}', b'{"data":[{"id":""}]}', b'{"data":7}']
)
def test_what_is_no_listing(body: bytes) -> None:
    with pytest.raises(ListingError):
        parse_listing(body)
