"""What a CI system says of a change, and that nothing is made up where it says nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pytest_ttsperf.ci.pipeline import ChangeRequest, Pipeline, read_pipeline
from pytest_ttsperf.errors import FileUnreadable

COMMIT = "a" * 40


def github(folder: Path, event: dict[str, Any], **variables: str) -> Pipeline:
    path = folder / "event.json"
    path.write_text(json.dumps(event))
    return read_pipeline({"GITHUB_ACTIONS": "true", "GITHUB_EVENT_PATH": str(path), **variables})


def pull_request(head: str | None) -> dict[str, Any]:
    repo = {"full_name": head} if head is not None else None
    return {
        "pull_request": {"number": 7, "head": {"repo": repo}},
        "repository": {"full_name": "team/engine", "default_branch": "main"},
    }


@pytest.mark.parametrize(
    ("head", "is_from_fork"),
    [("team/engine", False), ("other/engine", True), (None, True)],
)
def test_a_pull_request(tmp_path: Path, head: str | None, is_from_fork: bool) -> None:
    found = github(
        tmp_path,
        pull_request(head),
        GITHUB_BASE_REF="release",
        GITHUB_REF_TYPE="branch",
        GITHUB_REF_NAME="7/merge",
    )
    assert found == Pipeline(
        system="github",
        target_branch="release",
        default_branch="main",
        request=ChangeRequest(7, is_from_fork),
    )
    assert not found.is_on_default_branch


def test_a_push(tmp_path: Path) -> None:
    event = {"before": COMMIT, "repository": {"default_branch": "main"}}
    variables = {"GITHUB_REF_TYPE": "branch", "GITHUB_REF_NAME": "main"}
    found = github(tmp_path, event, **variables)
    assert found.before == COMMIT
    assert found.is_on_default_branch
    assert not github(tmp_path, event, **{**variables, "GITHUB_REF_NAME": "x"}).is_on_default_branch
    tag = {"GITHUB_REF_TYPE": "tag", "GITHUB_REF_NAME": "main"}
    assert not github(tmp_path, event, **tag).is_on_default_branch


def test_the_first_push_of_a_branch_has_nothing_before_it(tmp_path: Path) -> None:
    assert github(tmp_path, {"before": "0" * 40}).before is None


def test_a_merge_queue(tmp_path: Path) -> None:
    event = {"merge_group": {"base_ref": "refs/heads/main"}}
    found = github(tmp_path, event, GITHUB_REF_TYPE="branch", GITHUB_REF_NAME="queue/1")
    assert found.target_branch == "main"
    assert found.branch is None


def test_an_event_that_cannot_be_read_is_no_empty_event(tmp_path: Path) -> None:
    path = tmp_path / "event.json"
    path.write_text("{")
    with pytest.raises(FileUnreadable):
        read_pipeline({"GITHUB_ACTIONS": "true", "GITHUB_EVENT_PATH": str(path)})


@pytest.mark.parametrize(("source", "is_from_fork"), [("3", False), ("4", True)])
def test_a_merge_request(source: str, is_from_fork: bool) -> None:
    found = read_pipeline(
        {
            "GITLAB_CI": "true",
            "CI_MERGE_REQUEST_IID": "12",
            "CI_MERGE_REQUEST_PROJECT_ID": "3",
            "CI_MERGE_REQUEST_SOURCE_PROJECT_ID": source,
            "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main",
            "CI_DEFAULT_BRANCH": "main",
            "CI_COMMIT_BEFORE_SHA": "0" * 40,
        }
    )
    assert found == Pipeline(
        system="gitlab",
        target_branch="main",
        default_branch="main",
        request=ChangeRequest(12, is_from_fork),
    )


def test_a_branch_of_gitlab() -> None:
    found = read_pipeline(
        {
            "GITLAB_CI": "true",
            "CI_COMMIT_BRANCH": "main",
            "CI_DEFAULT_BRANCH": "main",
            "CI_COMMIT_BEFORE_SHA": COMMIT,
        }
    )
    assert found.before == COMMIT
    assert found.is_on_default_branch
    assert found.request is None


def test_no_ci_says_nothing() -> None:
    assert read_pipeline({"GITHUB_BASE_REF": "main", "CI_COMMIT_BRANCH": "main"}) == Pipeline()
    assert not Pipeline().is_on_default_branch
