"""What a tree holds, and what of the running tree an old one lacks: looked at when one fails."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal, NamedTuple

from pytest_ttsperf import git
from pytest_ttsperf.compare.checkout import large_files
from pytest_ttsperf.compare.checkout.git_paths import parse_paths

LEFT_OUT = frozenset({".git", "__pycache__", "node_modules", "site-packages"})
NOT_DATA = re.compile(
    r"(^|/)(\.[^/]*|__pycache__|artifacts|baselines|build|dist|s?env|venv|node_modules|[^/]*\.egg-info)/?$"
)
"""Names of what is ignored in most projects and holds no models."""
NOT_THE_ENGINE = (
    "**/test_*.py", "**/*_test.py", "**/tests/**", "**/conftest.py", "**/*.ini", "**/*.cfg",
    "**/pyproject.toml", "**/*.md", "**/*.rst", "**/*.txt", "**/*.yml", "**/*.yaml",
)  # fmt: skip
"""Files that may name a voice which the engine does not have."""
QUOTED = re.compile(r"""['"]([^'"\n]+)['"]""")
BARE = re.compile(r"""[^\s'"(),;<>\[\]{}=]+""")
NO_MODULE = re.compile(r"No module named '?([\w.]+)")
MODULE_ENDS = (".py", "/*.py", ".*so", ".*pyd")
"""Behind a module's name, as patterns of its files."""
CODE_ENDS = (".py", ".so", ".pyd")
WHOLE_WORD = ("-q", "-F", "-w", "-e")
"""Options of git grep that only ask whether a word is there by itself."""
Kind = Literal["ignored", "untracked", "tracked", "pointer"]


class Missing(NamedTuple):
    """A file or folder that the running tree has and the old one has not, by path in both."""

    path: str
    kind: Kind
    """What it is to git in the running tree; or what stands in its place in the old one."""


def list_module_files(folder: Path, module: str) -> list[str]:
    """Files of a tree that could be a module, wherever in it they are; also those left out."""
    tail = re.escape(module.replace(".", "/"))
    pattern = re.compile(rf"(^|/){tail}(\.py|/[^/]+\.py|\.([^/]*\.)?(so|pyd))$")
    return sorted(set(filter(pattern.search, _list_paths(folder))))


def list_ignored_module_files(project: Path, module: str) -> list[str]:
    """Files of the running tree that could be a module, and are ignored by git."""
    tail = module.replace(".", "/")
    patterns = [f":(glob)**/{tail}{end}" for end in MODULE_ENDS]
    paths = _list_ignored(project, "--", *patterns)
    return sorted(path for path in paths if LEFT_OUT.isdisjoint(Path(path).parts))


def list_ignored_code(project: Path) -> list[str]:
    """Files that Python may import from the running tree and that git ignores, by path.

    Built extensions and generated modules; nothing in what is no code of the project by its name.
    """
    patterns = [f":(glob)**/*{end}" for end in CODE_ENDS]
    found = []
    for path in _list_ignored(project, "--", *patterns):
        folders = [parent.as_posix() for parent in Path(path).parents]
        is_elsewhere = any(NOT_DATA.search(folder) for folder in folders if folder != ".")
        if not is_elsewhere and LEFT_OUT.isdisjoint(Path(path).parts):
            found.append(path)
    return sorted(found)


def has_word(folder: Path, word: str) -> bool:
    """Whether a word is in any file of a tree, or in a file's name; True where it cannot be told.

    `word` begins and ends with no letter beside it: `amy` is in `amy-low.onnx`, not in `amygdala`.
    """
    if any(mentions(path, word) for path in _list_paths(folder)):
        return True
    found = git.run(folder, "grep", "--no-index", *WHOLE_WORD, word, "--", ".")
    return found.code != 1


def engine_has_word(project: Path, word: str) -> bool:
    """Whether a word is in the running tree's files that git does not ignore, tests left out.

    False outside of a repository.
    """
    left_out = [f":(exclude,glob){pattern}" for pattern in NOT_THE_ENGINE]
    where = ("--", ".", *left_out)
    tracked = parse_paths(git.output(project, "ls-files", "-z", *where))
    if any(mentions(path, word) for path in tracked):
        return True
    found = git.run(project, "grep", "--untracked", *WHOLE_WORD, word, *where)
    return found.code == 0


def mentions(text: str, word: str) -> bool:
    """Whether a text has a word by itself."""
    return re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text) is not None


def find_missing(
    project: Path,
    folder: Path,
    text: str,
    bases: Iterable[Path],
) -> list[Missing]:
    """What an error names that the running tree has and the old one lacks.

    Relative names count from `bases`, which are folders of the running tree.
    """
    top = project.resolve()
    inner = [base.resolve() for base in bases if base.resolve().is_relative_to(top)]
    paths: set[str] = set()
    for name in _possible_names(text):
        paths.update(_paths_of_name(name, top, folder, inner))
    for name in NO_MODULE.findall(text):
        paths.update(_paths_of_module(name, top, inner))
    found: list[Missing] = []
    # Of a folder and a file in it, the file says more: it comes first.
    for path in sorted(paths, reverse=True):
        kind = _missing_kind(project, folder, path)
        if kind is not None and not any(one.path.startswith(f"{path}/") for one in found):
            found.append(Missing(path, kind))
    return found[::-1]


def list_ignored_data(project: Path) -> list[str]:
    """Files and folders at the top of what git ignores, but for what is no data by its name."""
    paths = _list_ignored(project, "--directory")
    return [path for path in paths if not NOT_DATA.search(path) and not path.endswith(".pyc")]


def _list_ignored(project: Path, *arguments: str) -> list[str]:
    kinds = ("--others", "--ignored", "--exclude-standard")
    return parse_paths(git.output(project, "ls-files", "-z", *kinds, *arguments))


def _list_paths(folder: Path) -> Iterator[str]:
    for place, names, files in os.walk(folder):
        names[:] = set(names) - LEFT_OUT
        inside = Path(place).relative_to(folder)
        yield from ((inside / name).as_posix() for name in files)
    if (folder / ".git").exists():  # what a sparse checkout leaves out is in the version too
        yield from parse_paths(git.output(folder, "ls-files", "-z"))


def _possible_names(text: str) -> set[str]:
    """Whatever could be a path."""
    names = set(QUOTED.findall(text))
    names.update(name.rstrip(".:!") for name in BARE.findall(text))
    return {name for name in names if name.strip("./~")}


def _paths_of_name(
    name: str,
    top: Path,
    folder: Path,
    bases: list[Path],
) -> Iterator[str]:
    """Paths in the project, which begins at `top`, that a name may stand for."""
    for place in (folder, folder.resolve()):
        if name.startswith(f"{place}/"):
            yield os.path.relpath(name, place)
    if os.path.isabs(name):
        return
    for base in bases:
        place = Path(os.path.normpath(base / name))
        if place != top and place.is_relative_to(top):
            yield place.relative_to(top).as_posix()


def _paths_of_module(
    name: str,
    top: Path,
    bases: list[Path],
) -> Iterator[str]:
    tail = name.replace(".", "/")
    for base in bases:
        for pattern in (f"{tail}.py", f"{tail}.*so", f"{tail}.*pyd", f"{tail}/__init__.py"):
            for place in base.glob(pattern):
                yield place.relative_to(top).as_posix()


def _missing_kind(
    project: Path,
    folder: Path,
    path: str,
) -> Kind | None:
    """None for what the running tree lacks, or the old one has."""
    try:
        if not (project / path).exists():
            return None
        if (folder / path).exists():
            is_pointer = large_files.read_pointer(folder / path) is not None
            is_here = large_files.read_pointer(project / path) is None
            return "pointer" if is_pointer and is_here else None
    except OSError:  # too long for a name, or not for us to see
        return None
    if git.output(project, "ls-files", "-z", "--", f":(literal){path}"):
        return "tracked"
    if git.run(project, "check-ignore", "-q", "--", path).code == 0:
        return "ignored"
    return "untracked"
