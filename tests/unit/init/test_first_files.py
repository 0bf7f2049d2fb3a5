"""The files that `init` writes, as they read: a test file, and a workflow for each service."""

from __future__ import annotations

import ast
import re
import shlex

import pytest
import yaml

from pytest_ttsperf.init import first_files
from tests.unit.init.factories import COLD, ENGINE, WARM, measured

SERVER = "http://127.0.0.1:8000"
TARGETS = (ENGINE, SERVER, "wyoming://127.0.0.1:10200", "cmd:piper --output-raw")


def write_workflow(found, ci):
    return first_files.compose_workflow(found, ci, branch="trunk", install="-e . pytest-ttsperf")


def test_a_test_for_each_phase_with_limits_of_1_3_times():
    text = first_files.compose_test_file(measured())
    assert text.endswith(
        """

from pytest_ttsperf import cadence, memory, rtf, ttfa


# Measured: ttfa p95 50.0 ms, rtf p95 0.02, rss peak 200 MB (59 trials).
@ttfa(p95_ms=65)
@rtf(p95=0.026)
@cadence(underruns=0, prebuffer_ms=100, streamed=True)
@memory(rss_peak_mb=260)
def test_short_reply(perf):
    perf.stream("short")


# Measured: ttfa p50 1000 ms, rss peak 180 MB (5 starts).
@ttfa(p50_ms=1300)
@memory(rss_peak_mb=240)
def test_cold_start(perf, cold_engine):
    perf.stream("short")
"""
    )


def test_only_marks_that_are_used_are_imported():
    text = first_files.compose_test_file(measured(warm=None))
    assert "from pytest_ttsperf import memory, ttfa\n" in text
    assert "test_short_reply" not in text


def test_the_docstring_says_what_the_limits_are_of():
    docstring = ast.get_docstring(ast.parse(first_files.compose_test_file(measured())))
    assert docstring is not None
    assert docstring.startswith(f"How fast {ENGINE} speaks.\n\nIt is a Python engine, 24000 Hz. ")
    words = " ".join(docstring.split())
    assert "It streams: 20.0 s of speech came in 12 chunks" in words
    assert "Limits are 1.3 times what was measured there and then, rounded up" in words
    assert re.search(r"on \d{4}-\d\d-\d\d, on ", words)
    assert docstring.endswith("\n    pytest -m perf --ttsperf-against=origin/main")


@pytest.mark.parametrize(
    "spec",
    [*TARGETS, 'cmd:say "it" \\t {text}', "cmd:" + "long " * 60, 'cmd:echo """'],
)
def test_whatever_the_target_is_called_it_is_python_of_readable_lines(spec):
    text = first_files.compose_test_file(measured(spec))
    tree = ast.parse(text)
    assert [node.name for node in tree.body if isinstance(node, ast.FunctionDef)] == [
        "test_short_reply",
        "test_cold_start",
    ]
    assert max(map(len, text.splitlines())) <= 100
    assert "@{" not in text


def test_a_mark_that_is_missing_is_explained():
    without = WARM._replace(rss_peak_mb=None, prebuffer_ms=None)
    found = measured(
        warm=without, cold=None, is_streamed=False, memory_missing_because="it is not  here"
    )
    text = first_files.compose_test_file(found)
    assert "# Its memory was not measured: it is not here.\n" in text
    assert "# It sends all at once, so no mark limits how evenly its chunks come.\n" in text
    assert "@memory" not in text
    assert "@cadence" not in text
    stalling = first_files.compose_test_file(measured(warm=WARM._replace(prebuffer_ms=None)))
    assert "# A player that buffers a second runs dry, so no mark limits underruns yet." in stalling


def test_a_cold_start_needs_no_explanation():
    text = first_files.compose_test_file(measured(warm=None, cold=COLD, is_streamed=False))
    assert "so no mark limits" not in text


def test_code_is_compared_with_the_version_that_a_change_begins_from():
    github = write_workflow(measured(), "github")
    assert "against" not in github.partition("steps:")[2]
    assert 'branches: ["trunk"]' in github
    assert "      - run: python -m pip install -e . pytest-ttsperf\n" in github
    assert "      - uses: pytest-ttsperf/pytest-ttsperf@v1\n      - if: failure()\n" in github
    gitlab = write_workflow(measured(), "gitlab")
    assert "TTSPERF_AGAINST" not in gitlab
    assert gitlab.endswith("    - python -m pip install -e . pytest-ttsperf\n")


@pytest.mark.parametrize("spec", TARGETS[1:])
def test_of_what_is_no_code_there_is_one_version(spec):
    github = write_workflow(measured(spec), "github")
    assert "@v1\n        with:\n          against: none  #" in github
    gitlab = write_workflow(measured(spec), "gitlab")
    assert "extends: .ttsperf\n  variables:\n    TTSPERF_AGAINST: none  #" in gitlab


def test_a_slow_target_is_compared_for_longer():
    slow = measured(SERVER, budget_s=150)
    command = first_files.compare_command(slow)
    assert command == "pytest -m perf --ttsperf-against=http://HOST:PORT --ttsperf-budget=150s"
    assert f"    {command}\n" in first_files.compose_test_file(slow)
    github = yaml.safe_load(write_workflow(slow, "github"))
    inputs = next(step["with"] for step in github["jobs"]["speech"]["steps"] if is_ours(step))
    assert inputs == {"against": "none", "budget": "150s"}
    gitlab = yaml.safe_load(write_workflow(slow, "gitlab"))
    assert gitlab["speech"]["variables"] == {"TTSPERF_AGAINST": "none", "TTSPERF_BUDGET": "150s"}
    engine = yaml.safe_load(write_workflow(measured(budget_s=90), "gitlab"))
    assert engine["speech"]["variables"] == {"TTSPERF_BUDGET": "90s"}


def test_a_server_that_is_started_is_compared_with_another_start():
    started = measured("http://127.0.0.1:{port}", options={"start": "serve {port}"})
    command = first_files.compare_command(started)
    assert shlex.split(command)[3:] == [
        "--ttsperf-against=http://127.0.0.1:{port}",
        "--ttsperf-against-option=start=OLD-SERVER {port}",
    ]
    text = first_files.compose_test_file(started)
    assert max(map(len, text.splitlines())) <= 100
    assert command in " ".join(text.split())


def is_ours(step):
    return step.get("uses", "").startswith("pytest-ttsperf/")


@pytest.mark.parametrize("ci", ["github", "gitlab"])
def test_a_server_has_to_be_started_first(ci):
    text = write_workflow(measured(SERVER), ci)
    start = text.index("# Start your server here")
    if ci == "github":
        assert start < text.index("uses: pytest-ttsperf")
    assert "Start your server" not in write_workflow(measured(), ci)
    started = measured("http://127.0.0.1:{port}", options={"start": "serve {port}"})
    assert "Start your server" not in write_workflow(started, ci)


@pytest.mark.parametrize("ci", ["github", "gitlab"])
@pytest.mark.parametrize("spec", TARGETS)
def test_nothing_is_left_to_be_filled_in(ci, spec):
    text = write_workflow(measured(spec), ci)
    assert "@{" not in text
    assert "\t" not in text
    assert text.endswith("\n")
    assert not text.endswith("\n\n")
