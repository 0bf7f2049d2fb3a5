"""Counted nouns, and that there is one place that counts them."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from pytest_ttsperf import nouns

PACKAGE = Path(nouns.__file__).parent


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 windows"), (1, "1 window"), (2, "2 windows"), (-1, "-1 windows")]
)
def test_one_is_singular_and_everything_else_plural(count: int, text: str) -> None:
    assert nouns.plural(count, "window") == text


def functions_named(name: str, source: str) -> int:
    """How many functions of a file have this name."""
    found = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef)]
    return sum(function.name == name for function in found)


def test_there_is_one_such_function() -> None:
    files = [
        path.relative_to(PACKAGE).as_posix()
        for path in sorted(PACKAGE.rglob("*.py"))
        if functions_named("plural", path.read_text("utf-8"))
    ]
    assert files == ["nouns.py"]


def test_a_second_one_would_be_found() -> None:
    assert functions_named("plural", "class A:\n    def plural(self): ...\n") == 1
    assert functions_named("plural", "def plurals(): ...\n") == 0
