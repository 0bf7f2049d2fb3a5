"""`@cadence(streamed=True)`: servers that send as they speak, and such that only seem to."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_ttsperf.cli.run import PYTEST
from tests.plugin import late_server
from tests.plugin.conftest import Project

PAGE = Path(__file__).parents[2] / "docs" / "targets.md"
FORMS = ("pcm", "wav", "sse")
TEST = "@trials(5)\n@cadence(streamed=True)\ndef test_x(perf):\n    perf.stream('short')"
AT_ONCE = (
    "--ttsperf-target=engines:Tone",
    "--ttsperf-target-option=chunk_s=0",
    "--ttsperf-target-option=first_s=0.06",
)
"""All chunks come within a fraction of the wait for the first, and no stages say otherwise."""


@pytest.fixture(scope="module")
def http() -> Iterator[str]:
    with late_server.open_http() as address:
        yield address


@pytest.fixture(scope="module")
def websocket() -> Iterator[str]:
    with late_server.open_websocket() as address:
        yield address


def outcomes(project: Project) -> list[str]:
    """Of the limit, in the order of the cells."""
    found = []
    for cell in project.cells():
        found += [
            verdict["outcome"]
            for verdict in cell["verdicts"]
            if verdict["subject"] == "cadence streamed"
        ]
    return found


def reasons(project: Project) -> list[str]:
    return [verdict["reason"] for cell in project.cells() for verdict in cell["verdicts"]]


def measure_each(project: Project, targets: str) -> pytest.RunResult:
    """Measure several targets, as Python writes them, in one run."""
    project.ini(ttsperf_target="nowhere:Nothing")
    project.test(
        "from pytest_ttsperf import TargetSpec\n\n"
        f"@pytest.fixture(params={targets}, ids=str)\n"
        f"def ttsperf_target(request): return request.param\n\n{TEST}"
    )
    return project.run()


def test_whatever_carries_the_audio(project: Project, http: str) -> None:
    streamed = [f"{http}/streamed_{form}" for form in FORMS]
    whole = [f"{http}/whole_{form}" for form in FORMS]
    result = measure_each(project, repr([*streamed, *whole]))
    result.assert_outcomes(passed=3, failed=3)
    assert outcomes(project) == ["PASS"] * 3 + ["FAIL"] * 3
    for reason in reasons(project)[3:]:
        assert reason.startswith("sends all at once: in 5 of 5 trials no audio came before")
    result.stdout.fnmatch_lines(["*FAIL  cadence streamed: sends all at once*"])
    result.stdout.fnmatch_lines(["*Try: send each chunk as soon as it is made*"])


def test_a_websocket_by_the_adapter_of_the_docs(project: Project, websocket: str) -> None:
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    [adapter] = [block for block in blocks if "class OverWebSocket" in block]
    project.pytester.makepyfile(my_socket=adapter)
    specs = [
        f'TargetSpec(spec="my_socket:OverWebSocket", options={{"url": "{websocket}/{way}"}})'
        for way in ("streamed", "whole")
    ]
    measure_each(project, f"[{', '.join(specs)}]").assert_outcomes(passed=1, failed=1)
    assert outcomes(project) == ["PASS", "FAIL"]
    assert reasons(project)[1].startswith("sends all at once: in 5 of 5 trials")


def test_an_engine_that_cuts_finished_audio_fails(project: Project) -> None:
    project.measure_inline()
    project.test(TEST)
    project.run(*AT_ONCE).assert_outcomes(failed=1)
    assert outcomes(project) == ["FAIL"]


def test_stages_show_that_an_engine_streams(project: Project) -> None:
    """Its chunks come together: only its stages say that each was made after the one before."""
    project.measure_inline()
    project.test(TEST)
    project.run("--ttsperf-target-option=chunk_s=0").assert_outcomes(passed=1)
    assert outcomes(project) == ["PASS"]


def test_an_answer_that_is_asked_for_as_a_whole_is_one(project: Project) -> None:
    project.measure_inline()
    project.test(TEST.replace("stream('short')", "synthesize('short')"))
    project.run(*AT_ONCE).assert_outcomes(failed=1)


def test_a_test_lifts_what_its_class_asks_for(project: Project) -> None:
    project.measure_inline()
    project.test(
        """
        @trials(5)
        @cadence(streamed=True, max_gap_ms=5000)
        class TestReplies:
            def test_streamed(self, perf): perf.stream("short")
            @cadence(streamed=False)
            def test_whole(self, perf): perf.stream("short")
        """
    )
    project.run(*AT_ONCE).assert_outcomes(failed=1, passed=1)
    assert outcomes(project) == ["FAIL"]


def test_the_command_line_lifts_it(project: Project) -> None:
    project.measure_inline()
    project.test(TEST)
    project.run(*AT_ONCE, "--ttsperf-limit=cadence_streamed=false").assert_outcomes(passed=1)
    [reason] = reasons(project)
    assert "overridden by --ttsperf-limit" in reason


# The suite


SUITE = (*PYTEST, "--ttsperf-suite=streaming", "-k", "test_streamed", "--ttsperf-trials=5")


def test_the_suite_asks_whether_a_long_answer_is_streamed(project: Project) -> None:
    result = project.run_apart(*SUITE, "--ttsperf-target-option=chunk_s=0.01")
    assert result.ret == 0
    [cell] = project.cells()
    assert cell["cell"]["preset"] == "long"
    assert outcomes(project) == ["PASS"]
    printed = result.stdout.str()
    assert re.search(r"test_streamed.*: audio came, on average, after \d+% of the answer", printed)


def test_the_suite_finds_what_sends_all_at_once(project: Project) -> None:
    # Longer audio takes longer to be cut.
    result = project.run_apart(*SUITE, *AT_ONCE[:2], "--ttsperf-target-option=first_s=0.3")
    assert result.ret == 1
    assert outcomes(project) == ["FAIL"]


def test_a_project_leaves_that_out_by_its_table(project: Project) -> None:
    (project.path / "pyproject.toml").write_text(
        "[tool.ttsperf.streaming]\ncadence_streamed = false\n"
    )
    result = project.run_apart(*SUITE, *AT_ONCE)
    assert result.ret == 0
    assert outcomes(project) == []
