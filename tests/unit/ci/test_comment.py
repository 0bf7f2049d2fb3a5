"""One comment: found again, updated, and never somebody else's."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_ttsperf.ci import comment
from pytest_ttsperf.ci.comment import Call, Place, ServiceAnswer, find_place, mark_of, write_comment
from pytest_ttsperf.ci.pipeline import ChangeRequest, Pipeline
from pytest_ttsperf.errors import CommentRefused, LimitError

GITHUB = Pipeline(system="github", request=ChangeRequest(7, is_from_fork=False))
GITLAB = Pipeline(system="gitlab", request=ChangeRequest(12, is_from_fork=False))
ON_GITHUB = {
    "GITHUB_API_URL": "https://api.github.com",
    "GITHUB_REPOSITORY": "team/engine",
    "GITHUB_TOKEN": "ghs_secret",
}
ON_GITLAB = {
    "CI_API_V4_URL": "https://gitlab.example/api/v4",
    "CI_MERGE_REQUEST_PROJECT_ID": "3",
    "TTSPERF_GITLAB_TOKEN": "glpat-secret",
}


class Service:
    """A service with comments, some of which the token may not change."""

    def __init__(self, *bodies: str, locked: tuple[int, ...] = ()) -> None:
        self.comments: dict[int, str] = dict(enumerate(bodies, start=1))
        self.locked = locked
        self.calls: list[Call] = []

    def __call__(self, call: Call) -> ServiceAnswer:
        self.calls.append(call)
        if call.method == "GET":
            return ServiceAnswer(200, self._page(call.url))
        assert call.content is not None
        body = call.content["body"]
        if call.method == "POST":
            self.comments[len(self.comments) + 1] = body
            return ServiceAnswer(201, {})
        number = int(call.url.rpartition("/")[2])
        if number in self.locked:
            return ServiceAnswer(403, {"message": "not yours"})
        self.comments[number] = body
        return ServiceAnswer(200, {})

    def _page(self, url: str) -> list[dict[str, Any]]:
        page = int(url.partition("&page=")[2].partition("&")[0])
        comments = [{"id": number, "body": body} for number, body in self.comments.items()]
        return comments[(page - 1) * comment.PAGE : page * comment.PAGE]


@pytest.fixture
def place() -> Place:
    found = find_place(GITHUB, ON_GITHUB)
    assert found is not None
    return found


def test_the_first_run_comments_and_the_next_updates(place: Place) -> None:
    service = Service("hello")
    assert write_comment(place, "ttsperf", "slower", service) == "new"
    assert write_comment(place, "ttsperf", "as fast", service) == "updated"
    assert list(service.comments.values()) == ["hello", f"{mark_of('ttsperf')}\nas fast"]


def test_each_name_has_a_comment_of_its_own(place: Place) -> None:
    service = Service()
    write_comment(place, "linux", "a", service)
    write_comment(place, "linux arm", "b", service)
    assert len(service.comments) == 2


def test_it_is_found_behind_a_hundred_others(place: Place) -> None:
    service = Service(*["talk"] * 150, f"{mark_of('ttsperf')}\nold", *["talk"] * 80)
    assert write_comment(place, "ttsperf", "new", service) == "updated"
    assert service.comments[151].endswith("new")
    assert len(service.comments) == 231


def test_a_comment_of_somebody_else_with_our_mark_is_left_alone(place: Place) -> None:
    fake = f"{mark_of('ttsperf')}\nI am it"
    service = Service(fake, f"see {mark_of('ttsperf')}", locked=(1,))
    assert write_comment(place, "ttsperf", "real", service) == "new"
    assert service.comments[1] == fake
    assert service.comments[3].endswith("real")


def test_a_service_that_refuses_is_told_with_the_remedy(place: Place) -> None:
    def refuse(call: Call) -> ServiceAnswer:
        return ServiceAnswer(403, {"message": "Resource not accessible by integration"})

    with pytest.raises(CommentRefused, match="pull-requests: write"):
        write_comment(place, "ttsperf", "text", refuse)

    def fail(call: Call) -> ServiceAnswer:
        return ServiceAnswer(200, []) if call.method == "GET" else ServiceAnswer(502, None)

    with pytest.raises(CommentRefused, match="status 502"):
        write_comment(place, "ttsperf", "text", fail)


@pytest.mark.parametrize("name", ["", "a-->b", "a--b", "-a", "a\nb", "x" * 101, "<b>"])
def test_a_name_cannot_end_the_line_that_it_stands_in(place: Place, name: str) -> None:
    with pytest.raises(LimitError):
        write_comment(place, name, "text", Service())


def test_a_text_that_no_service_would_take_is_not_sent(place: Place) -> None:
    service = Service()
    with pytest.raises(LimitError, match="at most 65000"):
        write_comment(place, "ttsperf", "x" * 65_000, service)
    assert service.calls == []
    write_comment(place, "ttsperf", "x" * 60_000, service)
    assert len(service.comments) == 1


def test_where_github_has_its_comments(place: Place) -> None:
    service = Service(f"{mark_of('ttsperf')}\nold")
    write_comment(place, "ttsperf", "text", service)
    found, updated = service.calls
    assert found.url.startswith("https://api.github.com/repos/team/engine/issues/7/comments?")
    assert updated.method == "PATCH"
    assert updated.url == "https://api.github.com/repos/team/engine/issues/comments/1"
    assert updated.headers["Authorization"] == "Bearer ghs_secret"


def test_where_gitlab_has_its_notes() -> None:
    place = find_place(GITLAB, ON_GITLAB)
    assert place is not None
    service = Service(f"{mark_of('ttsperf')}\nold")
    write_comment(place, "ttsperf", "text", service)
    updated = service.calls[-1]
    notes = "https://gitlab.example/api/v4/projects/3/merge_requests/12/notes"
    assert (updated.method, updated.url) == ("PUT", f"{notes}/1")
    assert updated.headers == {"PRIVATE-TOKEN": "glpat-secret"}


@pytest.mark.parametrize("name", ["GITHUB_API_URL", "GITHUB_REPOSITORY", "GITHUB_TOKEN"])
def test_what_is_missing_is_named(name: str) -> None:
    variables = {**ON_GITHUB, name: ""}
    with pytest.raises(CommentRefused, match=f"found no {name}"):
        find_place(GITHUB, variables)


def test_gitlab_says_which_token_it_takes() -> None:
    with pytest.raises(CommentRefused, match="scope api"):
        find_place(GITLAB, {**ON_GITLAB, "TTSPERF_GITLAB_TOKEN": ""})


def test_without_a_request_there_is_no_place() -> None:
    assert find_place(Pipeline(system="github"), ON_GITHUB) is None
    assert find_place(Pipeline(), {}) is None


def test_only_http_is_spoken() -> None:
    with pytest.raises(CommentRefused, match="https://"):
        comment.send_over_http(Call("GET", "file:///etc/passwd", {}))
