"""The commit that a change is compared with: where it left the branch that it goes into.

A clone in CI is mostly shallow, and holds neither that commit nor the branch. So the branch is
fetched, and then ever more of both histories, until they meet. Only references of the remote are
written, as by the user's fetch; no branch, index or file is.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from pytest_ttsperf import git
from pytest_ttsperf.ci.pipeline import Pipeline
from pytest_ttsperf.compare.checkout import repository
from pytest_ttsperf.compare.checkout.repository import Repository
from pytest_ttsperf.errors import RevisionError

DEEPER = ("--deepen=50", "--deepen=200", "--deepen=1000", "--unshallow")
"""How much more of a shallow history is fetched, one after the other, until two histories meet."""
SHOWN_DIGITS = 12
REMEDY = "clone the whole history (fetch-depth: 0 of actions/checkout, GIT_DEPTH: 0 of GitLab)"


class Base(NamedTuple):
    """A commit to compare with."""

    commit: str
    """Its full name."""
    reason: str
    """Which one it is: `where this change left main`."""
    notes: tuple[str, ...] = ()
    """What could not be had on the way to it."""

    @property
    def label(self) -> str:
        """As people read it."""
        return f"{self.commit[:SHOWN_DIGITS]}, {self.reason}"


class _Clone(NamedTuple):
    """A clone, and where it fetches from."""

    around: Repository
    remote: str | None

    def look_up(self, name: str) -> str | None:
        """The full name of a commit; None where it is not here."""
        return git.output(self.around.top, "rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")

    def is_shallow(self) -> bool:
        answer = git.output(self.around.top, "rev-parse", "--is-shallow-repository")
        return answer == "true"

    def fetch(self, *arguments: str) -> str | None:
        """Fetch; what git says where it cannot, else None."""
        answer = git.run(
            self.around.top,
            "fetch",
            "--quiet",
            "--no-tags",
            "--no-recurse-submodules",
            *arguments,
            network=True,
        )
        if answer.code == 0:
            return None
        return answer.words or f"exit code {answer.code}"


def find_base(folder: Path, pipeline: Pipeline, branch: str | None = None) -> Base:
    """The commit that the checked-out one is to be compared with.

    It is where its history left `branch`, which is by default the branch that the change goes into.
    Where what is checked out is on that branch already, it is the commit before the push, or else
    the one before. RevisionError says what is missing, and how to get it.
    """
    around = repository.find_around(folder, "HEAD")
    if around is None or git.output(around.top, "rev-parse", "--verify", "--quiet", "HEAD") is None:
        raise RevisionError(
            f"found no commit in {folder}, wanted a git clone with one to compare with; run this "
            "in a clone, or name what to compare with (--against=REVISION, DIRECTORY or TARGET)"
        )
    clone = _Clone(around, _choose_remote(around))
    name = branch or pipeline.target_branch or pipeline.default_branch or _default_branch(clone)
    if name is None:
        raise RevisionError(
            f"the clone at {around.top} does not say which branch changes go into; name it "
            "(--branch=main), or name the commit to compare with (--against=REVISION)"
        )
    head = git.require(around.top, "rev-parse", "HEAD")
    tip, notes = _get_tip(clone, name)
    meeting = _find_meeting(clone, head, tip, name)
    if meeting != head:
        return Base(meeting, f"where this change left {name}", notes)
    return _find_previous(clone, head, pipeline, notes)


def _choose_remote(around: Repository) -> str | None:
    remotes = (git.output(around.top, "remote") or "").split()
    if "origin" in remotes:
        return "origin"
    return remotes[0] if remotes else None


def _default_branch(clone: _Clone) -> str | None:
    """The branch that the remote shows first, or the only one that is called like one of these."""
    if clone.remote is not None:
        head = f"refs/remotes/{clone.remote}/HEAD"
        link = git.output(clone.around.top, "symbolic-ref", "--quiet", head)
        if link is not None:
            return link.removeprefix(f"refs/remotes/{clone.remote}/")
        return _ask_default_branch(clone, clone.remote)
    for name in ("main", "master"):
        if clone.look_up(f"refs/heads/{name}") is not None:
            return name
    return None


def _ask_default_branch(clone: _Clone, remote: str) -> str | None:
    answer = git.run(clone.around.top, "ls-remote", "--symref", remote, "HEAD", network=True)
    if answer.code:
        return None
    for line in answer.output.splitlines():
        link, _, name = line.partition("\t")
        if name == "HEAD" and link.startswith("ref: refs/heads/"):
            return link.removeprefix("ref: refs/heads/")
    return None


def _get_tip(clone: _Clone, branch: str) -> tuple[str, tuple[str, ...]]:
    """The name by which the newest commit of the branch is here, and notes about it."""
    if clone.remote is None:
        tip = f"refs/heads/{branch}"
        if clone.look_up(tip) is None:
            raise RevisionError(
                f"found no branch {branch} and no remote in {clone.around.top}; name another "
                "(--branch), or name what to compare with (--against)"
            )
        return tip, ()
    tip = f"refs/remotes/{clone.remote}/{branch}"
    depth = ("--depth=1",) if clone.is_shallow() else ()
    failure = clone.fetch(*depth, clone.remote, _line(clone.remote, branch))
    if failure is None:
        return tip, ()
    if clone.look_up(tip) is None:
        raise RevisionError(
            f"{branch}, which this change goes into, could not be fetched from {clone.remote}: "
            f"{failure}\ncorrect its name (--branch), let the job keep its credentials for git, or "
            f"{REMEDY}"
        )
    note = (
        f"{branch} could not be fetched from {clone.remote}; compared with what the clone has of "
        f"it. Git says: {failure}"
    )
    return tip, (note,)


def _line(remote: str, branch: str) -> str:
    return f"+refs/heads/{branch}:refs/remotes/{remote}/{branch}"


def _find_meeting(clone: _Clone, head: str, tip: str, branch: str) -> str:
    """The newest commit that both histories have, fetched deeper where that is not here."""
    meeting = git.output(clone.around.top, "merge-base", head, tip)
    failure: str | None = None
    for deeper in DEEPER:
        if meeting is not None or clone.remote is None or not clone.is_shallow():
            break
        failure = _deepen(clone, deeper, clone.remote, head, branch)
        meeting = git.output(clone.around.top, "merge-base", head, tip)
    if meeting is not None:
        return meeting
    said = f" Git says: {failure}" if failure else ""
    raise RevisionError(
        f"found no commit that {head[:SHOWN_DIGITS]} and {branch} have in common.{said}\n"
        f"{REMEDY}, or name what to compare with (--against)"
    )


def _deepen(clone: _Clone, deeper: str, remote: str, head: str, branch: str) -> str | None:
    """Fetch more of both histories, or of the branch alone where the remote lacks the change."""
    line = _line(remote, branch)
    if clone.fetch(deeper, remote, head, line) is None:
        return None
    return clone.fetch(deeper, remote, line)


def _find_previous(
    clone: _Clone,
    head: str,
    pipeline: Pipeline,
    notes: tuple[str, ...],
) -> Base:
    """What the branch was before what is checked out, which is on it."""
    before = pipeline.before
    if before is not None and before != head:
        try:
            commit = repository.commit_of(clone.around, before, fetch=True)
        except RevisionError as error:
            notes = (*notes, f"the commit before the push is gone: {error}")
        else:
            if commit is not None:
                return Base(commit, "the commit before this push", notes)
    parent = clone.look_up(f"{head}^")
    if parent is None and clone.remote is not None and clone.is_shallow():
        clone.fetch("--deepen=1", clone.remote, head)
        parent = clone.look_up(f"{head}^")
    if parent is None:
        raise RevisionError(
            f"found no commit before {head[:SHOWN_DIGITS]}; if it is the first one, leave the "
            f"comparison out (--against=none), else {REMEDY}"
        )
    return Base(parent, "the commit before this one", notes)
