"""`ttsperf run` as it is typed: what pytest gets, and what is refused before it starts."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

import pytest

from pytest_ttsperf.cli import main, run


class Replaced(Exception):
    """Stands for the end of this process, in whose place pytest runs."""


@pytest.fixture
def started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What is started in the place of the command; the folder has no project file."""
    commands: list[list[str]] = []

    def execute(path: str, words: list[str]) -> None:
        assert path == sys.executable
        commands.append(words[1:])
        raise Replaced

    monkeypatch.setattr(os, "execv", execute)
    monkeypatch.chdir(tmp_path)
    return commands


def start(started: list[list[str]], *words: str) -> list[str]:
    """The options that pytest gets of a command, without those that it always gets."""
    with pytest.raises(Replaced):
        main(["run", *words])
    [command] = started
    usual = ["-m", "pytest", *run.PYTEST]
    assert command[: len(usual)] == usual
    return command[len(usual) :]


def test_a_target_is_all_that_is_needed(started: list[list[str]]) -> None:
    assert start(started, "my_engine:Engine") == ["--ttsperf-target=my_engine:Engine"]


def test_without_a_target_it_is_that_of_the_configuration(started: list[list[str]]) -> None:
    assert start(started) == []


def test_what_is_named_is_handed_on(started: list[list[str]]) -> None:
    words = start(
        started,
        *("http://127.0.0.1:8000", "--suite", "ttfa,cold", "--preset=short"),
        *("--option", "path=/speak", "--option", "rate=2", "--provider=cpu", "--voice=heart"),
    )
    assert words == [
        "--ttsperf-target=http://127.0.0.1:8000",
        "--ttsperf-suite=ttfa,cold",
        "--ttsperf-preset=short",
        "--ttsperf-provider=cpu",
        "--ttsperf-voice=heart",
        "--ttsperf-target-option=path=/speak",
        "--ttsperf-target-option=rate=2",
    ]


def test_sound_is_saved_on_request(started: list[list[str]]) -> None:
    words = start(started, "my_engine:Engine", "--save-audio")
    assert words == ["--ttsperf-target=my_engine:Engine", "--ttsperf-save-audio"]


@pytest.mark.parametrize("before", [(), ("my_engine:Engine",), ("--suite", "cold")])
def test_what_comes_behind_two_dashes_is_pytests(
    started: list[list[str]], before: tuple[str, ...]
) -> None:
    words = start(started, *before, "--", "-k", "short", "--ttsperf-trials=9")
    assert words[-3:] == ["-k", "short", "--ttsperf-trials=9"]
    assert len(words) == 3 + (len(before) > 0)


def test_other_commands_see_their_dashes() -> None:
    words = ["compare", "--", "a:B", "c:D"]
    assert run.split_arguments(words) == (words, [])


def test_it_says_beforehand_how_long_it_takes_and_what_it_runs(
    started: list[list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    start(started, "e:E", "--suite=load,cold", "--", "-k", "not crowd")
    duration, command = capsys.readouterr().out.splitlines()
    assert duration.startswith("ttsperf: cold (15 s), load (35 min): about 35 min")
    assert command.startswith("ttsperf: python -m pytest --pyargs pytest_ttsperf.suites")
    assert command.endswith("--ttsperf-suite=load,cold -k 'not crowd'")


def test_what_takes_less_than_a_minute_is_announced_so(
    started: list[list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    start(started, "e:E", "--suite=quick")
    duration, _ = capsys.readouterr().out.splitlines()
    assert duration.startswith("ttsperf: quick (30 s): about 30 s with a fast voice")


def test_a_key_is_not_shown(started: list[list[str]], capsys: pytest.CaptureFixture[str]) -> None:
    words = start(started, "http://host:1", "--option", "api_key=verysecret")
    assert "--ttsperf-target-option=api_key=verysecret" in words
    assert "verysecret" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--suite=cald"], "no suite 'cald'"),
        (["--preset=longest"], "no preset 'longest'"),
    ],
)
def test_what_there_is_not_is_refused(
    started: list[list[str]],
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    message: str,
) -> None:
    assert main(["run", "e:E", *words]) == 2
    assert message in capsys.readouterr().err
    assert started == []


def test_a_wrong_limit_of_the_project_is_refused(
    started: list[list[str]], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.ttsperf]\nttfa_p95 = 300\n")
    assert main(["run", "e:E"]) == 2
    assert "no key 'ttfa_p95'" in capsys.readouterr().err
    assert started == []


def test_the_help_lists_the_suites(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["run", "--help"])
    lines = capsys.readouterr().out.splitlines()
    [line] = [line for line in lines if line.strip().startswith("load ")]
    assert "35 min" in line
    assert "by name only" in line


def test_on_a_narrow_terminal_the_command_can_still_be_copied(
    started: list[list[str]], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "50")
    start(started, "e:E", "--suite=cold", "--", "-k", "not crowd")
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 50
    (begin,) = [number for number, line in enumerate(lines) if " python " in line]
    command = "\n".join(lines[begin:]).removeprefix("ttsperf: ").replace("\\\n", " ")
    assert shlex.split(command)[:3] == ["python", "-m", "pytest"]
    assert shlex.split(command)[-2:] == ["-k", "not crowd"]
