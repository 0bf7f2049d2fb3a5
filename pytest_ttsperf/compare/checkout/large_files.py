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
from pytest_ttsperf.compare.checkout.git_paths import parse_paths

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


def read_pointer(path: Path) -> Pointer | None:
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
    if name is None or size is None:
        return None
    return Pointer(name[1], int(size[1]))


def list_pointers(folder: Path) -> list[str]:
    """Paths of all pointers in a tree."""
    listed = git.output(
        folder, "grep", "--no-index", "-l", "-z", "-I", "-F", "-e", FIRST_LINE, "--", "."
    )
    return [path for path in parse_paths(listed) if read_pointer(folder / path)]


def list_stores(git_folders: Iterable[Path]) -> list[Path]:
    """Where clones keep large files."""
    folders = []
    for git_folder in git_folders:
        place = git.output(git_folder, "config", "--path", "lfs.storage", git_folder=git_folder)
        folders.append(git_folder / (place or "lfs") / "objects")
    return folders


def fill(
    folder: Path,
    running: Path,
    pointers: Mapping[str, Pointer],
    stores: Sequence[Path],
) -> dict[str, State]:
    """Put files in the place of pointers, as far as they are on this machine."""
    filled = {}
    for path, pointer in pointers.items():
        source = _find_source(running / path, pointer, stores)
        if source is not None:
            _replace(folder / path, source)
            filled[path] = state_of(folder / path)
    return filled


def _find_source(
    running: Path,
    pointer: Pointer,
    stores: Sequence[Path],
) -> Path | None:
    digest = pointer.sha256
    for store in stores:
        stored = store / digest[:2] / digest[2:4] / digest
        if stored.is_file() and stored.stat().st_size == pointer.size:
            return stored
    if _is_the_file(running, pointer):
        return running
    return None


def _is_the_file(path: Path, pointer: Pointer) -> bool:
    if not path.is_file() or path.stat().st_size != pointer.size:
        return False
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return digest == pointer.sha256


def _replace(path: Path, source: Path) -> None:
    """At once, as somebody else may be reading the tree."""
    mode = path.stat().st_mode
    descriptor, name = tempfile.mkstemp(dir=path.parent)
    os.close(descriptor)
    shutil.copyfile(source, name)
    os.chmod(name, mode)
    os.replace(name, path)
