"""The GitLab template: its scripts run as a runner of GitLab runs them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.ci.comment_server import CommentServer
from tests.ci.project import FAST_S, SLOW_S, make_project, outside_ci
from tests.unit.ci.clones import Remote, git

pytestmark = pytest.mark.starts
ROOT = Path(__file__).resolve().parents[2]
TEMPLATE = ROOT / "ci" / "gitlab.yml"
NOTES = "/projects/3/merge_requests/7/notes"
TOKEN = "glpat-of-this-project"


@pytest.fixture
def notes() -> Iterator[CommentServer]:
    with CommentServer(NOTES, NOTES, "PRIVATE-TOKEN") as server:
        yield server


@pytest.fixture(scope="module")
def template() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(TEMPLATE.read_text())[".ttsperf"]
    return found


def run_scripts(
    template: Mapping[str, Any],
    folder: Path,
    variables: Mapping[str, str],
) -> tuple[int, str]:
    """The exit code of `script`, and what it and `after_script` print; the latter fails nothing."""
    environment = {**outside_ci(), "PYTHONPATH": str(ROOT), **template["variables"], **variables}
    codes = []
    texts = []
    for part in ("script", "after_script"):
        done = subprocess.run(
            ["bash", "-e", "-o", "pipefail", "-c", "\n".join(template[part])],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=300,
        )
        codes.append(done.returncode)
        texts.append(done.stdout)
    return codes[0], "\n".join(texts)


def variables_of(folder: Path, notes: CommentServer, **more: str) -> dict[str, str]:
    return {
        "CI": "true",
        "GITLAB_CI": "true",
        "CI_API_V4_URL": notes.url,
        "CI_DEFAULT_BRANCH": "main",
        "CI_COMMIT_BEFORE_SHA": "0" * 40,
        "TTSPERF_GITLAB_TOKEN": TOKEN,
        "TTSPERF_PYTHON": sys.executable,
        "XDG_CACHE_HOME": str(folder / "cache"),
        **more,
    }


MERGE_REQUEST = {
    "CI_MERGE_REQUEST_IID": "7",
    "CI_MERGE_REQUEST_PROJECT_ID": "3",
    "CI_MERGE_REQUEST_SOURCE_PROJECT_ID": "3",
    "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main",
}


def where_it_left(remote: Remote) -> str:
    return git(remote.work, "merge-base", "main", "topic")


def test_a_slow_merge_request_is_red_with_a_note(
    tmp_path: Path, notes: CommentServer, template: dict[str, Any]
) -> None:
    remote = make_project(tmp_path, first_s=SLOW_S)
    clone = remote.clone_shallow("clone", "refs/heads/topic")
    code, text = run_scripts(template, clone, variables_of(tmp_path, notes, **MERGE_REQUEST))
    assert code == 1, text
    assert f"compared with {where_it_left(remote)[:12]}, where this change left main" in text
    (note,) = notes.comments
    assert note == f"<!-- ttsperf: ttsperf -->\n{(clone / 'ttsperf-ci/summary.md').read_text()}"
    assert "ttsperf&#58; slower than" in note
    assert notes.tokens == {TOKEN}
    for path in template["artifacts"]["paths"]:
        assert (clone / path).exists()
    assert (clone / template["artifacts"]["reports"]["junit"]).exists()


def test_the_default_branch_is_stored_and_has_no_note(
    tmp_path: Path, notes: CommentServer, template: dict[str, Any]
) -> None:
    remote = make_project(tmp_path, first_s=FAST_S)
    clone = remote.clone_shallow("clone", "refs/heads/main")
    variables = variables_of(tmp_path, notes, CI_COMMIT_BRANCH="main", TTSPERF_AGAINST="none")
    code, text = run_scripts(template, clone, variables)
    assert code == 0, text
    (path,) = template["cache"]["paths"]
    assert len(list((clone / path).glob("*/*.json"))) == 1
    assert notes.comments == []
    assert "nothing to comment on" in text


def test_without_a_token_nothing_is_sent(
    tmp_path: Path, notes: CommentServer, template: dict[str, Any]
) -> None:
    remote = make_project(tmp_path, first_s=FAST_S)
    clone = remote.clone_shallow("clone", "refs/heads/topic")
    more = {**MERGE_REQUEST, "TTSPERF_GITLAB_TOKEN": "", "TTSPERF_AGAINST": "none"}
    code, text = run_scripts(template, clone, variables_of(tmp_path, notes, **more))
    assert code == 0, text
    assert notes.tokens == set()


def test_a_merge_request_reads_the_cache_and_never_writes_it(template: dict[str, Any]) -> None:
    rules = {rule["if"]: rule["variables"] for rule in template["rules"]}
    request = rules['$CI_PIPELINE_SOURCE == "merge_request_event"']
    assert request == {"TTSPERF_CACHE_POLICY": "pull"}
    assert template["cache"]["policy"] == "$TTSPERF_CACHE_POLICY"
