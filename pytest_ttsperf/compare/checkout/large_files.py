"""Git LFS: pointers in an old tree, replaced by the files that they stand for.

Done here and not by git-lfs, which would download whatever is missing: only files that are on this
machine are taken, from the store of the clone or from the same place in the running tree. A pointer
whose file is nowhere stays, and is named.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from pytest_ttsperf import git
from pytest_ttsperf.compare.checkout.copies import State, state_of

FIRST_LINE = "version https://git-lfs.github.com/spec/v1"
LARGEST_POINTER_BYTES = 1024
FILTERS_OFF = (
    "filter.lfs.process=",
    "filter.lfs.smudge=cat",
    "filter.lfs.clean=cat",
    "filter.lfs.required=false",
)
"""Settings with which a checkout writes pointers, whether git-lfs is installed or not."""


class Pointer(NamedTuple):
    """The file that a pointer stands for."""

    sha256: str
    size: int


def pointer(path: Path) -> Pointer | None:
    """What a file points to; None for a file that is no pointer."""
    try:
        if path.stat().st_size > LARGEST_POINTER_BYTES:
            return None
        content = path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError):
        return None
    if not content.startswith(FIRST_LINE + "\n"):
        return None
    name = re.search(r"^oid sha256:([0-9a-f]{64})$", content, re.MULTILINE)
    size = re.search(r"^size (\d+)$", content, re.MULTILINE)
    return Pointer(name[1], int(size[1])) if name and size else None


def pointers(folder: Path) -> dict[str, Pointer]:
    """All pointers in a tree, by path."""
    listed = git.output(
        folder, "grep", "--no-index", "-l", "-z", "-I", "-F", "-e", FIRST_LINE, "--", "."
    )
    paths = (listed or "").split("\0")
    every = {path: pointer(folder / path) for path in paths if path}
    return {path: found for path, found in every.items() if found}


def stores(git_folders: Iterable[Path]) -> list[Path]:
    """Where clones keep large files."""
    folders = []
    for git_folder in git_folders:
        place = git.output(git_folder, "config", "--path", "lfs.storage", git_folder=git_folder)
        folders.append(git_folder / (place or "lfs") / "objects")
    return folders


def fill(
    folder: Path, running: Path, found: Mapping[str, Pointer], places: Sequence[Path]
) -> dict[str, State]:
    """Put files in the place of pointers, as far as they are on this machine."""
    filled = {}
    for path, wanted in found.items():
        source = _source(running / path, wanted, places)
        if source is not None:
            _replace(folder / path, source)
            filled[path] = state_of(folder / path)
    return filled


def _source(running: Path, wanted: Pointer, places: Sequence[Path]) -> Path | None:
    for place in places:
        stored = place / wanted.sha256[:2] / wanted.sha256[2:4] / wanted.sha256
        if stored.is_file() and stored.stat().st_size == wanted.size:
            return stored
    return running if _is_the_file(running, wanted) else None


def _is_the_file(path: Path, wanted: Pointer) -> bool:
    if not path.is_file() or path.stat().st_size != wanted.size:
        return False
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == wanted.sha256


def _replace(path: Path, source: Path) -> None:
    """At once, as somebody else may be reading the tree."""
    mode = path.stat().st_mode
    descriptor, name = tempfile.mkstemp(dir=path.parent)
    os.close(descriptor)
    shutil.copyfile(source, name)
    os.chmod(name, mode)
    os.replace(name, path)
