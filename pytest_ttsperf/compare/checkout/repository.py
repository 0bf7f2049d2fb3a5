"""The repository that a project is in, and what it knows by a name."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from pytest_ttsperf import git
from pytest_ttsperf.errors import GitMissing, RevisionError
from pytest_ttsperf.secrets import mask
from pytest_ttsperf.targets import spec

NO_REPOSITORY = ("not a git repository", "must be run in a work tree")
FETCH_OPTION = "--ttsperf-fetch"
FETCHED = "FETCH_HEAD"
PATH_STARTS = (".", "/", "~", "-")


class Repository(NamedTuple):
    """A work tree of a repository; with linked ones, that which the project is in."""

    top: Path
    git_folder: Path
    """Of that work tree."""
    common_folder: Path
    """Of all its work trees."""
    is_shallow: bool


class Fetch(NamedTuple):
    """One way to get a revision: arguments of git fetch, and by which name it is there then."""

    arguments: tuple[str, ...]
    name: str


def is_path(text: str) -> bool:
    """Whether a text can only name a directory."""
    return text.startswith(PATH_STARTS)


def find_around(folder: Path, text: str) -> Repository | None:
    """The repository around a folder, in which `text` is to be looked up; None if there is none.

    RevisionError without a git, where git refuses to read it, and where it tracks nothing of the
    folder.
    """
    try:
        answer = git.run(
            folder,
            "rev-parse",
            "--show-toplevel",
            "--absolute-git-dir",
            "--git-common-dir",
            "--is-shallow-repository",
        )
    except GitMissing as error:
        raise GitMissing(
            f"{error}. {text!r} cannot be looked up without it; a directory needs no git: write it "
            "as ./NAME"
        ) from error
    if answer.code and any(words in answer.words for words in NO_REPOSITORY):
        return None
    if answer.code:
        raise RevisionError(
            f"git refuses to read the repository around {folder}, so {text!r} cannot be looked up. "
            f"It says:\n{answer.words}\nDo what it asks for as the user that runs the tests, or "
            "compare with a directory: ./NAME"
        )
    top, git_folder, common_folder, is_shallow = answer.output.split("\n")
    if not git.output(folder, "ls-files", "-z", "--", "."):
        raise RevisionError(
            f"git tracks no file in {folder}, so the repository around it ({top}) has no other "
            "version of it; commit the project first, or compare with a directory: ./NAME"
        )
    common = Path(os.path.normpath(folder.resolve() / common_folder))  # git gives it relative
    return Repository(Path(top), Path(git_folder), common, is_shallow == "true")


def commit_of(
    repository: Repository,
    text: str,
    *,
    fetch: bool,
) -> str | None:
    """The full name of a commit; None where the repository does not know what is meant.

    RevisionError where it was to be fetched and could not be.
    """
    commit = _look_up(repository, text)
    if commit is not None or not fetch:
        return commit
    words = "(there is no remote to fetch from)"
    for one in _fetches(repository, text):
        answer = git.run(
            repository.top, "fetch", "--quiet", "--no-recurse-submodules", *one.arguments,
            network=True,
        )  # fmt: skip
        words = answer.words or words
        commit = _look_up(repository, one.name) if answer.code == 0 else None
        if commit is not None:
            return commit
    raise RevisionError(
        f"found {text!r}, which the repository at {repository.top} does not have and "
        f"{FETCH_OPTION} could not get; correct its name. Git says: {words}"
    )


def why_unknown(
    text: str,
    folder: Path,
    repository: Repository | None,
) -> str:
    """What to say of a text that is no revision and no directory."""
    where = "(this is no git repository)"
    hint = ""
    if repository is not None:
        where = f"of the repository around {folder}"
        hint = "fetch it first (git fetch), or "
    elif "GIT_DIR" in os.environ:
        where = "(there is no git repository around this folder, and GIT_DIR is not followed)"
    if repository is not None and repository.is_shallow:
        count = git.output(repository.top, "rev-list", "--count", "HEAD") or "?"
        where += f", a shallow clone with {count} of its commits"
        hint = (
            "get the others (git fetch --unshallow; in CI fetch-depth: 0 of actions/checkout or "
            f"GIT_DEPTH: 0), give {FETCH_OPTION}, or "
        )
    return (
        f"found {mask(text)!r}, which is no revision {where} and no directory; {hint}give a "
        "revision, a tag, a remote branch such as origin/main, a directory, or a "
        f"target as {spec.FORMS}"
    )


def _look_up(repository: Repository, text: str) -> str | None:
    return git.output(repository.top, "rev-parse", "--verify", "--quiet", f"{text}^{{commit}}")


def _fetches(repository: Repository, text: str) -> Iterator[Fetch]:
    """Ways to get a revision, those that bring little first."""
    remotes = (git.output(repository.top, "remote") or "").split()
    if not remotes:
        return
    default = "origin" if "origin" in remotes else remotes[0]
    little: tuple[str, ...] = ("--no-tags",)
    everything: tuple[str, ...] = (default,)
    if repository.is_shallow:
        little = ("--no-tags", "--depth=1")
        everything = ("--unshallow", default)
    remote, _, branch = text.partition("/")
    is_whole_name = re.search(r"[~^@:{]", text) is None
    if is_whole_name and remote in remotes and branch:
        line = f"+refs/heads/{branch}:refs/remotes/{text}"
        yield Fetch((*little, remote, line), text)
    elif is_whole_name:
        yield Fetch((*little, default, text), FETCHED)
    yield Fetch(everything, text)
