"""What in a project's Python files speaks: read from their syntax, nothing is imported or run."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from pytest_ttsperf.targets.python.calling import METHODS, TEXT_NAMES

SKIPPED_FOLDERS = {
    "__pycache__", "artifacts", "benchmarks", "build", "dist", "docs", "env", "examples",
    "node_modules", "scripts", "site-packages", "test", "tests", "tools", "venv",
}  # fmt: skip
SKIPPED_FILES = ("conftest.py", "noxfile.py", "setup.py")
SOURCE_FOLDERS = (".", "src")
"""Where packages lie in a project, in this order."""
MOST_FILES = 500
MOST_BYTES = 2**20
DEPTH = 3
RATE_NAMES = ("sample_rate", "SAMPLE_RATE")


class Speaker(NamedTuple):
    """A class or function that a text can be handed to."""

    spec: str
    """`module:callable`."""
    method: str
    """By which it speaks; a function's own name."""
    has_rate: bool
    """Whether its sample rate is to be seen beside it."""
    required: tuple[str, ...]
    """What it wants to be called with, besides the text."""
    folder: str
    """From which its module is imported: a path within the project."""

    @property
    def unlikeliness(self) -> tuple[bool, int, int, int, str]:
        """The smaller, the likelier is it that this is meant."""
        method = METHODS.index(self.method) if self.method in METHODS else len(METHODS)
        return not self.has_rate, len(self.required), method, self.spec.count("."), self.spec


def find_speakers(project: Path, module: str | None = None) -> list[Speaker]:
    """Everything in a project's own files that looks as if it spoke, the likeliest first.

    With `module` only what is in that module, or below that package.
    """
    found: list[Speaker] = []
    for folder in SOURCE_FOLDERS:
        for path in _python_files(project / folder, is_source=folder != "."):
            name = _module_name(path.relative_to(project / folder))
            if module is None or f"{name}.".startswith(f"{module}."):
                found += _speakers_of(path, name, folder)
    return sorted(found, key=lambda speaker: speaker.unlikeliness)


def _python_files(folder: Path, *, is_source: bool) -> Iterator[Path]:
    """Modules in a folder and in the packages below it, a few hundred at most."""
    count = 0
    for path in sorted(folder.rglob("*.py")):
        inside = path.relative_to(folder)
        if not _is_importable(folder, inside, is_source=is_source):
            continue
        yield path
        count += 1
        if count == MOST_FILES:
            return


def _is_importable(folder: Path, inside: Path, *, is_source: bool) -> bool:
    """Whether a file is a module of the project itself, and no test or tool of it."""
    if inside.name in SKIPPED_FILES or inside.name.startswith("test_"):
        return False
    parents = inside.parts[:-1]
    if len(parents) > DEPTH or not all(part.isidentifier() for part in parents):
        return False
    if parents and not is_source and parents[0] == "src":
        return False
    if SKIPPED_FOLDERS.intersection(parents):
        return False
    if not inside.stem.isidentifier():
        return False
    # A folder without __init__.py is no package that anybody imports on purpose.
    return all(
        (folder.joinpath(*parents[:end]) / "__init__.py").exists()
        for end in range(1, len(parents) + 1)
    )


def _module_name(inside: Path) -> str:
    parts = inside.with_suffix("").parts
    if parts[-1] == "__init__" and len(parts) > 1:
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
    has_rate = _names_rate(tree.body)
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            method = _speaking_method(node)
            if method is not None and not _is_abstract(node):
                yield Speaker(
                    spec=f"{module}:{node.name}",
                    method=method,
                    has_rate=has_rate or _names_rate(ast.walk(node)),
                    required=_required_of_class(node),
                    folder=folder,
                )
        elif _is_speaking_function(node):
            assert isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            yield Speaker(
                spec=f"{module}:{node.name}",
                method=node.name,
                has_rate=has_rate,
                required=_required(node.args)[1:],
                folder=folder,
            )


def _speaking_method(node: ast.ClassDef) -> str | None:
    """The first of METHODS that the class defines, if it takes a text and needs nothing else."""
    methods = {
        each.name: each
        for each in node.body
        if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    for name in METHODS:
        if name in methods and len(_required(methods[name].args)) == 2:
            return name
    return None


def _is_abstract(node: ast.ClassDef) -> bool:
    """Whether it only says what others have to offer."""
    bases = {ast.unparse(base).rpartition(".")[2].partition("[")[0] for base in node.bases}
    return bool(bases & {"Protocol", "ABC"})


def _required_of_class(node: ast.ClassDef) -> tuple[str, ...]:
    """What its constructor wants."""
    for each in node.body:
        if isinstance(each, ast.FunctionDef) and each.name == "__init__":
            return _required(each.args)[1:]
    return ()


def _is_speaking_function(node: ast.AST) -> bool:
    """Whether a function yields or returns something for a text that it takes first."""
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or node.name.startswith("_"):
        return False
    required = _required(node.args)
    if not required or required[0] not in TEXT_NAMES:
        return False
    return any(isinstance(each, ast.Yield | ast.YieldFrom) for each in ast.walk(node))


def _required(arguments: ast.arguments) -> tuple[str, ...]:
    """The parameters without a default, `self` among them."""
    positional = [*arguments.posonlyargs, *arguments.args]
    count = len(positional) - len(arguments.defaults)
    names = [each.arg for each in positional[:count]]
    for each, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        if default is None:
            names.append(each.arg)
    return tuple(names)


def _names_rate(nodes: object) -> bool:
    """Whether a sample rate is bound, or is a property, among these nodes."""
    for node in nodes:  # type: ignore[attr-defined]
        if isinstance(node, ast.FunctionDef) and node.name in RATE_NAMES:
            return True
        if isinstance(node, ast.AnnAssign):
            targets = [node.target]
        elif isinstance(node, ast.Assign):
            targets = node.targets  # type: ignore[assignment]
        else:
            continue
        for target in targets:
            name = getattr(target, "id", None) or getattr(target, "attr", None)
            if name in RATE_NAMES:
                return True
    return False
