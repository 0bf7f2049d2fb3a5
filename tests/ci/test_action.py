"""The GitHub Action, step by step: what it measures, writes, comments and stores."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.ci.comment_server import CommentServer
from tests.ci.project import FAST_S, SLOW_S, make_project
from tests.ci.runner import Job, evaluate, run_action
from tests.unit.ci.clones import Remote, git

pytestmark = pytest.mark.starts
ROOT = Path(__file__).resolve().parents[2]
ACTION = ROOT / "action.yml"
USES = {
    "actions/cache/restore@v5": {"path", "key", "restore-keys"},
    "actions/cache/save@v5": {"path", "key"},
    "actions/upload-artifact@v6": {"name", "path", "if-no-files-found"},
}
"""Every action of others that ours uses, at the version that was looked at, and its inputs."""
TOKEN = "ghs_of_this_job"
TITLE = "### ttsperf&#58;"


@pytest.fixture
def comments() -> Iterator[CommentServer]:
    issues = "/repos/team/engine/issues"
    with CommentServer(f"{issues}/7/comments", f"{issues}/comments", "Authorization") as server:
        yield server


def make_job(
    folder: Path,
    remote: Remote,
    comments: CommentServer,
    reference: str,
    event: Mapping[str, Any],
    **variables: str,
) -> Job:
    """A job whose checkout has one commit, as that of actions/checkout has."""
    workspace = remote.clone_shallow("workspace", reference)
    temp = folder / "temp"
    temp.mkdir()
    event_path = folder / "event.json"
    event_path.write_text(json.dumps(event))
    return Job(
        folder=workspace,
        temp=temp,
        variables={
            "CI": "true",
            "GITHUB_ACTIONS": "true",
            "GITHUB_API_URL": comments.url,
            "GITHUB_EVENT_PATH": str(event_path),
            "GITHUB_REPOSITORY": "team/engine",
            "PYTHONPATH": str(ROOT),
            "XDG_CACHE_HOME": str(folder / "cache"),
            **variables,
        },
        github={
            "token": TOKEN,
            "action_path": str(ROOT),
            "run_id": "101",
            "run_attempt": "1",
        },
        runner={"temp": str(temp), "os": "Linux", "arch": "X64"},
    )


def pull_request(*, head: str = "team/engine") -> dict[str, Any]:
    return {
        "pull_request": {"number": 7, "head": {"repo": {"full_name": head}}},
        "repository": {"full_name": "team/engine", "default_branch": "main"},
    }


REQUEST = {"GITHUB_BASE_REF": "main", "GITHUB_REF_TYPE": "branch", "GITHUB_REF_NAME": "7/merge"}


def test_a_slow_change_is_red_with_a_summary_and_one_comment(
    tmp_path: Path, comments: CommentServer
) -> None:
    remote = make_project(tmp_path, first_s=SLOW_S)
    job = make_job(tmp_path, remote, comments, "refs/pull/7/merge", pull_request(), **REQUEST)
    run_action(ACTION, {"python": sys.executable}, job)
    assert job.codes["Measure and compare"] == 1, job.logs["Measure and compare"]
    assert job.outputs["outcome"] == "fail"
    assert job.outputs["base"] == git(remote.work, "rev-parse", "main")
    assert job.summary.startswith(f"{TITLE} slower than")
    assert "where this change left main" in job.summary
    assert job.codes["Comment"] == 0, job.logs["Comment"]
    (comment,) = comments.comments
    assert comment.endswith(job.summary)
    assert comments.tokens == {f"Bearer {TOKEN}"}
    written = {path.name for path in (job.temp / "ttsperf").iterdir()}
    assert written == {"run.json", "summary.md", "junit.xml", "artifacts"}
    assert git(job.folder, "status", "--porcelain") == "", "nothing is left in the workspace"
    actions = [action for action, _ in job.used]
    assert actions == ["actions/cache/restore@v5", "actions/upload-artifact@v6"]

    # The next run of the request, in which the change was taken back.
    (job.folder / "engine.py").write_text(git(job.folder, "show", "origin/main:engine.py"))
    job.codes.clear()
    run_action(ACTION, {"python": sys.executable, "against": "none"}, job)
    assert job.codes["Measure and compare"] == 0, job.logs["Measure and compare"]
    assert job.outputs["outcome"] in ("pass", "inconclusive")
    assert len(comments.comments) == 1, "the comment was updated"
    assert f"{TITLE} slower than" not in comments.comments[0]


def test_what_is_merged_is_stored_for_the_next(tmp_path: Path, comments: CommentServer) -> None:
    remote = make_project(tmp_path, first_s=FAST_S)
    event = {"before": "0" * 40, "repository": {"default_branch": "main"}}
    main = {"GITHUB_REF_TYPE": "branch", "GITHUB_REF_NAME": "main"}
    job = make_job(tmp_path, remote, comments, "refs/heads/main", event, **main)
    inputs = {"python": sys.executable, "against": "none"}
    run_action(ACTION, inputs, job)
    assert job.codes["Measure and compare"] == 0, job.logs["Measure and compare"]
    assert job.outputs["base"] == ""
    stored = list((job.temp / "ttsperf-baselines").glob("*/*.json"))
    assert len(stored) == 1
    actions = dict(job.used)
    assert actions.keys() == USES.keys()
    kept = actions["actions/cache/save@v5"]
    restored = actions["actions/cache/restore@v5"]
    assert kept["path"] == restored["path"] == str(job.temp / "ttsperf-baselines")
    assert kept["key"] == restored["key"]
    assert kept["key"].startswith(restored["restore-keys"])
    assert "nothing to comment on" in job.logs["Comment"]
    assert comments.comments == []


def test_a_request_from_a_fork_has_the_summary_and_no_comment(
    tmp_path: Path, comments: CommentServer
) -> None:
    remote = make_project(tmp_path, first_s=FAST_S)
    comments.is_read_only = True
    event = pull_request(head="somebody/engine")
    job = make_job(tmp_path, remote, comments, "refs/pull/7/merge", event, **REQUEST)
    run_action(ACTION, {"python": sys.executable, "against": "none"}, job)
    assert not job.has_failed, job.logs
    assert "fork" in job.logs["Comment"]
    assert "within all limits" in job.summary
    assert comments.tokens == set(), "no token was sent"


def test_a_run_that_cannot_begin_is_red_and_says_why(
    tmp_path: Path, comments: CommentServer
) -> None:
    remote = make_project(tmp_path)
    job = make_job(tmp_path, remote, comments, "refs/pull/7/merge", pull_request(), **REQUEST)
    inputs = {"python": sys.executable, "branch": "nowhere", "baselines": "false"}
    run_action(ACTION, inputs, job)
    assert job.codes["Measure and compare"] == 1
    assert "nowhere" in job.logs["Measure and compare"]
    assert "Comment" not in job.codes, "there is no summary"
    assert [action for action, _ in job.used] == ["actions/upload-artifact@v6"]


def test_options_reach_pytest_as_a_shell_has_them(tmp_path: Path, comments: CommentServer) -> None:
    remote = make_project(tmp_path)
    job = make_job(tmp_path, remote, comments, "refs/pull/7/merge", pull_request(), **REQUEST)
    options = "-m perf -k 'nothing or $(touch injected)'"
    inputs = {"python": sys.executable, "against": "none", "pytest": options, "comment": "false"}
    run_action(ACTION, inputs, job)
    assert job.codes["Measure and compare"] not in (0, 1)
    assert job.outputs["outcome"] == "broken"
    assert not (job.folder / "injected").exists()


def test_the_plugin_is_installed_where_it_is_missing(
    tmp_path: Path, comments: CommentServer
) -> None:
    remote = make_project(tmp_path)
    job = make_job(tmp_path, remote, comments, "refs/pull/7/merge", pull_request(), **REQUEST)
    python = tmp_path / "python"
    python.write_text('#!/bin/sh\necho "$@" >> "$0.log"\n[ "$1" = -m ] && [ "$2" = pip ]\n')
    python.chmod(0o755)
    run_action(ACTION, {"python": str(python)}, job)
    assert job.codes["Find the plugin, or install it"] == 0
    lines = (tmp_path / "python.log").read_text().splitlines()
    assert lines[:2] == ["-c import pytest_ttsperf.ci", f"-m pip install {ROOT}"]


def test_actions_of_others_are_those_that_were_looked_at() -> None:
    steps = yaml.safe_load(ACTION.read_text())["runs"]["steps"]
    used = {step["uses"]: step["with"].keys() for step in steps if "uses" in step}
    assert used.keys() == USES.keys()
    for action, inputs in used.items():
        assert inputs <= USES[action]


def test_every_input_is_used_and_described_on_the_page() -> None:
    action = yaml.safe_load(ACTION.read_text())
    page = (ROOT / "docs" / "ci.md").read_text()
    source = ACTION.read_text()
    for name in action["inputs"]:
        assert f"inputs.{name}" in source
        assert f"| `{name}` |" in page
    for name in action["outputs"]:
        assert f"`{name}`" in page


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("inputs.a == 'x' && 'yes' || 'no'", "yes"),
        ("inputs.a != 'x' && 'yes' || 'no'", "no"),
        ("!cancelled() && steps.s.outputs.o != ''", True),
        ("steps.never.outputs.o == ''", True),
        ("format('{0}/b', inputs.a)", "x/b"),
        ("(inputs.a == 'X' || inputs.a == 'y') && inputs.a", "x"),
        ("failure()", False),
    ],
)
def test_the_emulation_evaluates_as_github_does(text: str, value: object, tmp_path: Path) -> None:
    job = Job(tmp_path, tmp_path, {}, {}, {})
    context = {"inputs": {"a": "x"}, "steps": {"s": {"o": "1"}}}
    assert evaluate(text, context, job) == value


def test_the_runner_has_what_the_steps_need() -> None:
    assert shutil.which("bash") is not None
