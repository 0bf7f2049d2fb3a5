"""`ttsperf ci` as it is typed: what it hands on, what it prints, how it ends."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pytest_ttsperf import files
from pytest_ttsperf.ci import base as ci_base
from pytest_ttsperf.ci import comment as ci_comment
from pytest_ttsperf.ci import run as ci_run
from pytest_ttsperf.ci.base import Base
from pytest_ttsperf.ci.conclusion import Conclusion
from pytest_ttsperf.ci.run import Report, RunSettings
from pytest_ttsperf.cli import main
from pytest_ttsperf.records import Outcome
from tests.unit.baseline.factories import run_of
from tests.unit.report.test_terminal import result

BASE = Base("a" * 40, "where this change left main", ("main could not be fetched",))
CI_VARIABLES = ("CI", "GITHUB_ACTIONS", "GITLAB_CI", "GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")


class Measured:
    """Takes the place of a run, and notes how it was set."""

    def __init__(self) -> None:
        self.settings: list[RunSettings] = []
        self.code = 0

    def __call__(self, settings: RunSettings) -> Report:
        self.settings.append(settings)
        word = "fail" if self.code else "pass"
        return Report(self.code, Conclusion(word, "it is so"), "### summary\n", "none")


@pytest.fixture(autouse=True)
def no_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in CI_VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> Measured:
    measured = Measured()
    monkeypatch.setattr(ci_run, "measure", measured)
    return measured


@pytest.fixture
def branches(monkeypatch: pytest.MonkeyPatch) -> list[str | None]:
    """The branches that a base was looked for with."""
    found: list[str | None] = []

    def find_base(folder: Path, pipeline: Any, branch: str | None) -> Base:
        found.append(branch)
        return BASE

    monkeypatch.setattr(ci_base, "find_base", find_base)
    return found


def on_github(monkeypatch: pytest.MonkeyPatch, folder: Path, event: dict[str, Any]) -> None:
    path = folder / "event.json"
    path.write_text(json.dumps(event))
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_EVENT_PATH", str(path))
    monkeypatch.setenv("GITHUB_REF_TYPE", "branch")
    monkeypatch.setenv("GITHUB_REF_NAME", "main")
    monkeypatch.setenv("GITHUB_BASE_REF", "")


def request_of(head: str) -> dict[str, Any]:
    return {
        "pull_request": {"number": 7, "head": {"repo": {"full_name": head}}},
        "repository": {"full_name": "team/engine", "default_branch": "main"},
    }


def test_the_base_alone_is_on_standard_output(
    branches: list[str | None], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["ci", "base", "--branch", "release"]) == 0
    printed = capsys.readouterr()
    assert printed.out == f"{BASE.commit}\n"
    assert "where this change left main" in printed.err
    assert "could not be fetched" in printed.err
    assert branches == ["release"]


def test_a_run_is_compared_with_its_base(
    measured: Measured, branches: list[str | None], capsys: pytest.CaptureFixture[str]
) -> None:
    measured.code = 1
    assert main(["ci", "run"]) == 1
    (settings,) = measured.settings
    assert (settings.against, settings.base) == (BASE.commit, BASE)
    assert settings.folder == Path("artifacts/ci").absolute()
    assert settings.arguments == ()
    assert not settings.saves_baselines
    printed = capsys.readouterr()
    assert printed.out == "", "which is for the run"
    assert "it is so" in printed.err


def test_what_is_empty_is_not_set(measured: Measured, branches: list[str | None]) -> None:
    empty = ("--against=", "--branch=", "--budget=", "--inconclusive=", "--baselines=", "--pytest=")
    assert main(["ci", "run", *empty]) == 0
    (settings,) = measured.settings
    assert settings.base is BASE
    assert (settings.budget, settings.inconclusive, settings.baselines) == (None, None, None)
    assert settings.arguments == ()
    assert branches == [None]


def test_options_of_pytest_follow_one_another(
    measured: Measured, branches: list[str | None]
) -> None:
    options = "-m perf -k 'a or b'"
    main(["ci", "run", "--budget", "3min", f"--pytest={options}", "--", "-x", "--reruns=2"])
    (settings,) = measured.settings
    assert settings.arguments == ("-m", "perf", "-k", "a or b", "-x", "--reruns=2")
    assert settings.budget == "3min"


def test_what_to_compare_with_may_be_named_or_left_out(
    measured: Measured, branches: list[str | None]
) -> None:
    main(["ci", "run", "--against", "http://voices.example"])
    main(["ci", "run", "--against", "none"])
    assert [settings.against for settings in measured.settings] == ["http://voices.example", None]
    assert branches == [], "nothing was looked for"


def test_the_default_branch_is_stored_and_any_other_on_request(
    measured: Measured,
    branches: list[str | None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    baselines = f"--baselines={tmp_path}"
    main(["ci", "run", baselines])
    main(["ci", "run", baselines, "--save"])
    on_github(monkeypatch, tmp_path, {"repository": {"default_branch": "main"}})
    main(["ci", "run", baselines])
    assert [settings.saves_baselines for settings in measured.settings] == [False, True, True]
    assert main(["ci", "run", "--save"]) == 2
    assert len(measured.settings) == 3


def test_the_summary_of_an_artifact(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "run.json"
    files.write_file(path, files.encode_json(run_of(result("test_a", Outcome.PASS))))
    assert main(["ci", "summary", str(path)]) == 0
    assert capsys.readouterr().out.startswith("### ttsperf&#58; within all limits\n")
    assert main(["ci", "summary", str(tmp_path / "nowhere.json")]) == 2


def test_a_comment_without_a_request_or_from_a_fork_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(ci_comment, "send_over_http", lambda call: pytest.fail("it was sent"))
    assert main(["ci", "comment", "summary.md"]) == 0
    assert "nothing to comment on" in capsys.readouterr().err
    on_github(monkeypatch, tmp_path, request_of("somebody/engine"))
    assert main(["ci", "comment", "summary.md"]) == 0
    assert "fork" in capsys.readouterr().err


def test_a_comment_that_lacks_a_token_is_red(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    on_github(monkeypatch, tmp_path, request_of("team/engine"))
    monkeypatch.setenv("GITHUB_API_URL", "https://api.github.com")
    monkeypatch.setenv("GITHUB_REPOSITORY", "team/engine")
    monkeypatch.delenv("GITHUB_TOKEN", raising=False)
    assert main(["ci", "comment", "summary.md"]) == 1
    assert "found no GITHUB_TOKEN" in capsys.readouterr().err


def test_the_text_of_a_file_is_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    on_github(monkeypatch, tmp_path, request_of("team/engine"))
    monkeypatch.setenv("GITHUB_API_URL", "https://api.github.com")
    monkeypatch.setenv("GITHUB_REPOSITORY", "team/engine")
    monkeypatch.setenv("GITHUB_TOKEN", "ghs_secret")
    calls: list[ci_comment.Call] = []

    def send(call: ci_comment.Call) -> ci_comment.ServiceAnswer:
        calls.append(call)
        return ci_comment.ServiceAnswer(201 if call.method == "POST" else 200, [])

    monkeypatch.setattr(ci_comment, "send_over_http", send)
    path = tmp_path / "summary.md"
    path.write_text("### slower\n")
    assert main(["ci", "comment", "--name", "linux", str(path)]) == 0
    assert calls[-1].content == {"body": "<!-- ttsperf: linux -->\n### slower\n"}
    printed = capsys.readouterr()
    assert "'linux' is new" in printed.err
    assert "ghs_secret" not in printed.err + printed.out
