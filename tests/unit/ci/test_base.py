"""What a change is compared with, in clones that are as shallow as those of CI."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_ttsperf.ci import base
from pytest_ttsperf.ci.base import find_base
from pytest_ttsperf.ci.pipeline import Pipeline
from pytest_ttsperf.errors import RevisionError
from tests.unit.ci.clones import Remote, git

pytestmark = pytest.mark.starts
TO_MAIN = Pipeline(system="github", target_branch="main", default_branch="main")
ON_MAIN = Pipeline(system="github", branch="main", default_branch="main")


@pytest.fixture
def remote(tmp_path: Path) -> Remote:
    return Remote(tmp_path)


@pytest.fixture
def forked(remote: Remote) -> dict[str, str]:
    """A branch that left main before main's newest commit, and both merged, by their names."""
    commits = {"first": remote.commit("first"), "fork": remote.commit("fork")}
    git(remote.work, "checkout", "-q", "-b", "topic")
    remote.commit("one")
    commits["topic"] = remote.commit("two")
    git(remote.work, "checkout", "-q", "main")
    commits["main"] = remote.commit("newer")
    git(remote.work, "checkout", "-q", "--detach", "main")
    git(remote.work, "merge", "-q", "--no-ff", "-m", "merged", "topic")
    remote.push("main", "topic", "HEAD:refs/pull/7/merge")
    return commits


def test_a_branch_is_compared_with_where_it_left(remote: Remote, forked: dict[str, str]) -> None:
    clone = remote.clone_shallow("clone", "refs/heads/topic")
    found = find_base(clone, TO_MAIN)
    assert found.commit == forked["fork"]
    assert found.reason == "where this change left main"
    assert found.notes == ()
    assert git(clone, "show", "HEAD:two") == "two"
    assert git(clone, "show", f"{found.commit}:fork") == "fork", "its files are here as well"


def test_a_merged_request_is_compared_with_the_branch_it_was_merged_into(
    remote: Remote, forked: dict[str, str]
) -> None:
    clone = remote.clone_shallow("clone", "refs/pull/7/merge")
    git(remote.work, "checkout", "-q", "main")
    remote.commit("newest")
    remote.push("main")
    assert find_base(clone, TO_MAIN).commit == forked["main"], "what came later is not in it"


def test_a_long_history_is_fetched_in_steps(
    remote: Remote, monkeypatch: pytest.MonkeyPatch
) -> None:
    fork = remote.commit("fork")
    git(remote.work, "checkout", "-q", "-b", "topic")
    for number in range(7):
        remote.commit(f"step {number}")
    remote.push("main", "topic")
    clone = remote.clone_shallow("clone", "refs/heads/topic")
    monkeypatch.setattr(base, "DEEPER", ("--deepen=2", "--deepen=2", "--unshallow"))
    assert find_base(clone, TO_MAIN).commit == fork
    monkeypatch.setattr(base, "DEEPER", ("--deepen=2",))
    with pytest.raises(RevisionError, match="fetch-depth: 0"):
        find_base(remote.clone_shallow("other", "refs/heads/topic"), TO_MAIN)


def test_what_is_on_the_branch_is_compared_with_what_was_before(remote: Remote) -> None:
    first = remote.commit("first")
    second = remote.commit("second")
    remote.commit("third")
    remote.push("main")
    clone = remote.clone_shallow("clone", "refs/heads/main")
    found = find_base(clone, ON_MAIN._replace(before=first))
    assert (found.commit, found.reason) == (first, "the commit before this push")
    other = remote.clone_shallow("other", "refs/heads/main")
    found = find_base(other, ON_MAIN)
    assert (found.commit, found.reason) == (second, "the commit before this one")


def test_a_commit_that_is_gone_is_noted(remote: Remote) -> None:
    first = remote.commit("first")
    remote.commit("second")
    remote.push("main")
    clone = remote.clone_shallow("clone", "refs/heads/main")
    found = find_base(clone, ON_MAIN._replace(before="b" * 40))
    assert found.commit == first
    assert "before the push is gone" in found.notes[0]


def test_the_first_commit_has_nothing_before_it(remote: Remote) -> None:
    remote.commit("first")
    remote.push("main")
    clone = remote.clone_shallow("clone", "refs/heads/main")
    with pytest.raises(RevisionError, match="--against=none"):
        find_base(clone, ON_MAIN)


def test_git_alone_knows_the_branch(remote: Remote, forked: dict[str, str]) -> None:
    git(remote.work, "checkout", "-q", "topic")
    assert find_base(remote.work, Pipeline()).commit == forked["fork"], "the remote says it"
    git(remote.work, "remote", "remove", "origin")
    assert find_base(remote.work, Pipeline()).commit == forked["fork"], "it is called main"
    git(remote.work, "branch", "-q", "-m", "main", "trunk")
    with pytest.raises(RevisionError, match="--branch=main"):
        find_base(remote.work, Pipeline())
    assert find_base(remote.work, Pipeline(), "trunk").commit == forked["fork"]


def test_a_branch_that_is_nowhere_is_named(remote: Remote, forked: dict[str, str]) -> None:
    with pytest.raises(RevisionError, match=r"nowhere, which this change goes into"):
        find_base(remote.work, Pipeline(), "nowhere")


def test_without_the_network_the_clone_is_believed(remote: Remote, forked: dict[str, str]) -> None:
    git(remote.work, "checkout", "-q", "topic")
    git(remote.work, "fetch", "-q", "origin")
    git(remote.work, "remote", "set-url", "origin", "file:///nowhere/at/all")
    found = find_base(remote.work, TO_MAIN)
    assert found.commit == forked["fork"]
    assert "could not be fetched from origin" in found.notes[0]


def test_no_clone_is_no_base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    with pytest.raises(RevisionError, match="run this in a clone"):
        find_base(tmp_path, TO_MAIN)


def test_nothing_of_the_user_is_touched(remote: Remote, forked: dict[str, str]) -> None:
    clone = remote.clone_shallow("clone", "refs/heads/topic")
    (clone / "two").write_text("changed")
    (clone / "new").write_text("new")
    before = git(clone, "status", "--porcelain"), git(clone, "for-each-ref", "refs/heads")
    head = git(clone, "rev-parse", "HEAD")
    find_base(clone, TO_MAIN)
    assert (git(clone, "status", "--porcelain"), git(clone, "for-each-ref", "refs/heads")) == before
    assert git(clone, "rev-parse", "HEAD") == head
