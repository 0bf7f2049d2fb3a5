"""Figures are the engine's, or INVALID: what traces the target's process is seen there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import Any

import pytest

from pytest_ttsperf.targets import tracing
from tests.plugin.conftest import Project

TRACED = """
from engines import *

def look(frame, event, argument):
    return look

class FromTheStart(Telling):
    def __init__(self, provider="cpu", voice="hum"):
        super().__init__(provider, voice)
        sys.settrace(look)

class FromATrialOn(Telling):
    def stream(self, text):
        sys.setprofile(look)
        return super().stream(text)
"""
FEW = "@trials(3)\n@ttfa(max_ms=60000)\n"
WARM = f"{FEW}def test_x(perf): perf.stream('short')"
COLD = f"{FEW}def test_x(perf, cold_engine): perf.stream('short')"
UNTRACED = {"PYTHONDEVMODE", "PYTHONTRACEMALLOC"}


@pytest.fixture
def tracing_project(project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    for name in UNTRACED:
        monkeypatch.delenv(name, raising=False)
    project.pytester.makepyfile(tracing_engines=TRACED)
    return project


def note(cell: dict[str, Any]) -> str:
    return "".join(note["text"] for note in cell["notes"] if note["guard"] == "traced")


def test_a_traced_engine_is_not_believed(tracing_project: Project) -> None:
    ways = {"FromTheStart": "sys.settrace", "FromATrialOn": "sys.setprofile"}
    targets = [f"tracing_engines:{engine}" for engine in ways]
    tracing_project.test(
        f"@pytest.fixture(params={targets})\n"
        "def ttsperf_target(request): return request.param\n\n"
        f"{WARM}\n\n{COLD.replace('test_x', 'test_cold')}"
    )
    result = tracing_project.run()
    result.assert_outcomes(failed=4)
    cells = tracing_project.cells()
    assert sorted(cell["cell"]["target"] for cell in cells) == sorted(targets * 2)
    assert sorted(cell["cell"]["phase"] for cell in cells) == ["cold", "cold", "warm", "warm"]
    for cell in cells:
        verdicts = {verdict["subject"]: verdict["outcome"] for verdict in cell["verdicts"]}
        assert verdicts["traced"] == "INVALID"
        way = ways[cell["cell"]["target"].partition(":")[2]]
        assert f"was traced by tracing_engines.look (by {way})" in note(cell)
    assert len(re.findall("INVALID.*traced", result.stdout.str())) >= 4


@pytest.mark.parametrize(
    "variable", [{"PYTHONTRACEMALLOC": "1"}, {"PYTHONDEVMODE": "1"}, {"PYTHONMALLOC": "debug"}]
)
def test_a_variable_that_slows_the_engine_voids(
    tracing_project: Project, monkeypatch: pytest.MonkeyPatch, variable: dict[str, str]
) -> None:
    ((name, value),) = variable.items()
    monkeypatch.setenv(name, value)
    tracing_project.test(WARM)
    tracing_project.run().assert_outcomes(failed=1)
    assert tracing_project.verdicts()["traced"] == "INVALID"
    assert name in note(tracing_project.cells()[0])


def test_what_is_measured_beside_a_debugger_is_not_judged_inline_either(
    tracing_project: Project,
) -> None:
    tracing_project.test(WARM)
    before = sys.gettrace()
    try:
        tracing_project.run("--ttsperf-inline", "--ttsperf-target=tracing_engines:FromTheStart")
    finally:
        sys.settrace(before)
    assert tracing_project.verdicts()["traced"] == "INVALID"


def test_versions_are_not_compared_under_a_tracer(tracing_project: Project) -> None:
    found = subprocess.run(
        [
            *(sys.executable, "-m", "pytest_ttsperf", "compare", "engines:Telling"),
            *("tracing_engines:FromTheStart", "--budget=20s"),
        ],
        cwd=tracing_project.path,
        env={**tracing.without_coverage(os.environ), "PYTHONPATH": path(tracing_project)},
        capture_output=True,
        text=True,
    )
    assert "INVALID" in found.stdout, found.stdout + found.stderr
    assert "was traced by tracing_engines.look" in found.stdout
    assert found.returncode == 1


def path(project: Project) -> str:
    return os.pathsep.join([str(project.path), *filter(None, sys.path)])


@pytest.mark.parametrize("kind", ["worker", "program"])
def test_coverage_of_subprocesses_stays_out_of_the_target(
    tracing_project: Project, kind: str
) -> None:
    """As `patch = subprocess` has it: a target that is traced ends at once here."""
    refuse = "import sys; assert sys.gettrace() is None and 'coverage' not in sys.modules, 'traced'"
    tracing_project.pytester.makepyfile(
        careful=f"from engines import *\n{refuse}\n",
        program=f"{refuse}\nsys.stdin.read()\nsys.stdout.buffer.write(bytes(range(256)) * 200)\n",
    )
    (tracing_project.path / ".coveragerc").write_text(
        "[run]\npatch = subprocess\nbranch = true\nsource = .\n"
    )
    tracing_project.test(WARM if kind == "worker" else COLD)
    target = ["--ttsperf-target=careful:Telling"]
    if kind == "program":
        program = f"cmd:{sys.executable} {tracing_project.path}/program.py"
        target = ["--ttsperf-target", program, "--ttsperf-target-option", "rate=16000"]
    done = subprocess.run(
        [sys.executable, "-m", "coverage", "run", "-m", "pytest", "-p", "no:randomly", *target],
        cwd=tracing_project.path,
        env={**tracing.without_coverage(os.environ), "PYTHONPATH": path(tracing_project)},
        capture_output=True,
        text=True,
    )
    cell = tracing_project.cells()[0]
    assert "AssertionError" not in done.stdout, done.stdout
    assert not cell["ready"]["tracers"]
    assert "traced" not in {verdict["subject"] for verdict in cell["verdicts"]}
    assert any("coverage was kept out" in note["text"] for note in cell["notes"])
