"""benchmarks/ten_minutes.py: what it plants, counts and calls a trouble; nothing is installed."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def ten_minutes(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    return importlib.import_module("ten_minutes")


@pytest.mark.parametrize("name", ["ENGINE", "PROGRAM"])
def test_30_ms_are_put_before_the_first_sound(ten_minutes: Any, tmp_path: Path, name: str) -> None:
    source = getattr(ten_minutes, name)
    file = tmp_path / "x.py"
    ten_minutes.add_30_ms(file, source)
    later = file.read_text()
    compile(later, "x.py", "exec")
    assert later.index("time.sleep(0.03)") < later.index("voice.stream(")
    assert later.replace("time.sleep(0.03)", "").split() == source.split()


@pytest.mark.parametrize("name", ["SERVER", "PIPER"])
def test_servers_are_programs_once_their_fields_are_filled(ten_minutes: Any, name: str) -> None:
    script = getattr(ten_minutes, name).replace("{delay_s}", "0.03").replace("{port}", "5000")
    compile(script, name, "exec")
    assert "{" not in script


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


@pytest.mark.starts
@pytest.mark.parametrize(("printed", "is_red"), [("FAIL  ttfa p50", True), ("FAIL", False)])
def test_red_is_a_fail_of_a_time(
    ten_minutes: Any, tmp_path: Path, printed: str, is_red: bool
) -> None:
    person = ten_minutes.Newcomer(tmp_path, Path("x.whl"))
    person.type_red(f"{sys.executable} -c 'print(\"{printed}\"); raise SystemExit(1)'")
    assert (person.troubles == []) is is_red
