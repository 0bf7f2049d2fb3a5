"""`--ttsperf-trace`: a file for a trace viewer per trial, and the graph nodes of a regression."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pytest_ttsperf.compare import graph_nodes
from tests.plugin.conftest import Project
from tests.plugin.repository import changes, commit
from tests.scripted_runtime import write_package

OPTION = "--ttsperf-trace"
GRAPH = """

import onnxruntime

class Graph(Telling):
    conv_s = 0.004

    def __init__(self, provider="cpu", voice="hum"):
        super().__init__(provider, voice, first_s=0.001)
        conv = ("/dec/conv", "Conv", self.conv_s, [1, 80, 512])
        self.session = onnxruntime.InferenceSession([conv, ("/dec/gru", "GRU", 0.002, [1, 64])])

    def stream(self, text):
        self.session.run()
        yield from super().stream(text)
"""
TEST = """
@trials(3)
def test_x(perf):
    perf.stream("short")
"""


def add_graph(project: Project) -> None:
    """Measure an engine that has a session of ONNX Runtime, or of what looks like it."""
    write_package(project.path)
    engines = project.path / "engines.py"
    engines.write_text(engines.read_text() + GRAPH)
    project.ini(ttsperf_target="engines:Graph", ttsperf_provider="cpu")
    project.test(TEST)


def trace_files(project: Project) -> list[Path]:
    return sorted(project.path.glob("artifacts/bench/*/trace_*/*/*.json"))


def words_of(result: pytest.RunResult) -> str:
    """What was printed, however its lines were broken."""
    return " ".join(str(result.stdout).split())


def spans_of(path: Path) -> list[dict[str, Any]]:
    events = json.loads(path.read_text())["traceEvents"]
    return [event for event in events if event["ph"] == "X"]


def test_each_trial_has_a_trace_and_two_of_their_texts_one_with_graph_nodes(
    project: Project,
) -> None:
    add_graph(project)
    result = project.run(OPTION)
    result.assert_outcomes(passed=1)
    files = trace_files(project)
    measured = [path for path in files if path.name.startswith("trial_")]
    profiled = [path for path in files if path.name.startswith("profiled_")]
    trials = [each for each in project.cells()[0]["trials"] if each["kind"] == "trial"]
    assert [path.name for path in measured] == [
        f"trial_{trial['index']:04d}.json" for trial in trials
    ]
    assert 1 <= len(profiled) <= 2
    for path, trial in zip(measured, trials, strict=True):
        names = [span["name"] for span in spans_of(path)]
        assert names.count("chunk 0") == 1
        assert "playing" in names
        assert "vocode 0" in names
        assert "/dec/conv" not in names, "what was timed was not profiled"
        chunks = [span for span in spans_of(path) if span["name"].startswith("chunk ")]
        assert len(chunks) == len(trial["recording"]["arrivals_ns"])
    for path in profiled:
        nodes = {span["name"]: span for span in spans_of(path) if "operator" in span["args"]}
        assert set(nodes) == {"/dec/conv", "/dec/gru"}
        assert nodes["/dec/conv"]["dur"] >= 3900
        assert nodes["/dec/conv"]["args"]["inputs"] == "float 1x80x512"
    assert "3 traces, and" in words_of(result)
    assert "ui.perfetto.dev" in words_of(result)


def test_nothing_is_written_without_it(project: Project) -> None:
    add_graph(project)
    project.run().assert_outcomes(passed=1)
    assert trace_files(project) == []


def test_nothing_is_written_where_nothing_is_measured(project: Project) -> None:
    project.test(TEST)
    project.run(OPTION, "--ttsperf-disable").assert_outcomes(passed=1)
    assert trace_files(project) == []


def test_an_engine_without_sessions_has_traces_without_graph_nodes(project: Project) -> None:
    project.test(TEST)
    result = project.run(OPTION)
    result.assert_outcomes(passed=1)
    assert len(trace_files(project)) == 3
    assert "has run no session of ONNX Runtime" in words_of(result)


def test_inline_there_is_no_process_to_be_profiled(project: Project) -> None:
    project.measure_inline()
    project.test(TEST)
    result = project.run(OPTION)
    result.assert_outcomes(passed=1)
    assert len(trace_files(project)) == 3
    assert "leave out --ttsperf-inline to see the graph nodes" in words_of(result)


def test_cold_starts_are_traced_from_the_start_of_their_process(project: Project) -> None:
    add_graph(project)
    project.test("def test_x(perf, cold_engine): perf.stream('short')")
    project.run(OPTION, "--ttsperf-cold-trials=2").assert_outcomes(passed=1)
    measured = [path for path in trace_files(project) if path.name.startswith("trial_")]
    assert len(measured) == 2
    assert "process" in {span["name"] for span in spans_of(measured[0])}


def test_folders_that_cannot_be_written_are_said_and_fail_nothing(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.test(TEST)
    project.path.joinpath("in_the_way").write_text("a file")
    blocked = project.path / "in_the_way" / "cell"
    monkeypatch.setattr(
        "pytest_ttsperf.report.artifact.ArtifactWriter.trace_folder", lambda *_: blocked
    )
    result = project.run(OPTION)
    result.assert_outcomes(passed=1)
    assert "traces cannot be written to" in words_of(result)


def test_a_regression_names_the_node_that_grew(
    repository: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(graph_nodes, "ROUNDS", 4)
    add_graph(repository)
    commit(repository, "chunk_s=0.0015", "chunk_s=0.0016")
    commit(repository, "conv_s = 0.004", "conv_s = 0.016")
    margins = [f"--ttsperf-compare-fail={name}:20%" for name in ("ttfa_p50", "rtf_p50")]
    against = ("--ttsperf-against=HEAD~1", "--ttsperf-compare-fail=ttfa_p95:60%", *margins)
    result = repository.run(OPTION, *against)
    result.assert_outcomes(failed=1)
    assert changes(repository)["ttfa p50"] == "FAIL"
    comparison = repository.cells()[0]["comparison"]
    by_metric = {found["metric"]: found for found in comparison["nodes"]}
    found = by_metric["ttfa_sound_ms"]
    assert found["explained_by"] == ["Conv /dec/conv"]
    assert found["nodes"][0]["inputs"] == "float 1x80x512"
    assert found["nodes"][0]["new_inputs"] is None
    assert 8.0 < found["nodes"][0]["ms"] < 40.0
    assert "of which Conv /dec/conv +" in words_of(result)


def test_without_it_a_regression_is_not_profiled(
    repository: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(graph_nodes, "run_profiled", lambda *_: pytest.fail("it was profiled"))
    commit(repository, "first_s=0.012", "first_s=0.036")
    repository.run("--ttsperf-against=HEAD~1").assert_outcomes(failed=1)
    assert repository.cells()[0]["comparison"]["nodes"] == []
