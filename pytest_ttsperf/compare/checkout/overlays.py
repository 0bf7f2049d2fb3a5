"""What the running tree has that its commit has not, to be laid over a worktree of that commit.

Files that were changed or staged are taken as they are on the disk, deleted ones are deleted, and
files that git neither tracks nor ignores are copied; in the submodules as well. The working tree is
only read: not even its index is refreshed.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from pytest_ttsperf import git
from pytest_ttsperf.compare.checkout import copies, large_files
from pytest_ttsperf.compare.checkout.copies import State, state_of
from pytest_ttsperf.compare.checkout.git_paths import parse_paths
from pytest_ttsperf.compare.checkout.submodules import GITLINK
from pytest_ttsperf.errors import RevisionError

DIGEST_CHARACTERS = 16
MOST_UNTRACKED_BYTES = 2_000_000_000
"""Beyond that it is data, and nobody waits for a copy of it with each edit."""
LIKE_COMMITTED = "H"
"""The tag of a file in git's index that is compared with the disk as usual."""
NOT_CHECKED_OUT = "Ss"
"""Tags of files that a sparse checkout leaves out."""
UNTRACKED = "??"
LINKED = "/worktrees/"
"""In the place that the `.git` of a linked worktree names; that of a submodule is in others."""
ENVIRONMENT_MARK = "pyvenv.cfg"
"""A file at the top of each virtual environment."""


class Entry(NamedTuple):
    """One file of the running tree, or a link."""

    state: State
    """As it was when it was read."""
    digest: str
    """Of its content, and of whether it is a link or may be executed."""


class Overlay(NamedTuple):
    """What differs from the commit, by path below the top of the working tree."""

    files: Mapping[str, Entry]
    deleted: tuple[str, ...]

    @property
    def lines(self) -> list[str]:
        """What distinguishes it from another; none where nothing differs."""
        lines = [f"+ {path} {entry.digest}" for path, entry in sorted(self.files.items())]
        lines += [f"- {path}" for path in sorted(self.deleted)]
        return lines


UNCHANGED = Overlay({}, ())


class _Differences(NamedTuple):
    """Paths of one work tree, without its submodules, that may not be as they were committed."""

    tracked: list[str]
    untracked: list[str]


def read(
    top: Path,
    inner: Iterable[str] = (),
    *,
    left_out: Sequence[Path] = (),
) -> Overlay:
    """What of a working tree differs from its commit.

    `inner` are the paths of its submodules, which differ from commits of theirs. Nothing below
    `left_out` belongs to it, and neither do bytecode and virtual environments. RevisionError where
    git or a file cannot be read, and for data that git does not ignore.
    """
    files: dict[str, Entry] = {}
    deleted: list[str] = []
    for prefix in ("", *(f"{path}/" for path in inner)):
        work_tree = top / prefix
        tracked, untracked = _find_differences(work_tree)
        for path in tracked:
            place = work_tree / path
            if _is_file(work_tree, path):
                files[prefix + path] = _describe(place)
            elif not place.is_dir() or not _is_submodule(work_tree, path):
                deleted.append(prefix + path)
        chosen = _choose_untracked(work_tree, untracked, left_out)
        _refuse_data(work_tree, chosen)
        for path in chosen:
            files[prefix + path] = _describe(work_tree / path)
    return Overlay(files, tuple(deleted))


def lay(top: Path, folder: Path, overlay: Overlay) -> dict[str, State]:
    """Make a worktree of the commit what the running tree is; gives what was laid, by path.

    RevisionError where a file cannot be copied, or has changed since the overlay was read.
    """
    for path in overlay.deleted:
        _delete(folder, path)
    for path, entry in sorted(overlay.files.items()):
        _copy(top, folder, path, entry.state)
    return {path: state_of(folder / path) for path in overlay.files}


# What differs


def _find_differences(work_tree: Path) -> _Differences:
    listed = git.require(
        work_tree,
        "status",
        "--porcelain",
        "-z",
        "--untracked-files=all",
        "--no-renames",
        "--ignore-submodules=dirty",
        settings=large_files.FILTERS_OFF,
    )
    tracked = []
    untracked = []
    for line in parse_paths(listed):
        code, path = line[:2], line[3:]
        if code == UNTRACKED:
            untracked.append(path)
        else:
            tracked.append(path)
    return _Differences([*tracked, *_list_unwatched(work_tree)], untracked)


def _list_unwatched(work_tree: Path) -> list[str]:
    """Tracked files that git was bidden not to look at on the disk, and that may differ there."""
    paths = []
    for line in parse_paths(git.require(work_tree, "ls-files", "-v", "-z")):
        tag, path = line[0], line[2:]
        is_sparse = tag in NOT_CHECKED_OUT and not (work_tree / path).exists()
        if tag != LIKE_COMMITTED and not is_sparse:
            paths.append(path)
    return paths


def _is_file(work_tree: Path, path: str) -> bool:
    """Whether a tracked path is a file or link on the disk; behind a link it is another file."""
    if any((work_tree / parent).is_symlink() for parent in Path(path).parents):
        return False
    place = work_tree / path
    return place.is_symlink() or place.is_file()


def _is_submodule(work_tree: Path, path: str) -> bool:
    staged = git.output(work_tree, "ls-files", "--stage", "-z", "--", f":(literal){path}")
    return (staged or "").startswith(GITLINK)


def _choose_untracked(
    work_tree: Path,
    paths: Iterable[str],
    left_out: Sequence[Path],
) -> list[str]:
    """Untracked files that belong to the code; of a clone in the work tree all its files."""
    listed: list[str] = []
    for path in paths:
        listed += _list_files(work_tree, path)
    environments = []
    for path in listed:
        if Path(path).name == ENVIRONMENT_MARK:
            environments.append((work_tree / path).parent)
    outside = [*left_out, *environments]
    return [path for path in listed if not _is_left_out(work_tree, path, outside)]


def _list_files(work_tree: Path, path: str) -> list[str]:
    """A file by itself; of a clone what is in it, and of a linked worktree nothing."""
    if not path.endswith("/"):
        return [path]
    place = work_tree / path
    if _is_linked_worktree(place):
        return []
    files = []
    for file in copies.list_files(place):
        if file.is_symlink() or file.is_file():
            files.append(file.relative_to(work_tree).as_posix())
    return files


def _refuse_data(work_tree: Path, paths: Iterable[str]) -> None:
    """RevisionError for untracked files that are too much to be copied."""
    sizes = {path: (work_tree / path).lstat().st_size for path in paths}
    total = sum(sizes.values())
    if total > MOST_UNTRACKED_BYTES:
        largest = max(sizes, key=lambda path: sizes[path])
        raise RevisionError(
            f"found {total / 1e9:.1f} GB in files that git neither tracks nor ignores, the largest "
            f"is {largest}; no more than {MOST_UNTRACKED_BYTES / 1e9:g} GB are copied. Have git "
            "ignore what is no code (.gitignore)"
        )


def _is_linked_worktree(place: Path) -> bool:
    mark = place / ".git"
    return mark.is_file() and LINKED in mark.read_text(encoding="utf-8", errors="replace")


def _is_left_out(work_tree: Path, path: str, outside: Iterable[Path]) -> bool:
    inside = Path(path)
    if inside.suffix == ".pyc" or not copies.LEFT_OUT.isdisjoint(inside.parts):
        return True
    place = work_tree / path
    return any(place.is_relative_to(folder) for folder in outside)


def _describe(place: Path) -> Entry:
    """What a file is recognised by. RevisionError for one that cannot be read."""
    try:
        state = state_of(place)
        if place.is_symlink():
            content = hashlib.sha256(os.fsencode(f"link {os.readlink(place)}"))
            return Entry(state, content.hexdigest()[:DIGEST_CHARACTERS])
        with place.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()[:DIGEST_CHARACTERS]
        return Entry(state, f"{digest}x" if os.access(place, os.X_OK) else digest)
    except OSError as error:
        raise RevisionError(f"{place} cannot be read: {error.strerror or error}") from error


# Into a worktree


def _delete(folder: Path, path: str) -> None:
    """Delete a file, or the place of a submodule, with the folders that it leaves empty."""
    place = folder / path
    _refuse_outside(folder, path)
    if place.is_symlink() or place.is_file():
        place.unlink()
    elif place.is_dir():
        shutil.rmtree(place)
    for parent in place.parents:
        if parent == folder or not parent.is_dir() or any(parent.iterdir()):
            return
        parent.rmdir()


def _copy(top: Path, folder: Path, path: str, wanted: State) -> None:
    source, target = top / path, folder / path
    _refuse_outside(folder, path)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)  # what is written through a link would land elsewhere
        if source.is_symlink():
            target.symlink_to(_link_text(top, source))
        else:
            shutil.copy2(source, target)
        is_as_read = state_of(source) == wanted
    except OSError as error:
        reason = error.strerror or error
        raise RevisionError(f"{path} cannot be copied to {target}: {reason}") from error
    if not is_as_read:
        raise RevisionError(f"{path} was changed while it was copied; run again")


def _link_text(top: Path, source: Path) -> str:
    """Where a copy of a link leads: within the tree to the copy there, else to the same place."""
    text = os.readlink(source)
    place = Path(os.path.normpath(source.parent / text))
    if os.path.isabs(text) or place.is_relative_to(top):
        return text
    return str(place)


def _refuse_outside(folder: Path, path: str) -> None:
    """RevisionError where a link in the worktree would lead a change out of it."""
    parent = (folder / path).parent.resolve()
    if not parent.is_relative_to(folder.resolve()):
        raise RevisionError(
            f"{path} would be written to {parent}, as a folder on the way is a link there"
        )
