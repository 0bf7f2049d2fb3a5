"""The versions of a comparison, ready to be opened: another one of the code, and the running one.

A revision is checked out as a worktree under the user's cache directory, and the code that runs is
laid out there in the same way, so that nothing but the code differs between the two. A directory is
taken as it is.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Sequence
from importlib import metadata
from pathlib import Path

from pytest_ttsperf import git
from pytest_ttsperf.compare.cache_folder import cache_folder
from pytest_ttsperf.compare.checkout import copies, overlays, repository, submodules, worktrees
from pytest_ttsperf.compare.checkout.contents import list_ignored_code
from pytest_ttsperf.compare.checkout.repository import Repository
from pytest_ttsperf.compare.checkout.worktrees import COMPLETE, TreeContent
from pytest_ttsperf.compare.wording import list_some
from pytest_ttsperf.errors import RevisionError
from pytest_ttsperf.secrets import mask
from pytest_ttsperf.targets.worker.source_tree import Tree

EXTRA_FILES = ("requirements*.txt", "uv.lock", "poetry.lock", "pdm.lock", "Pipfile.lock")
FULL_NAME = re.compile("[0-9a-f]{40}|[0-9a-f]{64}")
"""Of a commit."""
SHOWN_DIGITS = 12
RUNNING = "the running version"
INSTALLERS = frozenset({"pip", "setuptools", "wheel"})
"""Packages of an environment that no engine runs on."""
SHOWN_FILES = 3
SHOWN_PACKAGES = 6


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


def lay_out_running(
    rootdir: Path,
    *,
    copy: Sequence[str] = (),
    left_out: Iterable[Path] = (),
    cache: Path | None = None,
) -> Tree:
    """The tree of the code that runs, as it is just now, laid out as an old version is.

    It is a worktree of the commit that is checked out, with what differs in the working tree laid
    over it: see `overlays.read`. `copy` are patterns of files that git ignores and that it gets as
    well; nothing below `left_out` belongs to it. Nothing is written into the working tree, its
    index, branches or references. RevisionError where it cannot be laid out.
    """
    home = cache if cache is not None else cache_folder()
    around = repository.find_around(rootdir, "HEAD")
    commit = None
    if around is not None:
        commit = repository.commit_of(around, "HEAD", fetch=False)
    if around is None or commit is None:
        raise RevisionError(repository.why_unknown("HEAD", rootdir, around))
    modules = submodules.of_running(around.top)
    in_use = [one.path for one in modules if one.git_folder is not None]
    outside = []
    for place in (home, *left_out):
        if not around.top.is_relative_to(place.resolve()):
            outside.append(place.resolve())
    overlay = overlays.read(around.top, in_use, left_out=outside)
    files = copies.choose(around.top, rootdir.resolve(), copy, outside=home.resolve())
    copied = {path: state for path, state in files.items() if path not in overlay.files}
    content = TreeContent(commit, copied, tuple(modules), overlay)
    worktree = worktrees.check_out(around, content, home, network=False)
    tree = Tree(RUNNING, around.top, worktree.folder, rootdir=rootdir.resolve())
    return tree._replace(notes=_lacking_notes(tree))


def lacking_code(tree: Tree) -> list[str]:
    """What may be imported from the running tree and is not in its copy, as git ignores it."""
    paths = list_ignored_code(tree.project)
    return [path for path in paths if not (tree.folder / path).exists()]


def _lacking_notes(tree: Tree) -> tuple[str, ...]:
    """What both versions do without: each may have slower code to take its place."""
    lacking = lacking_code(tree)
    if not lacking:
        return ()
    shown = list_some(lacking, SHOWN_FILES)
    note = (
        f"compared without {shown}, which git ignores; if it is used, {copies.OPTION}=PATTERN "
        "gives it to both versions"
    )
    return (note,)


def _revision_tree(
    text: str,
    around: Repository,
    content: TreeContent,
    home: Path,
    *,
    fetch: bool,
) -> Tree:
    worktree = worktrees.check_out(around, content, home, network=fetch)
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


# Environments


def _install(tree: Tree, extras: str, home: Path) -> Tree:
    """The tree with an environment of its own, made once. RevisionError when pip cannot."""
    requirements = sorted(_requirements(tree.folder))
    wanted = [str(tree.folder), extras, sys.version, *requirements]
    folder = home / "environments" / worktrees.digest_of(wanted, 16)
    python = str(folder / "bin" / "python")
    with worktrees.lock_folder(folder.with_suffix(".lock")):
        marker = folder / COMPLETE
        if not marker.exists():
            shutil.rmtree(folder, ignore_errors=True)
            _run_command([sys.executable, "-m", "venv", str(folder)], "an environment for it")
            target = f"{tree.folder}[{extras}]" if extras else str(tree.folder)
            install = [python, "-m", "pip", "install", "-q", "-e", target]
            _run_command(install, "its dependencies")
            marker.touch()
    return tree._replace(python=python, notes=(*tree.notes, *_package_notes(folder)))


def _package_notes(environment: Path) -> tuple[str, ...]:
    """Which packages of an environment the running one has in another version."""
    here = _list_packages(sys.path)
    there = _list_packages([str(site) for site in environment.glob("lib*/python*/site-packages")])
    differing = []
    for name in sorted(there.keys() & here.keys()):
        if there[name] != here[name]:
            differing.append(f"{name} {there[name]} (here {here[name]})")
    if not differing:
        return ()
    shown = list_some(differing, SHOWN_PACKAGES)
    note = (
        f"its environment has other releases than this one, in which {RUNNING} stays: {shown}; "
        "what they change is part of the difference"
    )
    return (note,)


def _list_packages(folders: list[str]) -> dict[str, str]:
    """Versions by name, of packages that are installed there for an engine to run on."""
    packages: dict[str, str] = {}
    for found in metadata.Distribution.discover(path=folders):
        origin = found.read_text("direct_url.json") or ""
        is_project = '"editable": true' in origin
        name = found.metadata["Name"]
        if name and not is_project and name.lower() not in INSTALLERS:
            packages.setdefault(name.lower().replace("_", "-"), found.version)
    return packages


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
