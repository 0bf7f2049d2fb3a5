"""A dict of limits by name becomes the limit of one test."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, cast

import pytest

from pytest_ttsperf.errors import LimitError
from pytest_ttsperf.plugin import limits_by_name

LIMITS = ("p50_ms", "p95_ms")


def item(provider: str | None = "cpu", **parameters: object) -> pytest.Item:
    """A test that is parametrised by its provider, and by other things."""
    params = {limits_by_name.PARAMETER: provider, **parameters}
    callspec = SimpleNamespace(params=params)
    config = SimpleNamespace(stash=pytest.Stash())
    return cast(pytest.Item, SimpleNamespace(nodeid="t::x", callspec=callspec, config=config))


def choose(keywords: Mapping[str, Any], found: pytest.Item | None = None) -> dict[str, Any]:
    return limits_by_name.choose(found or item(), "ttfa", keywords, LIMITS)


def test_what_is_no_dict_stays_as_it_is() -> None:
    assert choose({"p95_ms": 5, "onset": "heard"}) == {"p95_ms": 5, "onset": "heard"}
    assert choose({}) == {}


def test_a_dict_leads_to_the_value_of_this_test() -> None:
    by_both = {"cpu": {"short": 1, "long": 2}, "coreml": 3}
    assert choose({"p95_ms": by_both}, item(preset="long")) == {"p95_ms": 2}
    assert choose({"p95_ms": by_both}, item("coreml", preset="long")) == {"p95_ms": 3}
    assert choose({"p95_ms": {"default": 4}}, item(None)) == {"p95_ms": 4}


def test_only_texts_are_names() -> None:
    with pytest.raises(LimitError, match="has no limit for provider 'cpu'; its keys are '8'"):
        choose({"p95_ms": {"8": 1}}, item(rate=8))


def test_none_lifts_a_keyword_and_with_the_last_limit_all() -> None:
    nothing = {"cpu": None, "coreml": 1}
    assert choose({"p50_ms": 1, "p95_ms": nothing}) == {"p50_ms": 1}
    assert choose({"p95_ms": nothing, "prebuffer_ms": 100}) == {}
    assert choose({"p95_ms": nothing, "prebuffer_ms": 100}, item("coreml")) == {
        "p95_ms": 1,
        "prebuffer_ms": 100,
    }


def test_a_setting_that_is_lifted_leaves_the_limits() -> None:
    assert choose({"p95_ms": 1, "prebuffer_ms": {"cpu": None}}) == {"p95_ms": 1}


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"coreml": 1}, "has no limit for provider 'cpu' or preset 'short'; its keys are 'coreml'"),
        ({"cpu": {"long": 1}}, "has no limit for .*; its keys are 'long'"),
        ({"cpu": 1, "short": 2}, "provider 'cpu' and preset 'short' hold for this test"),
    ],
)
def test_no_key_and_two_keys_are_errors(value: object, words: str) -> None:
    with pytest.raises(LimitError, match=rf"t::x: @ttfa\(p95_ms=\.\.\.\).*{words}"):
        choose({"p95_ms": value}, item(preset="short"))


def test_long_texts_are_shown_by_their_beginning() -> None:
    text = "It was a dark and stormy night, and nobody had closed the window."
    with pytest.raises(LimitError) as caught:
        choose({"p95_ms": {"x" * 100: 1}}, item(text=text))
    assert "text 'It was a dark and stormy night, and n...'" in str(caught.value)
    assert f"its keys are '{'x' * 37}...'" in str(caught.value)


def test_values_are_found_however_deep_and_none_is_no_value() -> None:
    value = {"cpu": {"short": 1, "long": None}, "coreml": 2}
    assert list(limits_by_name.iter_values(value)) == [1, 2]
    assert list(limits_by_name.iter_values(None)) == [None]


@pytest.mark.parametrize("value", [{}, {1: 2}, {"cpu": {}}, {"cpu": {None: 1}}])
def test_names_that_name_nothing_are_not_usable(value: object) -> None:
    assert not limits_by_name.has_usable_names(value)


@pytest.mark.parametrize("value", [1, None, "5%", {"cpu": 1}, {"cpu": {"short": None}}])
def test_names_that_can_be_used(value: object) -> None:
    assert limits_by_name.has_usable_names(value)
