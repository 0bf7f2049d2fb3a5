"""What a CI system says of the change that it builds: its branches, its request, its places.

GitHub's variables are described in its page "Variables reference", what an event's file holds in
"Webhook events and payloads"; GitLab's in "Predefined CI/CD variables reference". On any other
system, and on a developer's machine, git alone has to know.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

from pytest_ttsperf import files

System = Literal["github", "gitlab"]
NO_COMMIT = re.compile("0+")
"""What stands in the place of a commit where there is none, as before a branch's first push."""


class ChangeRequest(NamedTuple):
    """The pull or merge request that a change is proposed by."""

    number: int
    is_from_fork: bool
    """Whether its branch lies in another project, whose jobs may not write here."""


class Pipeline(NamedTuple):
    """What is known of the change; None where nobody says it."""

    system: System | None = None
    branch: str | None = None
    """The branch that is built; None in a request, and for a tag."""
    target_branch: str | None = None
    """The branch that the change is to be merged into."""
    default_branch: str | None = None
    before: str | None = None
    """The commit that the branch stood at before the push."""
    request: ChangeRequest | None = None

    @property
    def is_on_default_branch(self) -> bool:
        """Whether what is built has been merged already."""
        return self.branch is not None and self.branch == self.default_branch


def read_pipeline(variables: Mapping[str, str]) -> Pipeline:
    """The pipeline that these environment variables are of; an empty one outside CI.

    OSError or FileUnreadable where they name an event that cannot be read.
    """
    if variables.get("GITHUB_ACTIONS") == "true":
        return _read_github(variables)
    if variables.get("GITLAB_CI") == "true":
        return _read_gitlab(variables)
    return Pipeline()


def _read_github(variables: Mapping[str, str]) -> Pipeline:
    event = _read_event(variables.get("GITHUB_EVENT_PATH", ""))
    request = _github_request(event)
    target = variables.get("GITHUB_BASE_REF") or None
    queued_into = _find(event, "merge_group", "base_ref")
    if target is None and isinstance(queued_into, str):
        target = queued_into.removeprefix("refs/heads/")
    branch = None
    if target is None and variables.get("GITHUB_REF_TYPE") == "branch":
        branch = variables.get("GITHUB_REF_NAME")
    return Pipeline(
        system="github",
        branch=branch,
        target_branch=target,
        default_branch=_find(event, "repository", "default_branch"),
        before=_commit(_find(event, "before")),
        request=request,
    )


def _github_request(event: Mapping[str, Any]) -> ChangeRequest | None:
    number = _find(event, "pull_request", "number")
    if not isinstance(number, int):
        return None
    head = _find(event, "pull_request", "head", "repo", "full_name")
    here = _find(event, "repository", "full_name")
    # Without a name it comes from a fork that has been deleted.
    return ChangeRequest(number, is_from_fork=head is None or head != here)


def _read_gitlab(variables: Mapping[str, str]) -> Pipeline:
    request = None
    number = variables.get("CI_MERGE_REQUEST_IID", "")
    if number.isdecimal():
        source = variables.get("CI_MERGE_REQUEST_SOURCE_PROJECT_ID")
        project = variables.get("CI_MERGE_REQUEST_PROJECT_ID")
        request = ChangeRequest(int(number), is_from_fork=source != project)
    return Pipeline(
        system="gitlab",
        branch=variables.get("CI_COMMIT_BRANCH") or None,
        # Its commit is in CI_MERGE_REQUEST_DIFF_BASE_SHA, which a new target does not change.
        target_branch=variables.get("CI_MERGE_REQUEST_TARGET_BRANCH_NAME") or None,
        default_branch=variables.get("CI_DEFAULT_BRANCH") or None,
        before=_commit(variables.get("CI_COMMIT_BEFORE_SHA")),
        request=request,
    )


def _read_event(path: str) -> Mapping[str, Any]:
    """The event that started a workflow; empty where no file of it is named."""
    if not path:
        return {}
    event: dict[str, Any] = files.read_json(Path(path), dict)
    return event


def _find(event: object, *names: str) -> Any:
    """What lies below these names; None where something on the way is missing."""
    for name in names:
        if not isinstance(event, Mapping):
            return None
        event = event.get(name)
    return event


def _commit(text: object) -> str | None:
    if not isinstance(text, str) or not text or NO_COMMIT.fullmatch(text):
        return None
    return text
