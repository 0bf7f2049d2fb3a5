"""One comment about a run, at its pull or merge request: written once, then kept up to date.

It is found again by a line that nobody sees, which holds a name: several jobs of one request, as of
two machines, have a comment each. GitHub: REST, "issue comments"; GitLab: REST, "notes".
"""

from __future__ import annotations

import json
import re
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal, NamedTuple

from pytest_ttsperf.ci.pipeline import Pipeline
from pytest_ttsperf.errors import CommentRefused, LimitError

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._ -]{0,99}")
MOST_BYTES = 65_000
"""Of a comment: GitHub takes 65,536 characters."""
PAGE = 100
MOST_PAGES = 50
TIMEOUT_S = 30.0
GITHUB_TOKEN = "GITHUB_TOKEN"  # noqa: S105  (names of variables)
GITLAB_TOKEN = "TTSPERF_GITLAB_TOKEN"  # noqa: S105
REFUSED = (401, 403, 404)
"""What a service answers where a token may not see or write something."""


class ServiceAnswer(NamedTuple):
    """What a service answered."""

    status: int
    content: Any
    """Of its JSON; None where it is none."""


class Call(NamedTuple):
    """What is sent to a service."""

    method: Literal["GET", "POST", "PATCH", "PUT"]
    url: str
    headers: Mapping[str, str]
    content: Mapping[str, str] | None = None


Send = Callable[[Call], ServiceAnswer]


class Place(NamedTuple):
    """Where the comments of a request are, and how they are reached."""

    comments_url: str
    comment_url: str
    """Of one comment, to which its number is added."""
    update: Literal["PATCH", "PUT"]
    headers: Mapping[str, str]


def find_place(pipeline: Pipeline, variables: Mapping[str, str]) -> Place | None:
    """Where comments on this request are; None where there is no request.

    CommentRefused where there is one, and its address or a token to write with is missing.
    """
    request = pipeline.request
    if request is None:
        return None
    if pipeline.system == "github":
        api = _require(variables, "GITHUB_API_URL", "GitHub sets it")
        repository = _require(variables, "GITHUB_REPOSITORY", "GitHub sets it")
        token = _require(variables, GITHUB_TOKEN, "set it to ${{ github.token }}")
        return Place(
            comments_url=f"{api}/repos/{repository}/issues/{request.number}/comments",
            comment_url=f"{api}/repos/{repository}/issues/comments",
            update="PATCH",
            headers={
                "Authorization": f"Bearer {token}",
                "Accept": "application/vnd.github+json",
                "X-GitHub-Api-Version": "2022-11-28",
            },
        )
    api = _require(variables, "CI_API_V4_URL", "GitLab sets it")
    project = _require(variables, "CI_MERGE_REQUEST_PROJECT_ID", "GitLab sets it")
    token = _require(
        variables,
        GITLAB_TOKEN,
        "make a project access token with the scope api (a job's own may not comment), and a "
        "masked variable of it",
    )
    notes = f"{api}/projects/{project}/merge_requests/{request.number}/notes"
    return Place(notes, notes, "PUT", {"PRIVATE-TOKEN": token})


def write_comment(place: Place, name: str, body: str, send: Send) -> Literal["new", "updated"]:
    """Put the text into the comment of this name, or into a new one.

    CommentRefused where the service takes neither; LimitError for a name that cannot be one, and
    for a text that is too long.
    """
    mark = mark_of(name)
    text = f"{mark}\n{body}"
    size = len(text.encode())
    if size > MOST_BYTES:
        raise LimitError(
            f"found a comment of {size} bytes, wanted at most {MOST_BYTES}; `ttsperf ci run` and "
            "`ttsperf ci summary` write shorter ones"
        )
    for number in _find_comments(place, mark, send):
        call = Call(place.update, f"{place.comment_url}/{number}", place.headers, {"body": text})
        answer = send(call)
        if answer.status == 200:
            return "updated"
        # Anybody may write the mark into a comment, and that one is not ours to change.
        if answer.status not in REFUSED:
            raise CommentRefused(_why_refused(answer))
    answer = send(Call("POST", place.comments_url, place.headers, {"body": text}))
    if answer.status != 201:
        raise CommentRefused(_why_refused(answer))
    return "new"


def mark_of(name: str) -> str:
    """The line by which a comment is found again. LimitError for a name that cannot stand in it."""
    if not NAME.fullmatch(name) or "--" in name:
        raise LimitError(
            f"found the name {name!r}; wanted letters, digits, spaces and . _ -, no two hyphens "
            "together, and at most a hundred of them"
        )
    return f"<!-- ttsperf: {name} -->"


def _find_comments(place: Place, mark: str, send: Send) -> Iterator[int]:
    """Numbers of the comments that begin with the mark, oldest first."""
    for page in range(1, MOST_PAGES + 1):
        url = f"{place.comments_url}?per_page={PAGE}&page={page}&sort=asc&order_by=created_at"
        answer = send(Call("GET", url, place.headers))
        if answer.status != 200 or not isinstance(answer.content, list):
            raise CommentRefused(_why_refused(answer))
        for comment in answer.content:
            if str(comment.get("body", "")).startswith(mark):
                yield int(comment["id"])
        if len(answer.content) < PAGE:
            return


def _why_refused(answer: ServiceAnswer) -> str:
    message = ""
    if isinstance(answer.content, Mapping):
        message = f" ({answer.content.get('message', '')})"
    remedy = "the summary is in the log and the artifact all the same"
    if answer.status in REFUSED:
        remedy = (
            "give the token the right to write (permissions: pull-requests: write on GitHub, the "
            "scope api on GitLab); a request from a fork never has it"
        )
    return f"the comment was answered with status {answer.status}{message}; {remedy}"


def _require(variables: Mapping[str, str], name: str, remedy: str) -> str:
    value = variables.get(name, "").rstrip("/")
    if not value:
        raise CommentRefused(f"found no {name}, which a comment needs; {remedy}")
    return value


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Where it leads, the token would be sent as well."""

    def redirect_request(self, *_: object) -> None:
        return None


def send_over_http(call: Call) -> ServiceAnswer:
    """Send it; CommentRefused where the service cannot be reached."""
    if not call.url.startswith(("https://", "http://")):
        raise CommentRefused(f"found the address {call.url!r}, wanted one by https://")
    body = None if call.content is None else json.dumps(call.content).encode()
    headers = {**call.headers, "Content-Type": "application/json", "User-Agent": "pytest-ttsperf"}
    request = urllib.request.Request(  # noqa: S310  (its scheme is looked at above)
        call.url, data=body, headers=headers, method=call.method
    )
    opener = urllib.request.build_opener(_NoRedirects)
    try:
        with opener.open(request, timeout=TIMEOUT_S) as response:
            return ServiceAnswer(response.status, _json_of(response.read()))
    except urllib.error.HTTPError as error:
        with error:
            return ServiceAnswer(error.code, _json_of(error.read()))
    except OSError as error:
        raise CommentRefused(
            f"{call.url.partition('?')[0]} could not be reached: {error}; the summary is in the "
            "log and the artifact all the same"
        ) from error


def _json_of(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None
