"""Files that git does not have, taken over from the running tree into an old one.

Models are often ignored by git: an old version without them does not open. What is copied is the
running version's, so both versions are measured with the same files. A file that the old tree has
already is never written over.
"""

from __future__ import annotations

import glob
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from pytest_ttsperf import git
from pytest_ttsperf.compare.checkout.git_paths import parse_paths
from pytest_ttsperf.compare.wording import list_some
from pytest_ttsperf.errors import RevisionError

OPTION = "--ttsperf-against-copy"
LEFT_OUT = frozenset({".git", "__pycache__"})
SHOWN_FILES = 3


class State(NamedTuple):
    """What a file is recognised by without reading it."""

    size: int
    mtime_ns: int


def state_of(path: Path) -> State:
    """Of a file, or of a link and not of what it leads to. OSError."""
    found = path.lstat()
    return State(found.st_size, found.st_mtime_ns)


def choose(
    top: Path,
    rootdir: Path,
    patterns: Sequence[str],
    *,
    outside: Path,
) -> dict[str, State]:
    """The files that the patterns match and git does not track, by path below `top`.

    Patterns are relative to `rootdir`; a folder stands for all in it. Nothing in `outside` is
    copied. RevisionError for a pattern that matches no such file.
    """
    if not patterns:
        return {}
    tracked = set(parse_paths(git.require(top, "ls-files", "-z", "--recurse-submodules")))
    files: dict[str, State] = {}
    for pattern in patterns:
        matches = dict(_find_matches(top, rootdir, pattern, outside))
        untracked = {path: state for path, state in matches.items() if path not in tracked}
        if not untracked:
            found = "nothing"
            if matches:
                found = "only files that git tracks, which every version has its own of"
            raise RevisionError(
                f"{OPTION}={pattern}: found {found} in {rootdir}, wanted "
                "files of the running tree that git ignores or does not track; correct the "
                "pattern, which is relative to that folder, or leave it out"
            )
        files.update(untracked)
    return files


def lay(
    top: Path,
    folder: Path,
    files: Mapping[str, State],
) -> dict[str, State]:
    """Copy files into a tree, but for those it has. RevisionError when one cannot be copied."""
    copied = [path for path in sorted(files) if _copy(top, folder, path)]
    return {path: state_of(folder / path) for path in copied}


def text(files: Mapping[str, State]) -> str:
    """How many, how large, and the first of them."""
    size_mb = sum(state.size for state in files.values()) / 1e6
    return f"{list_some(sorted(files), SHOWN_FILES)} ({size_mb:.3g} MB)"


def _find_matches(
    top: Path,
    rootdir: Path,
    pattern: str,
    outside: Path,
) -> Iterator[tuple[str, State]]:
    for match in glob.glob(pattern, root_dir=rootdir, recursive=True, include_hidden=True):
        place = Path(os.path.normpath(rootdir / match))
        if not place.is_relative_to(top):
            raise RevisionError(
                f"{OPTION}={pattern}: found {place}, which is outside of the repository at {top}; "
                "only what is in it has a place in the old tree. Both versions see the same file "
                "there anyway"
            )
        for file in list_files(place):
            path = file.relative_to(top)
            if not file.is_relative_to(outside) and LEFT_OUT.isdisjoint(path.parts):
                yield path.as_posix(), state_of(file)


def list_files(place: Path) -> Iterator[Path]:
    """A file or link by itself, or all in a folder but for what git and Python keep there."""
    if place.is_symlink() or not place.is_dir():
        yield place
        return
    for folder, names, files in os.walk(place):
        names[:] = set(names) - LEFT_OUT
        yield from map(Path(folder).joinpath, files)
        inner = map(Path(folder).joinpath, names)
        yield from filter(Path.is_symlink, inner)


def _copy(top: Path, folder: Path, path: str) -> bool:
    """Copy one file, a link as a link to the same place; False where the tree has one."""
    source, target = top / path, folder / path
    if target.is_symlink() or target.exists():
        return False
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.parent.resolve().is_relative_to(folder.resolve()):
            raise RevisionError(
                f"{OPTION}: {path} would be written to {target.parent.resolve()}, which is outside "
                "of the old tree, as a folder on the way is a link there; leave it out"
            )
        if source.is_symlink():
            target.symlink_to(source.resolve())
        else:
            shutil.copy2(source, target)
    except OSError as error:
        raise RevisionError(f"{OPTION}: {path} cannot be copied to {target}: {error}") from error
    return True
