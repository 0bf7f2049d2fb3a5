"""How git is started: apart from any hook's repository, quiet, offline, and said when missing."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from pytest_ttsperf import git
from pytest_ttsperf.errors import GitError, GitMissing
from pytest_ttsperf.machine import fingerprint

pytestmark = pytest.mark.starts


def by_hand(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), "-c", "user.name=n", "-c", "user.email=e@e", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def new_repository(folder: Path, text: str) -> Path:
    folder.mkdir()
    by_hand(folder, "init", "-q", "-b", "main")
    (folder / "engine.py").write_text(text)
    by_hand(folder, "add", "-A")
    by_hand(folder, "commit", "-qm", text)
    return folder


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    return new_repository(tmp_path / "project", "speed = 1\n")


def test_no_variable_of_a_hook_s_repository_comes_through(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = by_hand(tmp_path, "rev-parse", "--local-env-vars").split()
    for name in names:
        monkeypatch.setenv(name, "1")
    assert "GIT_INDEX_FILE" in names
    assert git.environment().keys().isdisjoint(names)
    assert git.without_repository().keys().isdisjoint(names)


def test_the_folder_decides_which_repository_it_is(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = new_repository(tmp_path / "other", "speed = 2\n")
    wanted = by_hand(repository, "rev-parse", "HEAD")
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(other / ".git" / "index"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other))
    state = fingerprint.git_state(repository)
    assert state is not None
    assert state.revision == wanted
    assert git.output(repository, "rev-parse", "--show-toplevel") == str(repository.resolve())


def test_who_is_trusted_and_how_to_reach_him_may_be_said_in_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = [("core.worktree", "/elsewhere"), ("safe.directory", "*"), ("url.a.insteadOf", "b")]
    monkeypatch.setenv("GIT_CONFIG_COUNT", str(len(settings)))
    for index, (key, value) in enumerate(settings):
        monkeypatch.setenv(f"GIT_CONFIG_KEY_{index}", key)
        monkeypatch.setenv(f"GIT_CONFIG_VALUE_{index}", value)
    passed = git.environment()
    assert passed["GIT_CONFIG_COUNT"] == "2"
    keys = [passed["GIT_CONFIG_KEY_0"], passed["GIT_CONFIG_KEY_1"]]
    assert keys == ["safe.directory", "url.a.insteadOf"]


def test_reading_the_state_does_not_even_refresh_the_index(repository: Path) -> None:
    engine, index = repository / "engine.py", repository / ".git" / "index"
    os.utime(engine, (1, 1))  # what git would note in the index, as the content is the same
    before = index.read_bytes()
    state = fingerprint.git_state(repository)
    assert state is not None
    assert not state.dirty
    assert index.read_bytes() == before
    by_hand(repository, "status")
    assert index.read_bytes() != before, "a git run by hand does"


def test_programs_that_the_user_hung_into_git_do_not_run(repository: Path, tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    program.chmod(0o755)
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    for name in ("post-index-change", "reference-transaction", "post-checkout"):
        (hooks / name).symlink_to(program)
    by_hand(repository, "config", "core.fsmonitor", str(program))
    by_hand(repository, "config", "core.hooksPath", str(hooks))
    by_hand(repository, "config", "core.pager", str(program))
    (tmp_path / "ran").unlink(missing_ok=True)
    fingerprint.git_state(repository)
    git.require(repository, "worktree", "add", "--detach", str(tmp_path / "tree"), "HEAD")
    assert not (tmp_path / "ran").exists()
    by_hand(repository, "status")
    assert (tmp_path / "ran").exists(), "a git run by hand does run them"


def test_nothing_is_fetched_unless_it_is_allowed(repository: Path, tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    by_hand(tmp_path, "clone", "-q", repository.as_uri(), str(clone))
    answer = git.run(clone, "fetch", "origin")
    assert answer.code != 0
    assert "not allowed" in answer.words
    assert git.run(clone, "fetch", "origin", network=True).code == 0


def test_a_git_that_is_missing_is_said_to_be(
    repository: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(GitMissing, match="git is not installed or not on PATH"):
        git.run(repository, "status")
    assert fingerprint.git_state(repository) is None


def test_what_git_says_is_in_the_error_in_english(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    monkeypatch.setenv("LANGUAGE", "de")
    with pytest.raises(GitError, match=r"git rev-parse nowhere failed(.|\n)*fatal: .*revision"):
        git.require(repository, "rev-parse", "--verify", "nowhere")
