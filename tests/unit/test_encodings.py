"""Text is read and written as UTF-8 and not as the locale has it: every call says so."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("pytest_ttsperf", "engine", "benchmarks")
PROCESSES = {"run", "Popen", "check_output"}
TEMPORARY = {"NamedTemporaryFile", "TemporaryFile", "SpooledTemporaryFile"}


def sources() -> list[Path]:
    return [path for name in FOLDERS for path in sorted((ROOT / name).rglob("*.py"))]


def without_encoding(source: str) -> Iterator[int]:
    """Lines with a call that reads or writes text and leaves its encoding to the locale."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and is_text(node) and not has_encoding(node):
            yield node.lineno


def is_text(call: ast.Call) -> bool:
    name = name_of(call)
    words = {keyword.arg: keyword.value for keyword in call.keywords}
    if name == "read_text":
        return not call.args
    if name == "write_text":
        return len(call.args) < 2
    if name == "open":
        return is_open_of_text(call)
    if name in TEMPORARY:
        return "mode" in words and "b" not in text_of(words["mode"])
    return name in PROCESSES and bool({"text", "universal_newlines"} & set(words))


def is_open_of_text(call: ast.Call) -> bool:
    """`open(path, "w")` and `path.open("w")`; not the `open()` of something else than a file."""
    mode = next((keyword.value for keyword in call.keywords if keyword.arg == "mode"), None)
    if isinstance(call.func, ast.Name):
        mode = call.args[1] if len(call.args) > 1 else mode
        return mode is None or "b" not in text_of(mode)
    mode = call.args[0] if call.args else mode
    text = text_of(mode)
    return bool(text) and set(text) <= set("rwxat+") and "b" not in text


def has_encoding(call: ast.Call) -> bool:
    return any(keyword.arg == "encoding" for keyword in call.keywords)


def name_of(call: ast.Call) -> str:
    return getattr(call.func, "attr", None) or getattr(call.func, "id", "")


def text_of(node: ast.expr | None) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def test_every_text_has_an_encoding() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line}"
        for path in sources()
        for line in without_encoding(path.read_text("utf-8"))
    ]
    assert found == []


@pytest.mark.parametrize(
    "source",
    [
        "path.read_text()",
        "path.read_text(errors='replace')",
        "path.write_text('x')",
        "open(path)",
        "open(path, 'w')",
        "path.open('a')",
        "subprocess.run(command, text=True)",
        "subprocess.Popen(command, universal_newlines=True)",
        "NamedTemporaryFile(mode='w')",
    ],
)
def test_what_leaves_it_to_the_locale_is_found(source: str) -> None:
    assert list(without_encoding(source)) == [1]


@pytest.mark.parametrize(
    "source",
    [
        "path.read_text('utf-8')",
        "path.write_text('x', encoding='utf-8')",
        "open(path, 'rb')",
        "path.open('wb')",
        "engine.open()",
        "subprocess.run(command, encoding='utf-8')",
        "TemporaryFile()",
    ],
)
def test_what_does_not_is_not(source: str) -> None:
    assert list(without_encoding(source)) == []
