"""Other versions of the code under measurement: a git revision or a directory, ready to be opened.

A revision is checked out as a detached worktree under the user's cache directory, without hooks, so
that neither the user's working tree nor any branch is touched, whenever and however it ends. A tree
counts only once its marker is there: one that was left half made is made again. It stays there for
the next time; of each repository the few newest are kept.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import secrets
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from filelock import FileLock, Timeout

from pytest_ttsperf import git, real
from pytest_ttsperf.compare.cache_folder import cache_folder
from pytest_ttsperf.compare.checkout import copies, large_files, repository, submodules
from pytest_ttsperf.compare.checkout.copies import State, state_of
from pytest_ttsperf.compare.checkout.git_paths import parse_paths
from pytest_ttsperf.compare.checkout.repository import Repository
from pytest_ttsperf.compare.checkout.submodules import Submodule
from pytest_ttsperf.errors import GitError, RevisionError
from pytest_ttsperf.secrets import mask
from pytest_ttsperf.targets.worker.source_tree import Tree

KEPT_TREES = 5
LOCK_TIMEOUT_S = 600.0
COMPLETE = ".complete"
EXTRA_FILES = ("requirements*.txt", "uv.lock", "poetry.lock", "pdm.lock", "Pipfile.lock")
FULL_NAME = re.compile("[0-9a-f]{40}|[0-9a-f]{64}")
"""Of a commit."""
SHOWN_DIGITS = 12


def checkout(
    text: str,
    rootdir: Path,
    *,
    install: str | None = None,
    copy: Sequence[str] = (),
    fetch: bool = False,
    cache: Path | None = None,
) -> Tree:
    """The tree of a git revision, tag or remote branch, or of a directory.

    `install` are the extras with which the tree gets an environment of its own ("" for none of
    them), None to run it in this one. `copy` are patterns of files that git does not track, which
    the tree of a revision gets from the running one. `fetch` allows the network for what the clone
    does not have. Raises RevisionError.
    """
    home = cache if cache is not None else cache_folder()
    around = None
    commit = None
    has_secret = mask(text) != text  # the address of a server, perhaps: nothing for git
    if not repository.is_path(text) and not has_secret:
        around = repository.find_around(rootdir, text)
    if around is not None:
        commit = repository.commit_of(around, text, fetch=fetch)
    if around is not None and commit is not None:
        files = copies.choose(around.top, rootdir.resolve(), copy, outside=home.resolve())
        modules = submodules.of_commit(around.git_folder, commit, around.top, fetch=fetch)
        content = TreeContent(commit, files, tuple(modules))
        tree = _revision_tree(text, around, content, home, fetch=fetch)
    else:
        tree = _directory_tree(text, rootdir, around)
        if copy:
            note = f"{copies.OPTION} is for revisions; nothing was copied into {tree.folder}"
            tree = tree._replace(notes=(note,))
    differing = differing_dependencies(tree.project, tree.folder)
    tree = tree._replace(differing=differing, rootdir=rootdir.resolve())
    if install is None:
        return tree
    return _install(tree, install, home)


def short_name(text: str) -> str:
    """The first digits of a commit's full name; any other text as it is."""
    return text[:SHOWN_DIGITS] if FULL_NAME.fullmatch(text) else text


def _revision_tree(
    text: str,
    around: Repository,
    content: TreeContent,
    home: Path,
    *,
    fetch: bool,
) -> Tree:
    worktree = _check_out(around, content, home, network=fetch)
    commit = content.commit
    label = short_name(text)
    if not commit.startswith(text):
        label = f"{text} ({commit[:10]})"
    return Tree(
        label,
        around.top,
        worktree.folder,
        commit,
        notes=worktree.notes(around.top),
        absent=worktree.absent,
    )


def _directory_tree(
    text: str,
    rootdir: Path,
    around: Repository | None,
) -> Tree:
    expanded = Path(os.path.expanduser(text))  # Path's own raises without a home
    folder = (rootdir / expanded).resolve()
    if folder.is_dir():
        return Tree(text, rootdir.resolve(), folder)
    if repository.is_path(text):
        with contextlib.suppress(RevisionError):
            around = repository.find_around(rootdir, text)
    raise RevisionError(repository.why_unknown(text, rootdir, around))


def differing_dependencies(running: Path, other: Path) -> tuple[str, ...]:
    """Requirements that only one of two trees declares, and lock files that are not the same."""
    running_requirements = _requirements(running)
    other_requirements = _requirements(other)
    removed = other_requirements - running_requirements
    added = running_requirements - other_requirements
    differing = [f"-{requirement}" for requirement in sorted(removed)]
    differing += [f"+{requirement}" for requirement in sorted(added)]
    for name in sorted(_list_lock_files(running) | _list_lock_files(other)):
        if _content(running / name) != _content(other / name):
            differing.append(name)
    return tuple(differing)


def _list_lock_files(folder: Path) -> set[str]:
    return {path.name for pattern in EXTRA_FILES for path in folder.glob(pattern)}


# Worktrees


class TreeContent(NamedTuple):
    """What a tree consists of."""

    commit: str
    copies: Mapping[str, State]
    """Files of the running tree that it gets, as they were there."""
    submodules: tuple[Submodule, ...]

    @property
    def name(self) -> str:
        """Of the tree: the commit, and a digest of what is added to it."""
        lines = [f"{path} {state}" for path, state in sorted(self.copies.items())]
        lines += [f"{one.path} {one.commit}" for one in self.submodules if one.git_folder]
        if not lines:
            return self.commit[:16]
        return f"{self.commit[:16]}-{_digest(lines, 8)}"


def _digest(lines: Sequence[str], length: int) -> str:
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

    @property
    def absent(self) -> tuple[str, ...]:
        """What belongs to it and is not on this machine."""
        return (*self.modules, *self.pointers)

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


def _check_out(
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
    trees = home / "trees" / f"{around.top.name}-{_digest([str(around.top)], 10)}"
    marker = trees / f"{content.name}{COMPLETE}"
    with _lock(trees / ".lock"):
        worktree = _read_marker(marker)
        if worktree is None or not _is_untouched(worktree, content.commit):
            marker.unlink(missing_ok=True)
            folder = trees / f"{content.commit[:16]}-{secrets.token_hex(3)}"
            _add_worktree(around, content.commit, folder, network=network)
            worktree = _complete(around, content, folder)
            _compile(folder)
        else:
            worktree = _fill_pointers(around, content, worktree)
        _write_marker(marker, worktree)
        _prune(around, trees, keep=marker)
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
    filled: dict[str, State] = {}
    absent = []
    for module in content.submodules:
        if module.git_folder is None:
            absent.append(module.path)
        else:
            filled |= submodules.lay(folder, module)
    pointers = tuple(large_files.list_pointers(folder))
    worktree = Checkout(folder, {}, (), filled, tuple(absent), pointers)
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
    added = worktree.copied | worktree.filled
    try:
        if git.output(folder, "rev-parse", "HEAD") != commit:
            return False
        if any(state_of(folder / path) != state for path, state in added.items()):
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
    return all(change[3:] in added for change in parse_paths(changes))


def _compile(folder: Path) -> None:
    """Bytecode beforehand: else the first start of the old version pays for its compiling."""
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
    markers = sorted(trees.glob(f"*{COMPLETE}"), key=lambda path: path.stat().st_mtime)
    for marker in markers[:-KEPT_TREES]:
        if marker != keep:
            marker.unlink(missing_ok=True)
    worktrees = map(_read_marker, trees.glob(f"*{COMPLETE}"))
    whole = {worktree.folder for worktree in worktrees if worktree is not None}
    folders = _list_registered(around, trees).union(filter(Path.is_dir, trees.iterdir()))
    for folder in folders - whole:
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
def _lock(path: Path) -> Iterator[None]:
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


# Environments


def _install(tree: Tree, extras: str, home: Path) -> Tree:
    """The tree with an environment of its own, made once. RevisionError when pip cannot."""
    requirements = sorted(_requirements(tree.folder))
    wanted = [str(tree.folder), extras, sys.version, *requirements]
    folder = home / "environments" / _digest(wanted, 16)
    python = str(folder / "bin" / "python")
    with _lock(folder.with_suffix(".lock")):
        marker = folder / COMPLETE
        if not marker.exists():
            shutil.rmtree(folder, ignore_errors=True)
            _run_command([sys.executable, "-m", "venv", str(folder)], "an environment for it")
            target = f"{tree.folder}[{extras}]" if extras else str(tree.folder)
            install = [python, "-m", "pip", "install", "-q", "-e", target]
            _run_command(install, "its dependencies")
            marker.touch()
    return tree._replace(python=python)


def _requirements(folder: Path) -> set[str]:
    """What the pyproject.toml of a tree asks for, extras included."""
    content = _content(folder / "pyproject.toml")
    if content is None:
        return set()
    try:
        project = tomllib.loads(content.decode()).get("project", {})
    except (UnicodeDecodeError, tomllib.TOMLDecodeError):
        return set()
    extras = project.get("optional-dependencies", {})
    lists = [project.get("dependencies", []), *extras.values()]
    return {str(requirement) for listed in lists for requirement in listed}


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None


# Commands


def _run_command(command: list[str], what: str) -> None:
    done = subprocess.run(
        command,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
        stdin=subprocess.DEVNULL,
        env=git.without_repository(),  # what pip starts may start a git
    )
    if done.returncode:
        output = (done.stderr or done.stdout).strip()[-2000:]
        raise RevisionError(
            f"making {what} failed ({' '.join(command[:6])} ...: exit code {done.returncode}):\n"
            f"{output}\nmend that, or compare with a directory of your own"
        )
