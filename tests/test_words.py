"""Names that a newcomer can read: the field's terms, verbs for functions, one name, one class."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
BANNED = {"told", "heard", "spoken", "kept", "made", "asked", "given", "known", "own"}
"""Participles that name anything and therefore nothing."""


def python_files(*folders: str) -> list[Path]:
    return sorted(path for name in folders for path in (ROOT / name).rglob("*.py"))


PRODUCT_FILES = python_files("pytest_ttsperf", "engine")
FILES = [*PRODUCT_FILES, *python_files("benchmarks", "tools")]


def bound_names(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Every identifier that the code itself introduces, with its line."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name, node.lineno
        elif isinstance(node, ast.arg):
            yield node.arg, node.lineno
        elif isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield getattr(node, "id", None) or node.attr, node.lineno


def banned_in(source: str) -> list[str]:
    names = bound_names(ast.parse(source))
    return [f"{line}: {name}" for name, line in names if name.strip("_") in BANNED]


def nested_in(source: str) -> list[str]:
    """Comprehensions inside comprehensions, and conditional expressions inside their like."""
    loops = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, loops):
            inner = [child for child in ast.walk(node) if child is not node]
            if any(isinstance(child, loops) for child in inner):
                found.append(f"{node.lineno}: a comprehension in a comprehension")
        if isinstance(node, ast.IfExp):
            branches = (node.body, node.orelse)
            if any(isinstance(branch, ast.IfExp) for branch in branches):
                found.append(f"{node.lineno}: a chain of conditional expressions")
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_names_mean_something_and_lines_are_read_once(path: Path) -> None:
    source = path.read_text()
    assert banned_in(source) == []
    assert nested_in(source) == []


def test_a_class_name_is_one_class() -> None:
    classes = Counter(
        node.name
        for path in PRODUCT_FILES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ClassDef)
    )
    assert [name for name, count in classes.items() if count > 1] == []


def test_what_is_forbidden_is_found() -> None:
    assert banned_in("told = 1\ndef f(kept): self.given = 2\n") == [
        "1: told",
        "2: kept",
        "2: given",
    ]
    assert nested_in("x = [[y for y in z] for z in w]") != []
    assert nested_in("x = 1 if a else 2 if b else 3") != []
    assert nested_in("x = [y for z in w for y in z]\ny = 1 if a else 2") == []
