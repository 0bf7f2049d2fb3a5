"""Who accepts: the user of git, else of the system, else nobody."""

from __future__ import annotations

import getpass

import pytest

from pytest_ttsperf import git
from pytest_ttsperf.baseline.person import _git_name, _login
from pytest_ttsperf.errors import GitMissing


def answering(monkeypatch, output, code=0):
    answer = git.GitOutput(code, output, "")
    monkeypatch.setattr(git, "run", lambda *arguments, **more: answer)


@pytest.mark.parametrize(
    ("lines", "name"),
    [
        ("user.name Ann Example\nuser.email ann@example.org", "Ann Example <ann@example.org>"),
        ("user.email ann@example.org", "<ann@example.org>"),
        ("user.name Everyone\nuser.name Ann", "Ann"),
        ("user.name J\udcfcrgen", "J\N{REPLACEMENT CHARACTER}rgen"),
        ("", None),
    ],
)
def test_what_git_knows(monkeypatch, tmp_path, lines, name):
    answering(monkeypatch, lines)
    assert _git_name(tmp_path) == name


def test_no_git(monkeypatch, tmp_path):
    def fail(*arguments, **more):
        raise GitMissing("no git")

    monkeypatch.setattr(git, "run", fail)
    assert _git_name(tmp_path) is None


def test_a_user_without_a_name(monkeypatch):
    def fail():
        raise KeyError("uid not found: 1234")

    monkeypatch.setattr(getpass, "getuser", fail)
    assert _login() is None


@pytest.mark.starts
def test_the_user_of_the_repository(tmp_path):
    git.require(tmp_path, "init", "-q")
    git.require(tmp_path, "config", "user.name", "Ann Example")
    git.require(tmp_path, "config", "user.email", "ann@example.org")
    assert _git_name(tmp_path) == "Ann Example <ann@example.org>"
