"""Submodules of a version, checked out from the clones that the user has of them.

`git submodule update` would write into the user's configuration and go to the network. Here the
files of the old commit are written from the objects of the user's clone alone, and away from it.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import NamedTuple

from pytest_ttsperf import git
from pytest_ttsperf.compare.checkout import large_files
from pytest_ttsperf.compare.checkout.copies import State, state_of
from pytest_ttsperf.compare.checkout.git_paths import parse_paths
from pytest_ttsperf.errors import RevisionError

GITLINK = "160000"


class Submodule(NamedTuple):
    """One of a version: where it belongs, at which commit, and the clone that has it."""

    path: str
    commit: str
    git_folder: Path | None
    """None where no clone of it is here, which is so in the running tree as well."""


def of_commit(
    git_folder: Path,
    commit: str,
    running: Path,
    *,
    fetch: bool = False,
    below: str = "",
) -> list[Submodule]:
    """The submodules of a commit and theirs in turn; `running` is where they are in use.

    RevisionError where one is in use that does not have the commit needed. `fetch` gets it.
    """
    found: list[Submodule] = []
    for path, wanted in _list_links(git_folder, commit):
        place = running / path
        clone = _find_clone(git_folder, commit, path, place)
        if clone is not None and fetch and not _has_commit(clone, wanted):
            _fetch(clone, wanted)
        if clone is not None and not _has_commit(clone, wanted):
            _refuse_in_use(place, below + path, wanted)
            clone = None
        found.append(Submodule(below + path, wanted, clone))
        if clone is not None:
            inner = f"{below}{path}/"
            found += of_commit(clone, wanted, place, fetch=fetch, below=inner)
    return found


def of_running(top: Path, *, below: str = "") -> list[Submodule]:
    """The submodules of a working tree and theirs in turn, at the commits that they are at there.

    GitError for one without a commit.
    """
    found: list[Submodule] = []
    for path, staged in _list_staged_links(top):
        place = top / path
        if not (place / ".git").exists():
            found.append(Submodule(below + path, staged, None))
            continue
        commit = git.require(place, "rev-parse", "--verify", "HEAD")
        clone = Path(git.require(place, "rev-parse", "--absolute-git-dir"))
        found.append(Submodule(below + path, commit, clone))
        found += of_running(place, below=f"{below}{path}/")
    return found


def lay(folder: Path, one: Submodule) -> dict[str, State]:
    """Write the files of a submodule into a tree; gives what was written, by path in the tree."""
    assert one.git_folder is not None
    place = folder / one.path
    place.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        index = {"GIT_INDEX_FILE": os.path.join(scratch, "index")}
        for arguments in (("read-tree", one.commit), ("checkout-index", "--all", "--force")):
            git.require(
                place,
                *arguments,
                git_folder=one.git_folder,
                settings=("core.sparseCheckout=false", *large_files.FILTERS_OFF),
                variables=index,
            )
        listed = git.require(
            place, "ls-files", "-z", "--cached", git_folder=one.git_folder, variables=index
        )
    states = {}
    for path in parse_paths(listed):
        file = place / path
        if file.is_symlink() or file.is_file():
            states[f"{one.path}/{path}"] = state_of(file)
    return states


def _list_links(git_folder: Path, commit: str) -> list[tuple[str, str]]:
    """Path and commit of each submodule."""
    listed = git.require(git_folder, "ls-tree", "-r", "-z", commit, git_folder=git_folder)
    links = []
    for entry in parse_paths(listed):
        head, _, path = entry.partition("\t")
        mode, _, name = head.split(" ", 2)
        if mode == GITLINK:
            links.append((path, name))
    return links


def _list_staged_links(top: Path) -> list[tuple[str, str]]:
    """Path and commit of each submodule in the index of a working tree."""
    listed = git.require(top, "ls-files", "--stage", "-z")
    links = []
    for entry in parse_paths(listed):
        head, _, path = entry.partition("\t")
        mode, name, _ = head.split(" ", 2)
        if mode == GITLINK:
            links.append((path, name))
    return links


def _find_clone(
    git_folder: Path,
    commit: str,
    path: str,
    place: Path,
) -> Path | None:
    """The repository of a submodule that the user has: in use, or left from when it was."""
    if (place / ".git").exists():
        return Path(git.require(place, "rev-parse", "--absolute-git-dir"))
    lines = git.output(
        git_folder,
        "config",
        f"--blob={commit}:.gitmodules",
        "--get-regexp",
        r"\.path$",
        git_folder=git_folder,
    )
    for line in (lines or "").splitlines():
        key, _, value = line.partition(" ")
        name = key.removeprefix("submodule.").removesuffix(".path")
        left = git_folder / "modules" / name
        if value == path and left.is_dir():
            return left
    return None


def _has_commit(clone: Path, commit: str) -> bool:
    wanted = f"{commit}^{{commit}}"
    return git.output(clone, "cat-file", "-e", wanted, git_folder=clone) is not None


def _fetch(clone: Path, commit: str) -> None:
    git.run(
        clone, "fetch", "--quiet", "--no-tags", "origin", commit, git_folder=clone, network=True
    )


def _refuse_in_use(place: Path, path: str, commit: str) -> None:
    """RevisionError for a submodule that is in use."""
    if not (place / ".git").exists():
        return
    raise RevisionError(
        f"found the submodule {path} without its commit {commit[:10]}, which the old version has; "
        f"get it with git -C {place} fetch origin {commit}, or with --ttsperf-fetch"
    )
