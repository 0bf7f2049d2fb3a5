"""What in a project's Python files speaks: read from their syntax, nothing is imported or run."""

from __future__ import annotations

import ast
import os
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from pytest_ttsperf.targets.python.calling import METHODS, TEXT_NAMES

SOURCE_FOLDERS = (".", "src")
"""Where the packages of a project lie, in this order."""
SKIPPED_FOLDERS = {
    "artifacts", "benchmarks", "build", "dist", "docs", "env", "examples", "node_modules",
    "scripts", "test", "tests", "tools", "venv",
}  # fmt: skip
SKIPPED_FILES = ("conftest.py", "noxfile.py", "setup.py")
DEPTH = 3
"""Packages within packages that are looked into."""
MOST_FILES = 500
MOST_BYTES = 2**20
"""Of a file: what is longer was not written by hand."""
RATE_NAMES = ("sample_rate", "SAMPLE_RATE")
ABSTRACT = {"ABC", "Protocol"}

Function = ast.FunctionDef | ast.AsyncFunctionDef


class Speaker(NamedTuple):
    """A class or function that a text can be handed to."""

    spec: str
    """`module:callable`."""
    method: str
    """By which it speaks; the name of a function itself."""
    has_rate: bool
    """Whether a sample rate is to be seen beside it."""
    required: tuple[str, ...]
    """What it has to be called with, besides the text."""
    folder: str
    """From which its module is imported: a path within the project."""

    @property
    def unlikeliness(self) -> tuple[bool, int, int, int, str]:
        """The smaller, the likelier is it that this is meant."""
        rank = len(METHODS)
        if self.method in METHODS:
            rank = METHODS.index(self.method)
        return not self.has_rate, len(self.required), rank, self.spec.count("."), self.spec


def find_speakers(project: Path, module: str | None = None) -> list[Speaker]:
    """Everything in a project's files that looks as if it spoke, the likeliest first.

    With `module` only what is in that module, or below that package.
    """
    found: list[Speaker] = []
    for folder in SOURCE_FOLDERS:
        root = project / folder
        for path in islice(_python_files(root), MOST_FILES):
            name = _module_name(path.relative_to(root))
            if name and (module is None or f"{name}.".startswith(f"{module}.")):
                found += _speakers_of(path, name, folder)
    return sorted(found, key=lambda speaker: speaker.unlikeliness)


def _python_files(root: Path) -> Iterator[Path]:
    """The modules in a folder and in the packages below it, tests and tools left out."""
    for place, folders, names in os.walk(root):
        folder = Path(place)
        depth = len(folder.relative_to(root).parts)
        folders[:] = [name for name in sorted(folders) if _is_package(folder / name)]
        if depth == DEPTH:
            folders.clear()
        for name in sorted(names):
            if _is_module(name):
                yield folder / name


def _is_package(folder: Path) -> bool:
    """Whether a folder is a package on purpose, and no virtual environment or the like."""
    name = folder.name
    if not name.isidentifier() or name in SKIPPED_FOLDERS:
        return False
    return (folder / "__init__.py").exists()


def _is_module(name: str) -> bool:
    stem = name.removesuffix(".py")
    if stem == name or not stem.isidentifier():
        return False
    return name not in SKIPPED_FILES and not name.startswith("test_")


def _module_name(inside: Path) -> str:
    parts = inside.with_suffix("").parts
    if parts[-1] == "__init__":
        parts = parts[:-1]
    return ".".join(parts)


def _speakers_of(path: Path, module: str, folder: str) -> Iterator[Speaker]:
    """What speaks in a file; nothing of one that cannot be read."""
    try:
        if path.stat().st_size > MOST_BYTES:
            return
        tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError):
        return
    has_rate = _binds_rate(tree.body)
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            method = _speaking_method(node)
            required = _required_of_class(node)
            is_rate_seen = has_rate or _binds_rate(ast.walk(node))
        elif isinstance(node, Function):
            method = _speaking_function(node)
            required = _required(node)[1:]
            is_rate_seen = has_rate
        else:
            continue
        if method is not None and not node.name.startswith("_"):
            spec = f"{module}:{node.name}"
            yield Speaker(spec, method, is_rate_seen, required, folder)


def _speaking_method(node: ast.ClassDef) -> str | None:
    """The first of METHODS that a class defines, if it takes a text and needs nothing else."""
    bases = {ast.unparse(base).partition("[")[0].rpartition(".")[2] for base in node.bases}
    if bases & ABSTRACT:  # it only says what others have to offer
        return None
    methods = {each.name: each for each in node.body if isinstance(each, Function)}
    for name in METHODS:
        if name in methods and len(_required(methods[name])) == 2:
            return name
    return None


def _speaking_function(node: Function) -> str | None:
    """Its name, if it takes a text and yields something for it."""
    required = _required(node)
    if not required or required[0] not in TEXT_NAMES:
        return None
    if any(isinstance(each, ast.Yield | ast.YieldFrom) for each in ast.walk(node)):
        return node.name
    return None


def _required_of_class(node: ast.ClassDef) -> tuple[str, ...]:
    """What its constructor has to be called with."""
    for each in node.body:
        if isinstance(each, ast.FunctionDef) and each.name == "__init__":
            return _required(each)[1:]
    return ()


def _required(function: Function) -> tuple[str, ...]:
    """The parameters without a default, `self` among them."""
    arguments = function.args
    positional = [*arguments.posonlyargs, *arguments.args]
    count = len(positional) - len(arguments.defaults)
    names = [each.arg for each in positional[:count]]
    for each, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        if default is None:
            names.append(each.arg)
    return tuple(names)


def _binds_rate(nodes: Iterable[ast.AST]) -> bool:
    """Whether a sample rate is bound, or is a property, among these nodes."""
    for node in nodes:
        targets: list[ast.expr] = []
        if isinstance(node, ast.FunctionDef) and node.name in RATE_NAMES:
            return True
        if isinstance(node, ast.AnnAssign):
            targets = [node.target]
        if isinstance(node, ast.Assign):
            targets = node.targets
        for target in targets:
            name = getattr(target, "id", None) or getattr(target, "attr", None)
            if name in RATE_NAMES:
                return True
    return False
