"""One test for several providers: a dict of limits in the place of a number.

    @ttfa(p95_ms={"cpu": 500, "coreml": 10})

A key is the provider in the test's id, or a text that the test is parametrised with, such as a
preset. Exactly one of the keys has to hold for a test; a dict as value goes on in the same way.
None lifts the limit; a mark whose limits are all lifted is for this test as if it were not there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import pytest

from pytest_ttsperf import secrets
from pytest_ttsperf.errors import LimitError
from pytest_ttsperf.plugin import usage

PROVIDERS = pytest.StashKey[tuple[str | None, ...]]()
"""Those of the run, set on its config: a test that has none in its id gets the first."""
PARAMETER = usage.INTERNAL[0]
DEFAULT = "default"
"""What ids call the provider that a target takes by itself."""
WANTED = "limits by provider or preset, as {'cpu': 500, 'coreml': 10}"
SHOWN_CHARACTERS = 40


def iter_values(value: object) -> Iterator[object]:
    """What a keyword may come to: each value of a dict but None, and else the value itself."""
    if not isinstance(value, Mapping):
        yield value
        return
    for inner in value.values():
        if inner is not None:
            yield from iter_values(inner)


def has_usable_names(value: object) -> bool:
    """Whether all dicts in a value have names, and have any; true for what is no dict."""
    if not isinstance(value, Mapping):
        return True
    if not value or not all(isinstance(name, str) for name in value):
        return False
    return all(map(has_usable_names, value.values()))


def choose(
    item: pytest.Item,
    marker: str,
    keywords: Mapping[str, Any],
    limits: Iterable[str],
) -> dict[str, Any]:
    """The keywords of a mark as they hold for this test, without what is lifted.

    `limits` are those of its keywords that limit something; where all of them are lifted, so are
    the others. LimitError where no key of a dict holds for the test, or more than one.
    """
    if not any(isinstance(value, Mapping) for value in keywords.values()):
        return dict(keywords)
    names = _names_of(item)
    chosen = {}
    for keyword, value in keywords.items():
        found = _look_up(f"{item.nodeid}: @{marker}({keyword}=...)", value, names)
        if found is not None:
            chosen[keyword] = found
    is_lifted = len(chosen) < len(keywords)
    if is_lifted and chosen.keys().isdisjoint(limits):
        return {}
    return chosen


def _look_up(label: str, value: object, names: Mapping[str, str]) -> object:
    """The value behind the one key that is among the names, down to what is no dict."""
    while isinstance(value, Mapping):
        holding = [key for key in value if key in names]
        if not holding:
            raise LimitError(_explain_absent(label, value, names))
        if len(holding) > 1:
            first, second = holding[:2]
            raise LimitError(
                f"{label}: of its keys {_show(names, first)} and {_show(names, second)} hold for "
                "this test; wanted one, which may lead to a dict by the other, as "
                f"{{{first!r}: {{{second!r}: ...}}}}"
            )
        value = value[holding[0]]
    return value


def _explain_absent(label: str, value: Mapping[str, Any], names: Mapping[str, str]) -> str:
    keys = ", ".join(repr(_shorten(secrets.mask(key))) for key in value)
    wanted = " or ".join(_show(names, name) for name in names)
    text = (
        f"{label} has no limit for {wanted}; its keys are {keys}. Add a key, with None for no limit"
    )
    if DEFAULT in names:
        text += ", or choose a provider, as --ttsperf-provider=cpu"
    return text


def _show(names: Mapping[str, str], name: str) -> str:
    """`provider 'cpu'`."""
    return f"{names[name]} {_shorten(name)!r}"


def _shorten(text: str) -> str:
    if len(text) <= SHOWN_CHARACTERS:
        return text
    return f"{text[: SHOWN_CHARACTERS - 3]}..."


def _names_of(item: pytest.Item) -> dict[str, str]:
    """What a key may be -> what that is of the test: its provider, or the name of a parameter."""
    callspec = getattr(item, "callspec", None)
    parameters = dict(getattr(callspec, "params", {}))
    providers = item.config.stash.get(PROVIDERS, (None,))
    provider = parameters.pop(PARAMETER, providers[0])
    names = {provider or DEFAULT: "provider"}
    for name, value in parameters.items():
        # A server's address may hold a password, and names stand in messages.
        if isinstance(value, str) and secrets.mask(value) == value:
            names.setdefault(value, name)
    return names
