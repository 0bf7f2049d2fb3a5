"""Another interpreter: what of the running one's search path goes with it, and where it is."""

from __future__ import annotations

import sysconfig
from pathlib import Path

import pytest

from pytest_ttsperf.errors import LimitError
from pytest_ttsperf.targets.worker import interpreter

LIBRARY = sysconfig.get_paths()["stdlib"]
ENTRIES = [
    "",
    "/work/project",
    "/usr/lib/python311.zip",
    LIBRARY,
    f"{LIBRARY}/lib-dynload",
    "/work/project/.venv/lib/python3.11/site-packages",
    "/usr/lib/python3/dist-packages",
    "/work/editable/src",
]


def test_folders_of_the_project_are_told_apart_from_those_of_the_environment() -> None:
    project = interpreter.project_folders(ENTRIES)
    assert project == ["", "/work/project", "/work/editable/src"]
    assert interpreter.environment_folders(ENTRIES) == [
        entry for entry in ENTRIES if entry not in project
    ]


def test_an_interpreter_is_found_by_its_path_and_by_its_environment(tmp_path: Path) -> None:
    python = tmp_path / "bin" / "python"
    python.parent.mkdir()
    python.write_text("")
    python.chmod(0o755)
    assert interpreter.find_python(tmp_path, "--x") == str(python)
    assert interpreter.find_python(python, "--x") == str(python)


def test_a_link_is_not_followed_as_its_name_says_which_environment_it_is(tmp_path: Path) -> None:
    real = tmp_path / "real"
    real.write_text("")
    real.chmod(0o755)
    link = tmp_path / "python"
    link.symlink_to(real)
    assert interpreter.find_python(link, "--x") == str(link)


@pytest.mark.parametrize("make", [lambda path: None, lambda path: path.write_text("no program")])
def test_what_is_no_program_is_an_error_with_the_option(make, tmp_path: Path) -> None:
    path = tmp_path / "python"
    make(path)
    with pytest.raises(LimitError, match=r"--ttsperf-python: .* is no program; wanted"):
        interpreter.find_python(path, "--ttsperf-python")
