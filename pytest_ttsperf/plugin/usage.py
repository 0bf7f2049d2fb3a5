"""Whether a test uses this plugin at all: by the fixtures that win in it, not by their names.

`perf` is a common word. A fixture of that name in a project, a class or another plugin takes the
place of ours, and nothing of ours may act in a test that uses nothing of ours.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

import pytest

FIXTURES = frozenset({"perf", "warm_engine", "cold_engine"})
ALTERNATIVES = "alternatives"
"""A fixture of ours that measures several targets of its own, so that none of the others is."""
INTERNAL = ("_ttsperf_provider", "ttsperf_target")
"""What each of them rests on, and what may be parametrised in its place."""
_NAMES = FIXTURES | {INTERNAL[0]}
HOME = "pytest_ttsperf.plugin.fixtures"
"""The module in which they are defined, wherever they are imported from it."""
ASKED_AT_RUN_TIME = pytest.StashKey[bool]()
"""Set on an item that got one of our fixtures by `request.getfixturevalue`."""


def uses_ours(node: pytest.Item) -> bool:
    """Whether a test, or the definition of one, uses a fixture of ours; cheap where it does not."""
    if node.stash.get(ASKED_AT_RUN_TIME, False):
        return True
    info = getattr(node, "_fixtureinfo", None)  # an item of another kind than Python's has none
    if info is None or _NAMES.isdisjoint(info.names_closure):
        return False
    return any(_is_ours(definition) for definition in _definitions(info))


def uses_alternatives(node: pytest.Item) -> bool:
    """Whether a test compares alternatives by our fixture; cheap where it does not."""
    info = getattr(node, "_fixtureinfo", None)
    if info is None or ALTERNATIVES not in info.names_closure:
        return False
    return any(_is_ours(found, {ALTERNATIVES}) for found in _definitions(info))


def uses_perf(node: pytest.Item) -> bool:
    """Whether a test, or the definition of one, uses our `perf`, by whatever name."""
    info = getattr(node, "_fixtureinfo", None)
    if info is None or not uses_ours(node):
        return False
    ours = filter(_is_ours, _definitions(info))
    return any(definition.func.__name__ == "perf" for definition in ours)


def foreign_fixture(node: pytest.Item) -> str | None:
    """The name of a fixture that the test uses, is called as one of ours and is not; else None."""
    info = getattr(node, "_fixtureinfo", None)
    if info is None or uses_ours(node):
        return None
    return next((name for name in sorted(FIXTURES) if name in info.names_closure), None)


def yield_to_others(manager: pytest.PytestPluginManager, plugin: object) -> None:
    """Let fixtures of other plugins win over those of `plugin`, which was registered last.

    pytest learns of the plugins in the order in which they were registered, and of two that offer
    a fixture of one name the later wins.
    """
    registered = getattr(manager.hook.pytest_plugin_registered, "_call_history", None)
    if registered and registered[-1][0].get("plugin") is plugin:
        registered.insert(0, registered.pop())


def _is_ours(definition: Any, names: Collection[str] = FIXTURES) -> bool:
    function = getattr(definition, "func", None)
    module = getattr(function, "__module__", None)
    return module == HOME and getattr(function, "__name__", None) in names


def _definitions(info: Any) -> Iterator[Any]:
    """The definitions that a test uses, in the order in which they are set up.

    A fixture that asks for its own name, directly or through another, gets the one that it
    overrides. What was set up before is not set up again.
    """
    overridden: dict[str, int] = {}
    seen: set[tuple[str, int]] = set()

    def visit(name: str) -> Iterator[Any]:
        level = overridden.get(name, 0)
        candidates = info.name2fixturedefs.get(name) or ()  # the nearest to the test is the last
        if (name, level) in seen or level >= len(candidates):
            return
        seen.add((name, level))
        definition = candidates[-1 - level]
        yield definition
        overridden[name] = level + 1
        for argument in definition.argnames:
            yield from visit(argument)
        overridden[name] = level

    for name in info.initialnames:
        yield from visit(name)
