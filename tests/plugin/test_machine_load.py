"""What else the machine did stands in the artifact and beside the verdicts, and changes none."""

from __future__ import annotations

from tests.plugin.conftest import Project
from tests.unit.cpu_burner import stranger

WARM = "@trials(5)\ndef test_x(perf): perf.stream('short')"
COLD = "@trials(5)\ndef test_x(perf, cold_engine): perf.stream('short')"


def test_the_artifact_has_the_load_before_and_during_the_trials(project: Project) -> None:
    project.test(WARM)
    project.run().assert_outcomes(passed=1)
    (cell,) = project.cells()
    assert cell["weather_before"]["seconds"] > 0
    assert cell["weather"]["seconds"] > 0
    environment = project.artifacts()[-1]["environment"]
    assert environment["weather_before"]["others_cores"] is not None
    assert environment["weather_after"]["seconds"] > cell["weather"]["seconds"]
    for sky in (cell["weather"], environment["weather_before"], environment["weather_after"]):
        nulls = {name for name, value in sky.items() if value is None}
        assert nulls == set(sky["unmeasured"])


def test_cold_cells_have_it_too(project: Project) -> None:
    project.test(COLD)
    project.run("--ttsperf-cold-trials=2").assert_outcomes(passed=1)
    (cell,) = project.cells()
    assert cell["weather"]["others_cores"] is not None
    assert cell["weather_before"] is None


def test_the_summary_tells_it_and_no_verdict_changes(project: Project) -> None:
    project.test("@trials(5)\n@ttfa(p50_ms=5000)\ndef test_x(perf): perf.stream('short')")
    with stranger():
        result = project.run()
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(
        ["disturbances during the trials: *% of one core was used by others*"]
    )
    assert set(project.verdicts().values()) == {"PASS"}
    assert project.cells()[0]["weather"]["others_cores"] > 0


def test_a_stored_run_keeps_its_load_and_what_its_fingerprint_stands_for(
    project: Project,
) -> None:
    import json

    project.test(WARM)
    project.run("--ttsperf-save").assert_outcomes(passed=1)
    (path,) = project.path.glob("baselines/*/*.json")
    stored = json.loads(path.read_text())
    assert stored["runs"][0]["weather"]["seconds"] > 0
    assert stored["stands_for"]["provider"] == "CPUExecutionProvider"
    assert stored["stands_for"]["cores"] >= 1
