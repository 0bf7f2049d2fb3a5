"""Worktrees of a repository under the user's cache directory: made whole, found again, pruned.

They are detached and made without hooks, so that neither the user's working tree nor any branch is
touched, whenever and however it ends. A tree counts only once its marker is there: one that was
left half made is made again. It stays there for the next time; of each repository the few newest
are kept.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from filelock import FileLock, Timeout

from pytest_ttsperf import git, real
from pytest_ttsperf.compare.checkout import copies, large_files, overlays, repository, submodules
from pytest_ttsperf.compare.checkout.copies import State, state_of
from pytest_ttsperf.compare.checkout.git_paths import parse_paths
from pytest_ttsperf.compare.checkout.overlays import UNCHANGED, Overlay
from pytest_ttsperf.compare.checkout.repository import Repository
from pytest_ttsperf.compare.checkout.submodules import Submodule
from pytest_ttsperf.errors import GitError, RevisionError

KEPT_TREES = 5
"""Of commits, and as many of states of the running tree: each edit of it makes another."""
LOCK_TIMEOUT_S = 600.0
COMPLETE = ".complete"


class TreeContent(NamedTuple):
    """What a tree consists of."""

    commit: str
    copies: Mapping[str, State]
    """Files of the running tree that it gets, as they were there."""
    submodules: tuple[Submodule, ...]
    overlay: Overlay = UNCHANGED
    """How it differs from the commit, where it is the running tree."""

    @property
    def name(self) -> str:
        """Of the tree: the commit, and a digest of what is added to it."""
        lines = [f"{path} {state}" for path, state in sorted(self.copies.items())]
        lines += [f"{one.path} {one.commit}" for one in self.submodules if one.git_folder]
        lines += self.overlay.lines
        if not lines:
            return self.commit[:16]
        return f"{self.commit[:16]}-{digest_of(lines, 8)}"


def digest_of(lines: Sequence[str], length: int) -> str:
    """The beginning of the lines' SHA-256, in hexadecimal."""
    text = "\n".join(lines).encode(errors="surrogateescape")
    return hashlib.sha256(text).hexdigest()[:length]


class Checkout(NamedTuple):
    """A worktree: its folder, and what is in it that git did not check out."""

    folder: Path
    copied: dict[str, State]
    passed_over: tuple[str, ...]
    """Files to be copied that are in the old version already."""
    filled: dict[str, State]
    """Submodules and large files."""
    modules: tuple[str, ...]
    """Submodules that are not on this machine."""
    pointers: tuple[str, ...]
    """Large files that are not on this machine."""
    overlaid: dict[str, State]
    """Files of the running tree in the place of those of the commit."""
    deleted: tuple[str, ...]
    """Files of the commit that the running tree has no more."""

    @property
    def absent(self) -> tuple[str, ...]:
        """What belongs to it and is not on this machine."""
        return (*self.modules, *self.pointers)

    @property
    def is_overlaid(self) -> bool:
        """Whether it is a state of the running tree that is no commit."""
        return bool(self.overlaid or self.deleted)

    @property
    def added(self) -> dict[str, State]:
        """All files in it that are not as git checked them out."""
        # What was a pointer when it was laid may have been filled since.
        return self.overlaid | self.copied | self.filled

    def notes(self, running: Path) -> tuple[str, ...]:
        """What the reader has to know; of what is missing only what the running tree has."""
        notes = []
        if self.copied:
            notes.append(f"copied from the running tree: {copies.text(self.copied)}")
        if self.passed_over:
            first = ", ".join(self.passed_over[:3])
            notes.append(f"not copied, as the old version has a file of that name: {first}")
        lacking = [
            path for path in self.pointers if large_files.read_pointer(running / path) is None
        ]
        if lacking:
            notes.append(
                f"{', '.join(lacking[:3])}: only a Git LFS pointer in the old tree, as the file "
                "it stands for is not on this machine"
            )
        return tuple(notes)


def check_out(
    around: Repository,
    content: TreeContent,
    home: Path,
    *,
    network: bool,
) -> Checkout:
    """The worktree of a commit, made or found. RevisionError when git cannot.

    The marker of a whole tree names its folder, which is a new one each time a tree is made: a git
    that outlives its parent's kill goes on writing into the old one.
    """
    trees = home / "trees" / f"{around.top.name}-{digest_of([str(around.top)], 10)}"
    marker = trees / f"{content.name}{COMPLETE}"
    with lock_folder(trees / ".lock"):
        worktree = _read_marker(marker)
        if worktree is None or not _is_untouched(worktree, content.commit):
            marker.unlink(missing_ok=True)
            worktree = _lay_out(around, content, trees, network=network)
        else:
            worktree = _fill_pointers(around, content, worktree)
        _write_marker(marker, worktree)
        _prune(around, trees, keep=marker)
    return worktree


def _lay_out(
    around: Repository,
    content: TreeContent,
    trees: Path,
    *,
    network: bool,
) -> Checkout:
    """A new worktree with all that belongs to it; none is left where that fails."""
    folder = trees / f"{content.commit[:16]}-{secrets.token_hex(3)}"
    _add_worktree(around, content.commit, folder, network=network)
    try:
        worktree = _complete(around, content, folder)
    except (RevisionError, OSError):
        _remove(around, folder)
        raise
    _compile(folder)
    return worktree


def _add_worktree(
    around: Repository,
    commit: str,
    folder: Path,
    *,
    network: bool,
) -> None:
    arguments = ("worktree", "add", "--quiet", "--force", "--detach", str(folder), commit)
    settings = large_files.FILTERS_OFF
    try:
        git.require(around.top, *arguments, settings=settings, network=network)
    except GitError as error:
        hint = ""
        if git.output(around.top, "config", "--get-regexp", r"^remote\..*\.promisor$"):
            hint = f"; {repository.FETCH_OPTION} gets what a partial clone lacks"
        raise RevisionError(
            f"{error}\nmend that{hint}, or compare with a directory of your own"
        ) from error


def _complete(around: Repository, content: TreeContent, folder: Path) -> Checkout:
    """Add to a fresh worktree what git does not check out."""
    laid: dict[str, State] = {}
    absent = []
    for module in content.submodules:
        if module.git_folder is None:
            absent.append(module.path)
        else:
            laid |= submodules.lay(folder, module)
    overlay = content.overlay
    overlaid = overlays.lay(around.top, folder, overlay)
    changed = overlaid.keys() | set(overlay.deleted)
    worktree = Checkout(
        folder=folder,
        copied={},
        passed_over=(),
        filled={path: state for path, state in laid.items() if path not in changed},
        modules=tuple(absent),
        pointers=tuple(large_files.list_pointers(folder)),
        overlaid=overlaid,
        deleted=overlay.deleted,
    )
    worktree = _fill_pointers(around, content, worktree)
    copied = copies.lay(around.top, folder, content.copies)
    passed_over = tuple(sorted(content.copies.keys() - copied.keys()))
    return worktree._replace(copied=copied, passed_over=passed_over)


def _fill_pointers(around: Repository, content: TreeContent, worktree: Checkout) -> Checkout:
    """Replace pointers by their files, as far as these are there by now."""
    if not worktree.pointers:
        return worktree
    folder = worktree.folder
    read = {path: large_files.read_pointer(folder / path) for path in worktree.pointers}
    pointers = {path: pointer for path, pointer in read.items() if pointer is not None}
    clones = [one.git_folder for one in content.submodules if one.git_folder is not None]
    stores = large_files.list_stores([around.common_folder, *clones])
    filled = large_files.fill(folder, around.top, pointers, stores)
    return worktree._replace(
        filled=worktree.filled | filled,
        pointers=tuple(path for path in pointers if path not in filled),
    )


def _read_marker(marker: Path) -> Checkout | None:
    """The worktree that a marker stands for; None for none, or one that cannot be understood."""
    try:
        content = json.loads(marker.read_text(encoding="utf-8"))
        return Checkout(
            folder=marker.parent / content["folder"],
            copied=_to_states(content["copied"]),
            passed_over=tuple(content["passed_over"]),
            filled=_to_states(content["filled"]),
            modules=tuple(content["modules"]),
            pointers=tuple(content["pointers"]),
            overlaid=_to_states(content["overlaid"]),
            deleted=tuple(content["deleted"]),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _to_states(lines: Mapping[str, Sequence[int]]) -> dict[str, State]:
    return {path: State(*numbers) for path, numbers in lines.items()}


def _write_marker(marker: Path, worktree: Checkout) -> None:
    content = json.dumps({**worktree._asdict(), "folder": worktree.folder.name})
    fresh = marker.with_suffix(".new")
    fresh.write_text(content, encoding="utf-8")
    fresh.replace(marker)


def _is_untouched(worktree: Checkout, commit: str) -> bool:
    """Whether a worktree is what it was when it was made."""
    folder = worktree.folder
    try:
        if git.output(folder, "rev-parse", "HEAD") != commit:
            return False
        if any(state_of(folder / path) != state for path, state in worktree.added.items()):
            return False
        if any(os.path.lexists(folder / path) for path in worktree.deleted):
            return False
        changes = git.require(
            folder,
            "status",
            "--porcelain",
            "-z",
            "--untracked-files=no",
            "--no-renames",
            "--ignore-submodules=all",
            settings=large_files.FILTERS_OFF,
        )
    except (OSError, GitError):
        return False
    wanted = worktree.added.keys() | set(worktree.deleted)
    return all(change[3:] in wanted for change in parse_paths(changes))


def _compile(folder: Path) -> None:
    """Bytecode beforehand: else the first start of a version pays for its compiling."""
    subprocess.run(
        [sys.executable, "-m", "compileall", "-q", "-x", r"[\\/]\.git[\\/]", str(folder)],
        check=False,  # a file that does not compile is only reported when it is imported
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _prune(around: Repository, trees: Path, keep: Path) -> None:
    """Leave the newest trees; none that is not whole.

    Git's own prune is for the whole repository: it would forget worktrees of the user's that are
    on a disk that is not there just now.
    """
    for marker in _list_stale(trees):
        if marker != keep:
            marker.unlink(missing_ok=True)
    worktrees = map(_read_marker, trees.glob(f"*{COMPLETE}"))
    whole = {worktree.folder for worktree in worktrees if worktree is not None}
    folders = _list_registered(around, trees).union(filter(Path.is_dir, trees.iterdir()))
    for folder in folders - whole:
        _remove(around, folder)


def _list_stale(trees: Path) -> list[Path]:
    """Markers of all but the newest trees, of commits and of states of the running tree."""
    of_commits = []
    of_running = []
    for marker in sorted(trees.glob(f"*{COMPLETE}"), key=lambda path: path.stat().st_mtime):
        worktree = _read_marker(marker)
        if worktree is not None and worktree.is_overlaid:
            of_running.append(marker)
        else:
            of_commits.append(marker)
    return of_commits[:-KEPT_TREES] + of_running[:-KEPT_TREES]


def _remove(around: Repository, folder: Path) -> None:
    """Remove a worktree, and what the repository knows of it."""
    shutil.rmtree(folder, ignore_errors=True)
    git.run(around.top, "worktree", "remove", "--force", "--force", str(folder))
    _forget(around, folder)


def _list_registered(around: Repository, trees: Path) -> set[Path]:
    """Worktrees below `trees` that the repository knows of, whether they are there or not."""
    listed = git.output(around.top, "worktree", "list", "--porcelain") or ""
    folders = set()
    for line in listed.splitlines():
        place = Path(line.removeprefix("worktree "))
        if place.parent == trees.resolve():
            folders.add(trees / place.name)
    return folders


def _forget(around: Repository, folder: Path) -> None:
    """Remove what a kill in the midst of making a worktree left of it in the repository."""
    left = around.common_folder / "worktrees" / folder.name
    if left.is_dir() and not (left / "gitdir").exists():
        shutil.rmtree(left, ignore_errors=True)


@contextlib.contextmanager
def lock_folder(path: Path) -> Iterator[None]:
    """Be alone in the folder of a lock file, which is made. RevisionError where that fails."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path)
        real.acquire(lock, LOCK_TIMEOUT_S)
        try:
            yield
        finally:
            lock.release()
    except Timeout as error:
        raise RevisionError(
            f"another process has held {path} for {LOCK_TIMEOUT_S:g} s; end it and run again"
        ) from error
    except OSError as error:
        raise RevisionError(
            f"{path.parent} cannot be written ({error}); set XDG_CACHE_HOME to a folder that can"
        ) from error
