"""The files of a run: whole, valid, and there even when the run is cut short."""

from __future__ import annotations

import json
import re

import jsonschema
import msgspec
import pytest

from pytest_ttsperf.report import artifact
from tests.plugin.conftest import Project

TWO = """
@trials(3)
@ttfa(p50_ms=5000)
def test_a(perf): perf.stream("short")
@trials(3)
def test_b(perf): {body}
"""


def test_names_and_contents(project: Project) -> None:
    project.test(TWO.format(body="perf.synthesize('medium')"))
    project.run().assert_outcomes(passed=2)
    paths = project.artifact_paths("*.json")
    names = [path.name for path in paths]
    stamp = re.fullmatch(r"run_(\d{6})\.json", names[-1])
    assert stamp
    assert names == [
        f"bench_nonstream_medium_{stamp[1]}.json",
        f"bench_stream_short_{stamp[1]}.json",
        f"run_{stamp[1]}.json",
    ]
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", paths[0].parent.name)
    run = json.loads(paths[-1].read_text())
    assert run["finished"] is True
    assert run["environment"]["machine"]["cores"] >= 1
    assert run["environment"]["git"] is None
    for cell in run["cells"]:
        assert [t["kind"] for t in cell["trials"]].count("trial") == 3
        assert cell["recorder_cost"]["ttfa_us"] > 0
        assert all("pcm" not in t["recording"] for t in cell["trials"])
        assert cell["memory"]["rss_baseline_mb"] > 1
    assert [c["cell"]["test"] for c in run["cells"]] == [
        "test_it.py::test_a[cpu]", "test_it.py::test_b[cpu]"
    ]  # fmt: skip


def test_artifacts_match_their_shipped_schemas(project: Project) -> None:
    project.measure_inline()
    project.test(TWO.format(body="perf.stream('short')"))
    project.run("--ttsperf-save").assert_outcomes(passed=2)
    kinds = {"run-1": "run_*.json", "bench-1": "bench_*.json"}
    for name, pattern in kinds.items():
        (document,) = project.artifacts(pattern)
        jsonschema.validate(document, artifact.read_schema(name))
    for path in project.path.glob("baselines/*/*.json"):
        jsonschema.validate(json.loads(path.read_text()), artifact.read_schema("baseline-1"))


def test_shipped_schemas_are_those_of_the_records() -> None:
    for name, kind in artifact.SCHEMAS.items():
        made = msgspec.json.decode(msgspec.json.encode(artifact.schema(kind)))
        assert artifact.read_schema(name) == made


def test_an_interrupted_run_keeps_what_it_has(project: Project) -> None:
    project.measure_inline()
    project.test(TWO.format(body="raise KeyboardInterrupt"))
    result = project.run()
    assert result.ret == pytest.ExitCode.INTERRUPTED
    (run,) = project.artifacts()
    assert [c["cell"]["test"] for c in run["cells"]] == ["test_it.py::test_a[cpu]"]


def test_a_crash_in_the_middle_keeps_the_tests_before(project: Project) -> None:
    project.measure_inline()
    project.test(TWO.format(body="__import__('os')._exit(3)"))
    result = project.run_apart("-p", "no:randomly")
    assert result.ret == 3
    (run,) = project.artifacts()
    assert run["finished"] is False
    assert len(run["cells"]) == 1


def test_two_runs_in_one_second_do_not_overwrite(project: Project, tmp_path: object) -> None:
    from datetime import datetime

    started = datetime(2025, 10, 30, 10, 19, 59)
    first = artifact.ArtifactWriter(project.path, started)
    second = artifact.ArtifactWriter(project.path, started)
    assert first.run_path.name == "run_101959.json"
    assert second.run_path.name == "run_101959-2.json"
    assert first.run_path.parent.name == "2025-10-30"


def test_recent_runs_pass_over_damaged_files(project: Project) -> None:
    project.measure_inline()
    project.test(TWO.format(body="pass"))
    project.run()
    (path,) = project.artifact_paths()
    path.with_name("run_999999.json").write_text("{")
    latest = next(artifact.recent_runs(project.path / "artifacts"))
    assert latest.id.endswith(path.stem.removeprefix("run_"))
    assert msgspec.json.decode(path.read_bytes())["id"] == latest.id
