"""`ttsperf init` and `suggest` as they are typed: from an empty project to a test that holds."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_ttsperf.cli import main
from tests.light import LIGHT
from tests.plugin import speech_server
from tests.plugin.conftest import Project
from tests.plugin.test_command import PROGRAM

ROOT = Path(__file__).resolve().parents[2]
TEST_FILE = "test_speech_performance.py"
FEW = "--seconds=1"
"""Ten trials, the fewest that are measured."""
VOICE = """
from engines import Tone

class Voice(Tone):
    sample_rate = 24000

    def __init__(self):
        super().__init__(first_s=0.1, chunk_s=0.01)

    def stream(self, text):
        yield from super().stream(text)
"""


@pytest.fixture
def empty(project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project with an engine, without a test and without a line for pytest."""
    (project.path / "tox.ini").unlink()
    monkeypatch.setenv("PYTEST_ADDOPTS", f"{LIGHT} -p no:asyncio")
    project.pytester.makepyfile(voice=VOICE)
    monkeypatch.chdir(project.path)
    return project


def read(project: Project, name: str) -> str:
    return (project.path / name).read_text()


def files_of(project: Project) -> dict[str, str]:
    """What is written, by name."""
    return {path.name: path.read_text() for path in project.path.iterdir() if path.is_file()}


def limits_in(text: str) -> dict[str, float]:
    """The limits of a test file or of suggested marks, by keyword."""
    found = re.findall(r"@\w+\((\w+)=([\d.]+)", text)
    return {name: float(value) for name, value in found}


def test_an_engine_gets_a_test_that_is_green_and_red_once_it_is_slower(
    empty: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["init", "voice", FEW, "--ci=gitlab"]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("Measuring voice:Voice: Voice in voice has stream(text).\n")
    assert "\nIt streams: " in printed
    assert "Next:             pytest -m perf\n" in printed
    assert read(empty, "pytest.ini") == ("[pytest]\nttsperf_target = voice:Voice\npythonpath = .\n")
    assert "extends: .ttsperf" in read(empty, ".gitlab-ci.yml")
    limits = limits_in(read(empty, TEST_FILE))
    assert limits["p95_ms"] > 1.3 * 100, "each trial waits for so long"
    assert limits["p50_ms"] > limits["p95_ms"], "a cold start takes longer"

    green = empty.run("-m", "perf", "--ttsperf-trials=10")
    green.assert_outcomes(passed=2)
    (empty.path / "voice.py").write_text(VOICE.replace("0.1", "0.5"))
    red = empty.run("-m", "perf", "-k", "short_reply", "--ttsperf-trials=5")
    assert red.parseoutcomes()["failed"] >= 1
    red.stdout.fnmatch_lines(["*FAIL  ttfa p95*"])


def test_what_is_there_stays_as_it_is(empty: Project, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", "voice", FEW, "--ci=github"]) == 0
    (empty.path / TEST_FILE).write_text("# ours\n")
    before = files_of(empty)
    capsys.readouterr()
    assert main(["init", FEW, "--ci=github"]) == 0
    assert files_of(empty) == before
    printed = capsys.readouterr().out
    assert printed.startswith("Measuring voice:Voice: it was named.\n"), "by pytest.ini"
    assert f"{TEST_FILE} is there already and stays as it is" in printed
    assert "    def test_short_reply(perf):" in printed


def test_a_program_gets_a_test_of_its_starts(
    empty: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    (empty.path / "hum.py").write_text(PROGRAM)
    command = f"{shlex.quote(sys.executable)} -S -E hum.py 0.2"
    assert main(["init", command, "--option=rate=16000", "--ci=none"]) == 0
    assert "is a program that starts anew for each text" in capsys.readouterr().out
    text = read(empty, TEST_FILE)
    assert "def test_cold_start(perf, cold_engine):" in text
    assert "def test_short_reply" not in text
    assert limits_in(text)["p50_ms"] > 1.3 * 200
    assert "ttsperf_target_options =\n    rate=16000\n" in read(empty, "pytest.ini")
    empty.run("-m", "perf").assert_outcomes(passed=1)


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """Of a server of speech in a process of its own."""
    process = subprocess.Popen(
        [sys.executable, "-m", speech_server.__name__],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    assert process.stdout is not None
    yield int(process.stdout.readline())
    process.kill()
    process.communicate()


def test_a_server_gets_a_test_without_a_start(
    empty: Project, port: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["init", f"127.0.0.1:{port}/computes", FEW, "--ci=github"]) == 0
    printed = capsys.readouterr().out
    assert "is an HTTP server, asked in OpenAI's form (POST /v1/audio/speech)" in printed
    assert "Next:             pytest -m perf\n" in printed
    assert read(empty, "pytest.ini") == (
        f"[pytest]\nttsperf_target = http://127.0.0.1:{port}/computes\n"
    )
    text = read(empty, TEST_FILE)
    assert "def test_short_reply(perf):" in text
    assert "cold_engine" not in text
    assert "rss_peak_mb" in limits_in(text), "the memory of its process is measured"
    workflow = empty.path / ".github" / "workflows" / "speech-performance.yml"
    assert "# Start your server here" in workflow.read_text()


def test_what_does_not_speak_writes_nothing(
    empty: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    empty.pytester.makepyfile(mute="class Mute:\n    sample_rate = 1\n    stream = None\n")
    before = files_of(empty)
    assert main(["init", "mute:Mute", FEW]) == 1
    assert main(["init", "http://127.0.0.1:9", FEW]) == 1
    assert main(["init", "voice", "--option=api_key=sk-1234567890", FEW]) == 2
    printed = capsys.readouterr()
    assert "nothing answers there" in printed.err
    assert "api_key written out" in printed.err
    assert files_of(empty) == before


def test_suggest_prints_marks_for_a_test_without_limits(
    project: Project,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(project.path)
    source = "def test_x(perf):\n    perf.stream('short')\n"
    project.test(source)
    project.run("--ttsperf-trials=4").assert_outcomes(passed=1)
    capsys.readouterr()
    assert main(["suggest"]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("test_it.py::test_x\n    measured: test_x[cpu] short stream warm")
    assert set(limits_in(printed)) >= {"p95_ms", "p95", "underruns", "rss_peak_mb"}
    before = files_of(project)
    assert main(["suggest", "test_y"]) == 1
    assert "pytest -m perf" in capsys.readouterr().out
    assert files_of(project) == before, "nothing is edited"
