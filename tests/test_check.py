"""`make check`: what fails beside other tests is confirmed alone, and what fails again is red."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

CHECK = Path(__file__).parents[1] / "tools" / "check.py"
BUSY = """\
from pathlib import Path

def test_fails_the_first_time():
    ran = Path("ran")
    was_run = ran.exists()
    ran.touch()
    assert was_run
"""
WRONG = """\
def test_is_wrong():
    assert 1 == 2
"""
FINE = """\
def test_is_fine():
    assert 1 == 1
"""
RUN_TESTS = """\
import sys
sys.path.insert(0, {tools!r})
import check
sys.exit(check.run_tests(["-p", "no:ttsperf"]))
"""


def run_tests(place: Path, **files: str) -> subprocess.CompletedProcess[str]:
    """The tests of a project with these files, as `make check` runs them."""
    for name, text in files.items():
        (place / f"test_{name}.py").write_text(text, "utf-8")
    (place / "pytest.ini").write_text("[pytest]\naddopts = -p no:randomly\n", "utf-8")
    program = RUN_TESTS.format(tools=str(CHECK.parent))
    environment = {key: os.environ[key] for key in os.environ if not key.startswith("COV")}
    return subprocess.run(
        [sys.executable, "-c", program],
        cwd=place,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.starts
def test_what_passes_alone_is_named_and_not_red(tmp_path: Path) -> None:
    ended = run_tests(tmp_path, busy=BUSY, fine=FINE)
    assert ended.returncode == 0, ended.stdout
    assert "1 failed beside other tests; once more" in ended.stdout
    named = ended.stdout.split("find out why:")[1]
    assert "test_busy.py::test_fails_the_first_time" in named


@pytest.mark.starts
def test_what_fails_again_is_red(tmp_path: Path) -> None:
    ended = run_tests(tmp_path, busy=BUSY, wrong=WRONG)
    assert ended.returncode == 1
    assert "find out why" not in ended.stdout


@pytest.mark.starts
def test_many_failures_are_not_run_again(tmp_path: Path) -> None:
    many = "\n".join(
        BUSY.replace("first_time", f"time_{i}").replace('"ran"', f'"{i}"') for i in range(6)
    )
    ended = run_tests(tmp_path, busy=many)
    assert ended.returncode == 1
    assert "once more" not in ended.stdout


@pytest.mark.starts
def test_a_broken_run_is_not_run_again(tmp_path: Path) -> None:
    ended = run_tests(tmp_path, broken="import no_such_module\n", fine=FINE)
    assert ended.returncode == 2
    assert "once more" not in ended.stdout


@pytest.mark.starts
def test_all_passes_at_once(tmp_path: Path) -> None:
    ended = run_tests(tmp_path, fine=FINE)
    assert ended.returncode == 0
    assert "once more" not in ended.stdout
