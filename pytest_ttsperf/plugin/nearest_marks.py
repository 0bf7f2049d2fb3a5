"""The marks of a test, nearest first, as whoever writes them reads them.

pytest gives a function's marks before those of its parameter, and a base class's before those of
the class that is derived from it. A limit that is written there is meant to win over the general
one, so here it comes first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest


def iter_marks(item: pytest.Item, name: str) -> Iterator[pytest.Mark]:
    """All of a name: of the parameter, the function, the class, its bases, the module, ...

    Of decorators on one function or class the innermost is the nearest, as in pytest.
    """
    for node in item.iter_parents():
        for mark in _nearest_first(node):
            if mark.name == name:
                yield mark


def closest(item: pytest.Item, name: str) -> pytest.Mark | None:
    """The nearest of a name, if there is one."""
    return next(iter_marks(item, name), None)


def _nearest_first(node: Any) -> list[pytest.Mark]:
    """The marks of one node; those that were added while it ran stay where pytest put them."""
    marks: list[pytest.Mark] = node.own_markers
    if len(marks) < 2:
        return marks
    declared = _declared(node)
    places = [place for place, mark in enumerate(marks) if _is_among(mark, declared)]
    if not places:
        return marks
    before = marks[: places[0]]
    after = [mark for mark in marks[places[0] :] if not _is_among(mark, declared)]
    present = [mark for mark in declared if _is_among(mark, marks)]
    return [*before, *present, *after]


def _declared(node: Any) -> list[pytest.Mark]:
    """The marks that are written at a parameter and its function, or at a class and its bases."""
    if isinstance(node, pytest.Class):
        found: list[pytest.Mark] = []
        for owner in node.obj.__mro__:
            found += _written_at(owner)
        return found
    callspec = getattr(node, "callspec", None)
    if callspec is None:
        return []
    return [*callspec.marks, *_written_at(getattr(node, "obj", None))]


def _written_at(owner: object) -> list[pytest.Mark]:
    """The marks of a function or class itself, without those that it inherits."""
    attributes = getattr(owner, "__dict__", {})
    written = attributes.get("pytestmark", [])
    if not isinstance(written, list | tuple):
        written = [written]
    return [getattr(mark, "mark", mark) for mark in written]


def _is_among(mark: pytest.Mark, marks: Sequence[pytest.Mark]) -> bool:
    """By identity: two marks that say the same may stand at different places."""
    return any(mark is each for each in marks)
