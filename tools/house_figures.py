"""How the product code reads: `python tools/house_figures.py [--room NAME] [COMMIT ...]`.

Without a commit the working tree is read; each further commit is a column beside it, so that a
change of the house can be shown side by side. `--room engine/server` reads one folder alone, or one
file, and names its densest lines.

- A *code line* has a token that is no comment and no docstring; *tokens* are those of Python's
  `tokenize`, without layout.
- A *decision* is what McCabe's complexity counts: if, for, while, except, a case, a conditional
  expression, `and`/`or`, and each `for` and `if` of a comprehension.
- A *participle* is a function named by a past participle: `checked`, `spoken`, and not `check`.
"""

from __future__ import annotations

import argparse
import ast
import io
import itertools
import re
import subprocess
import sys
import tempfile
import tokenize
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence, Set
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("engine", "pytest_ttsperf")
LAYOUT = {
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.COMMENT,
    tokenize.ENCODING,
    tokenize.ENDMARKER,
}
IRREGULAR = {
    "told", "heard", "spoken", "kept", "made", "asked", "given", "known", "taken", "found", "seen",
    "built", "left", "sent", "held", "split", "drawn", "written", "read_out", "shown", "grown",
    "begun", "lost", "said", "worn", "frozen",
}  # fmt: skip
VERBS_IN_ED = {"feed", "need", "seed", "embed", "speed", "proceed", "exceed", "read"}
FEATURES = {
    "an A/B comparison": re.compile(r"\.(against|comparing|compare\.\w+)$"),
    "stored baselines": re.compile(r"\.(keeping|accepting|pruning|judge\.baseline|baseline\.\w+)$"),
}
"""Modules by which a feature is entered, before and after it got a room of its own."""


class Code:
    """One file of product code, read once."""

    def __init__(self, path: Path, root: Path) -> None:
        self.name = ".".join(part for part in path.relative_to(root).with_suffix("").parts)
        self.name = self.name.removesuffix(".__init__")
        self.is_package = path.name == "__init__.py"
        self.source = path.read_text(encoding="utf-8")
        self.tree = ast.parse(self.source)

    @cached_property
    def docstring_lines(self) -> set[int]:
        """Lines of texts that stand by themselves: docstrings, and those below a constant."""
        lines: set[int] = set()
        for node in ast.walk(self.tree):
            if not isinstance(node, ast.Expr) or not isinstance(node.value, ast.Constant):
                continue
            if isinstance(node.value.value, str):
                lines.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
        return lines

    @cached_property
    def tokens_by_line(self) -> Counter[int]:
        """Line -> its tokens."""
        found: Counter[int] = Counter()
        for token in tokenize.generate_tokens(io.StringIO(self.source).readline):
            if token.type not in LAYOUT and token.start[0] not in self.docstring_lines:
                found[token.start[0]] += 1
        return found

    @cached_property
    def decisions(self) -> int:
        """McCabe's, without the one of each function."""
        return sum(decisions_of(node) for node in ast.walk(self.tree))

    @cached_property
    def ternaries(self) -> int:
        return sum(isinstance(node, ast.IfExp) for node in ast.walk(self.tree))

    @cached_property
    def functions(self) -> list[str]:
        """Names of functions and methods; properties are values and do not count."""
        names = []
        for node in ast.walk(self.tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not is_property(node):
                names.append(node.name)
        return names

    @cached_property
    def classes(self) -> list[str]:
        return [node.name for node in ast.walk(self.tree) if isinstance(node, ast.ClassDef)]

    def imports(self, names: Mapping[str, Code]) -> Iterator[tuple[str, bool]]:
        """Modules among `names` that it imports, and whether inside a function."""
        late = self._late_nodes()
        for node in ast.walk(self.tree):
            if isinstance(node, ast.ImportFrom):
                base = self._base_of(node)
                for alias in node.names:
                    longer = f"{base}.{alias.name}"
                    wanted = longer if longer in names else base
                    if wanted in names and wanted != self.name:
                        yield wanted, id(node) in late

    def _late_nodes(self) -> set[int]:
        """The identities of all nodes inside functions."""
        late: set[int] = set()
        for node in ast.walk(self.tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                late.update(id(child) for child in ast.walk(node))
        return late

    def _base_of(self, node: ast.ImportFrom) -> str:
        if not node.level:
            return node.module or ""
        parts = self.name.split(".")
        up = node.level - 1 if self.is_package else node.level
        base = parts[: len(parts) - up]
        return ".".join([*base, node.module] if node.module else base)


def decisions_of(node: ast.AST) -> int:
    """How many ways a node adds."""
    if isinstance(node, ast.BoolOp):
        return len(node.values) - 1
    if isinstance(node, ast.comprehension):
        return 1 + len(node.ifs)
    kinds = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.ExceptHandler, ast.IfExp, ast.match_case)
    return int(isinstance(node, kinds))


def is_property(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return any("property" in ast.dump(decorator) for decorator in node.decorator_list)


def is_participle(name: str) -> bool:
    first = name.strip("_").split("_")[0]
    if first in VERBS_IN_ED:
        return False
    return first in IRREGULAR or (first.endswith("ed") and len(first) > 3)


def longest_chain(graph: Mapping[str, set[str]]) -> int:
    """Modules in the longest way of imports, each circle taken for one module."""
    reach = {name: reachable(graph, name) for name in graph}
    length: dict[str, int] = {}
    # Who imports a circle reaches as many as its members do, and comes after them.
    order = sorted(graph, key=lambda name: (len(reach[name]), name not in reach[name]))
    for name in order:
        behind = [length[other] for other in reach[name] if name not in reach[other]]
        length[name] = 1 + max(behind, default=0)
    return max(length.values(), default=0)


def modules_of_feature(graph: Mapping[str, set[str]], entries: re.Pattern[str]) -> set[str]:
    """The entries, and what nothing else leads to: what would go if the feature went."""
    inside = {name for name in graph if entries.search(name)}
    left = {name: wanted - inside for name, wanted in graph.items() if name not in inside}
    imported = {wanted for wanted_names in graph.values() for wanted in wanted_names}
    doors = left.keys() - imported
    return reachable_from(graph, inside) - reachable_from(left, doors)


def reachable_from(graph: Mapping[str, set[str]], starts: Set[str]) -> set[str]:
    """The starts, and all that they lead to."""
    found = set(starts)
    for start in starts:
        found |= reachable(graph, start)
    return found


def circles(graph: Mapping[str, set[str]]) -> int:
    """Strongly connected components of more than one module."""
    reach = {name: reachable(graph, name) for name in graph}
    groups = set()
    for name in graph:
        if name in reach[name]:
            groups.add(frozenset(other for other in reach[name] if name in reach[other]))
    return len(groups)


def reachable(graph: Mapping[str, set[str]], start: str) -> set[str]:
    found: set[str] = set()
    waiting = list(graph[start])
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += graph[name]
    return found


def figures(root: Path, folder: str | None = None) -> dict[str, float]:
    """All figures of one tree."""
    codes = read(root, folder)
    graph = graph_of(codes)
    found = figures_of_text(list(codes.values()))
    found |= figures_of_imports(codes, graph)
    for label, entries in FEATURES.items():
        names = modules_of_feature(graph, entries)
        found[f"files of {label}"] = len(names)
        folders = {name.split(".checkout")[0].rpartition(".")[0] for name in names}
        found[f"folders of {label}"] = len(folders)
    readme = root / "README.md"
    if folder is None and readme.exists():
        found["README, words"] = len(readme.read_text(encoding="utf-8").split())
    return found


def figures_of_text(codes: Sequence[Code]) -> dict[str, float]:
    """How dense the lines are, and how things are named."""
    tokens = sum(code.tokens_by_line.total() for code in codes)
    lines = sum(len(code.tokens_by_line) for code in codes)
    functions = list(itertools.chain(*(code.functions for code in codes)))
    classes = Counter(itertools.chain(*(code.classes for code in codes)))
    decisions = sum(code.decisions for code in codes)
    ternaries = sum(code.ternaries for code in codes)
    return {
        "files": len(codes),
        "code lines": lines,
        "tokens": tokens,
        "tokens a code line": tokens / lines,
        "decisions in 100 lines": 100 * decisions / lines,
        "ternaries in 100 lines": 100 * ternaries / lines,
        "participle names, %": 100 * sum(map(is_participle, functions)) / max(1, len(functions)),
        "class names defined twice": sum(count > 1 for count in classes.values()),
    }


def graph_of(codes: Mapping[str, Code]) -> dict[str, set[str]]:
    """Each module with those that it imports."""
    graph: dict[str, set[str]] = {}
    for name, code in codes.items():
        graph[name] = {wanted for wanted, _ in code.imports(codes)}
    return graph


def figures_of_imports(
    codes: Mapping[str, Code], graph: Mapping[str, set[str]]
) -> dict[str, float]:
    """How modules hang together."""
    importers = Counter(wanted for wanted_names in graph.values() for wanted in wanted_names)
    return {
        "circles of imports": circles(graph),
        "late imports": sum(late for code in codes.values() for _, late in code.imports(codes)),
        "modules with one importer": sum(count == 1 for count in importers.values()),
        "longest chain of imports": longest_chain(graph),
    }


def read(root: Path, folder: str | None) -> dict[str, Code]:
    """The code of both packages, or what of it lies in one folder or file."""
    paths: list[Path] = []
    for package in PACKAGES:
        paths += sorted((root / package).rglob("*.py"))
    inside = root / (folder or "")
    paths = [path for path in paths if path.is_relative_to(inside)]
    if not paths:
        sys.exit(f"found no Python below {inside}, wanted one of {', '.join(PACKAGES)}")
    codes = (Code(path, root) for path in paths)
    return {code.name: code for code in codes}


def check_out(commit: str, place: Path) -> Path:
    """The files of a commit, in a folder."""
    archive = subprocess.run(
        ["git", "-C", str(ROOT), "archive", commit], check=True, capture_output=True
    )
    subprocess.run(["tar", "-x", "-C", str(place)], input=archive.stdout, check=True)
    return place


def print_densest(root: Path, folder: str, count: int = 25) -> None:
    """The lines with the most tokens, and functions named by a participle."""
    dense: list[tuple[int, str, int, str]] = []
    for code in read(root, folder).values():
        text = code.source.splitlines()
        for line, tokens in code.tokens_by_line.items():
            dense.append((tokens, code.name, line, text[line - 1].strip()))
        names = [name for name in code.functions if is_participle(name)]
        if names:
            print(f"{code.name}: named by participles: {', '.join(names)}")
    for tokens, name, line, shown in sorted(dense, reverse=True)[:count]:
        print(f"{tokens:3} {name}:{line}  {shown}")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("commits", nargs="*", help="to show beside the working tree")
    parser.add_argument("--room", help="one folder or file alone, as engine/server")
    options = parser.parse_args()
    if options.room:
        print_densest(ROOT, options.room)
    columns = {}
    for commit in options.commits:
        with tempfile.TemporaryDirectory() as place:
            columns[commit[:10]] = figures(check_out(commit, Path(place)), options.room)
    columns["working tree"] = figures(ROOT, options.room)
    print_columns(columns)


def print_columns(columns: Mapping[str, Mapping[str, float]]) -> None:
    """Side by side, by the rows of the working tree."""
    print(f"{'':38}" + "".join(f"{label:>14}" for label in columns))
    for label in columns["working tree"]:
        cells = [f"{column.get(label, float('nan')):14,.4g}" for column in columns.values()]
        if label in ("tokens", "code lines"):
            cells = [f"{column.get(label, 0):14,.0f}" for column in columns.values()]
        print(f"{label:38}" + "".join(cells))


if __name__ == "__main__":
    main()
