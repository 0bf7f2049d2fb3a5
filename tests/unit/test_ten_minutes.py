"""benchmarks/ten_minutes.py: what it plants, counts and calls a trouble; nothing is installed."""

from __future__ import annotations

import importlib
import json
import time
import urllib.error
import urllib.request
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def ten_minutes(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    return importlib.import_module("ten_minutes")


@pytest.mark.parametrize(
    ("name", "speaks"),
    [("ENGINE", "voice.stream("), ("PROGRAM", "voice.stream("), ("PIPER", "return synthesize(")],
)
def test_30_ms_are_put_before_the_first_sound(
    ten_minutes: Any, tmp_path: Path, name: str, speaks: str
) -> None:
    source = getattr(ten_minutes, name)
    file = tmp_path / "x.py"
    ten_minutes.add_30_ms(file, source)
    later = file.read_text()
    compile(later, "x.py", "exec")
    assert later.index("time.sleep(0.03)") < later.index(speaks)
    assert later.replace("time.sleep(0.03)", "").split() == source.split()


@pytest.mark.starts
def test_the_planted_server_speaks(ten_minutes: Any, tmp_path: Path) -> None:
    log = tmp_path / "servers.log"
    with ten_minutes.serving(ten_minutes.SERVER, 0.03, log) as address:
        request = urllib.request.Request(
            f"{address}/v1/audio/speech",
            json.dumps({"input": "Yes.", "response_format": "wav"}).encode(),
            {"Content-Type": "application/json"},
        )
        answer = ask_once_it_is_open(request)
        assert answer.startswith(b"RIFF")


def ask_once_it_is_open(request: urllib.request.Request) -> bytes:
    """The answer of a server that may still be opening its voice."""
    deadline_s = time.monotonic() + 30
    while True:
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                found: bytes = answer.read()
                return found
        except urllib.error.HTTPError as error:
            if error.code != HTTPStatus.SERVICE_UNAVAILABLE or time.monotonic() > deadline_s:
                raise
        time.sleep(0.1)


@pytest.mark.starts
def test_a_server_that_ends_by_itself_is_told(ten_minutes: Any, tmp_path: Path) -> None:
    ends = "import socket; socket.create_server(('127.0.0.1', {port})).accept(); print('broken')"
    serving = ten_minutes.serving(ends, 0.0, tmp_path / "servers.log")
    with pytest.raises(RuntimeError, match="ended by itself; it said:\nbroken"), serving:
        time.sleep(1)


def test_the_budget_is_the_one_that_init_prints(ten_minutes: Any) -> None:
    command = "For each change:  pytest -m perf --ttsperf-against=http://HOST:PORT"
    assert ten_minutes.find_budget(f"Next: x\n{command}") == ""
    named = ten_minutes.find_budget(f"{command} --ttsperf-budget=150s\n")
    assert named == " --ttsperf-budget=150s"


def test_each_kind_of_the_issue_is_tried(ten_minutes: Any) -> None:
    assert list(ten_minutes.CASES) == ["engine", "program", "server", "piper"]


def test_nothing_of_this_repository_reaches_the_newcomer(
    ten_minutes: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PYTHONPATH", "/here")
    monkeypatch.setenv("PATH", "/usr/bin")
    found = ten_minutes.clean_environment(tmp_path)
    assert "PYTHONPATH" not in found
    assert found["PATH"] == f"{tmp_path}/bin:/usr/bin"


def run(ten_minutes: Any, monkeypatch: pytest.MonkeyPatch, *commands: str) -> dict[str, Any]:
    """A case that types these commands."""

    def type_all(person: Any) -> None:
        for command in commands:
            person.type_command(command)

    monkeypatch.setitem(ten_minutes.CASES, "engine", type_all)
    line: dict[str, Any] = ten_minutes.run_case("engine", Path("x.whl"))
    return line


@pytest.mark.starts
def test_commands_are_counted_and_timed(ten_minutes: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    line = run(ten_minutes, monkeypatch, "true", "true")
    assert [each["command"] for each in line["commands"]] == ["true", "true"]
    assert line["seconds"] >= sum(each["seconds"] for each in line["commands"])
    assert line["troubles"] == []


@pytest.mark.starts
def test_too_many_commands_are_a_trouble(ten_minutes: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    line = run(ten_minutes, monkeypatch, *["true"] * 7)
    assert line["troubles"] == ["found 7 commands, wanted at most 6"]


@pytest.mark.starts
def test_a_command_that_fails_is_a_trouble(
    ten_minutes: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = run(ten_minutes, monkeypatch, "false")
    assert line["troubles"] == ["'false': found exit code 1, wanted 0"]


FAILED = {"outcome": "FAIL", "effect": 0.5}
PASSED = {"outcome": "PASS", "effect": 0.0}
SLOWER = {"gates": [{"label": "ttfa p50"}, {"label": "ttfa p95"}], "changes": [FAILED, PASSED]}


@pytest.mark.starts
@pytest.mark.parametrize(
    ("comparison", "is_red"),
    [
        (SLOWER, True),
        ({**SLOWER, "changes": [PASSED, PASSED]}, False),
        ({"gates": [{"label": "rtf p50"}], "changes": [FAILED]}, False),
        ({**SLOWER, "changes": []}, False),
        (None, False),
    ],
    ids=["slower", "a limit alone", "another figure", "not judged", "not compared"],
)
def test_red_is_a_time_that_the_comparison_calls_slower(
    ten_minutes: Any, tmp_path: Path, comparison: Any, is_red: bool
) -> None:
    person = ten_minutes.Newcomer(tmp_path, Path("x.whl"))
    folder = person.project / "artifacts" / "bench" / "2026-01-01"
    folder.mkdir(parents=True)
    artifact = {"cells": [{"comparison": comparison}]}
    (folder / "run_000001.json").write_text(json.dumps(artifact), "utf-8")
    person.type_red("false")
    assert (person.troubles == []) is is_red


@pytest.mark.starts
def test_a_run_without_an_artifact_is_not_red(ten_minutes: Any, tmp_path: Path) -> None:
    person = ten_minutes.Newcomer(tmp_path, Path("x.whl"))
    person.type_red("false")
    assert person.troubles
