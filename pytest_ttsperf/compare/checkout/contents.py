"""What a tree holds, and what of the running tree an old one lacks: looked at when one fails."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal, NamedTuple

from pytest_ttsperf import git
from pytest_ttsperf.compare.checkout import large_files

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
Kind = Literal["ignored", "untracked", "tracked", "pointer"]


class Missing(NamedTuple):
    """A file or folder that the running tree has and the old one has not, by path in both."""

    path: str
    kind: Kind
    """What it is to git in the running tree; or what stands in its place in the old one."""


def module_files(folder: Path, module: str) -> list[str]:
    """Files of a tree that could be a module, wherever in it they are; also those left out."""
    tail = re.escape(module.replace(".", "/"))
    pattern = re.compile(rf"(^|/){tail}(\.py|/[^/]+\.py|\.([^/]*\.)?(so|pyd))$")
    return sorted({path for path in _paths(folder) if pattern.search(path)})


def list_ignored_module_files(project: Path, module: str) -> list[str]:
    """Files of the running tree that could be a module, and are ignored by git."""
    tail = module.replace(".", "/")
    patterns = [f":(glob)**/{tail}{end}" for end in (".py", "/*.py", ".*so", ".*pyd")]
    listed = git.output(
        project, "ls-files", "-z", "--others", "--ignored", "--exclude-standard", "--", *patterns
    )
    paths = (path for path in (listed or "").split("\0") if path)
    return sorted(path for path in paths if LEFT_OUT.isdisjoint(Path(path).parts))


def has_word(folder: Path, word: str) -> bool:
    """Whether a word is in any file of a tree, or in a file's name; True where it cannot be told.

    `word` begins and ends with no letter beside it: `amy` is in `amy-low.onnx`, not in `amygdala`.
    """
    if any(mentions(path, word) for path in _paths(folder)):
        return True
    found = git.run(folder, "grep", "--no-index", "-q", "-F", "-w", "-e", word, "--", ".")
    return found.code != 1


def engine_has_word(project: Path, word: str) -> bool:
    """Whether a word is in the running tree's files that git does not ignore, tests left out.

    False outside of a repository.
    """
    left_out = [f":(exclude,glob){pattern}" for pattern in NOT_THE_ENGINE]
    where = ("--", ".", *left_out)
    listed = git.output(project, "ls-files", "-z", *where) or ""
    if any(mentions(path, word) for path in listed.split("\0")):
        return True
    return git.run(project, "grep", "--untracked", "-q", "-F", "-w", "-e", word, *where).code == 0


def mentions(text: str, word: str) -> bool:
    """Whether a text has a word by itself."""
    return re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text) is not None


def find_missing(project: Path, folder: Path, text: str, bases: Iterable[Path]) -> list[Missing]:
    """What an error names that the running tree has and the old one lacks.

    Relative names count from `bases`, which are folders of the running tree.
    """
    places = [base.resolve() for base in bases if base.resolve().is_relative_to(project.resolve())]
    paths = {path for name in _names(text) for path in _inside(name, project, folder, places)}
    paths |= {path for name in NO_MODULE.findall(text) for path in _modules(name, places, project)}
    every = ((path, _kind(project, folder, path)) for path in sorted(paths))
    found = [Missing(path, kind) for path, kind in every if kind is not None]
    return [one for one in found if not any(_is_above(one, other) for other in found)]


def list_ignored_data(project: Path) -> list[str]:
    """Files and folders at the top of what git ignores, but for what is no data by its name."""
    listed = git.output(
        project, "ls-files", "-z", "--others", "--ignored", "--exclude-standard", "--directory"
    )
    paths = [path for path in (listed or "").split("\0") if path]
    return [path for path in paths if not NOT_DATA.search(path) and not path.endswith(".pyc")]


def _paths(folder: Path) -> Iterator[str]:
    for place, names, files in os.walk(folder):
        names[:] = [name for name in names if name not in LEFT_OUT]
        yield from ((Path(place) / name).relative_to(folder).as_posix() for name in files)
    if (folder / ".git").exists():  # what a sparse checkout leaves out is in the version too
        yield from filter(None, (git.output(folder, "ls-files", "-z") or "").split("\0"))


def _names(text: str) -> set[str]:
    """Whatever could be a path."""
    bare = (name.rstrip(".:!") for name in BARE.findall(text))
    return {name for name in (*QUOTED.findall(text), *bare) if name.strip("./~")}


def _inside(name: str, project: Path, folder: Path, bases: list[Path]) -> Iterator[str]:
    """Paths in the project that a name may stand for."""
    for top in (folder, folder.resolve()):
        if name.startswith(f"{top}/"):
            yield os.path.relpath(name, top)
    if not os.path.isabs(name):
        for base in bases:
            place = Path(os.path.normpath(base / name))
            if place != project.resolve() and place.is_relative_to(project.resolve()):
                yield place.relative_to(project.resolve()).as_posix()


def _modules(name: str, bases: list[Path], project: Path) -> Iterator[str]:
    tail = name.replace(".", "/")
    for base in bases:
        for pattern in (f"{tail}.py", f"{tail}.*so", f"{tail}.*pyd", f"{tail}/__init__.py"):
            for place in base.glob(pattern):
                yield place.relative_to(project.resolve()).as_posix()


def _kind(project: Path, folder: Path, path: str) -> Kind | None:
    """None for what the running tree lacks, or the old one has."""
    try:
        if not (project / path).exists():
            return None
        if (folder / path).exists():
            return _pointer_kind(project, folder, path)
    except OSError:  # too long for a name, or not for us to see
        return None
    if git.output(project, "ls-files", "-z", "--", f":(literal){path}"):
        return "tracked"
    if git.run(project, "check-ignore", "-q", "--", path).code == 0:
        return "ignored"
    return "untracked"


def _pointer_kind(project: Path, folder: Path, path: str) -> Kind | None:
    is_pointer = large_files.pointer(folder / path) is not None
    is_here = large_files.pointer(project / path) is None
    return "pointer" if is_pointer and is_here else None


def _is_above(one: Missing, other: Missing) -> bool:
    return other.path.startswith(f"{one.path}/")
