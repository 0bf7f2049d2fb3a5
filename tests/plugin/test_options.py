"""The smaller options, one test or two for each: voice, trials, limit, inconclusive and so on."""

from __future__ import annotations

import pytest

from tests.plugin.conftest import INLINE, Project

# Where no worker is looked at the engine runs inline, which costs half.
TEST = "@ttfa(p50_ms=5000)\ndef test_x(perf):\n    perf.stream('short')"


def test_voice_mark_wins_over_option_and_option_over_ini(project: Project) -> None:
    project.ini(ttsperf_target="engines:Telling", ttsperf_voice="ini", addopts=INLINE)
    project.test(
        """
        @trials(3)
        def test_a(perf): perf.stream("short")
        @voice("marked")
        @trials(3)
        def test_b(perf): perf.stream("short")
        """
    )
    project.run().assert_outcomes(passed=2)
    assert [cell["cell"]["voice"] for cell in project.cells()] == ["ini", "marked"]
    project.run("--ttsperf-voice=told").assert_outcomes(passed=2)
    voices = {cell["cell"]["voice"] for cell in project.artifacts()[-1]["cells"]}
    assert voices == {"told", "marked"}


def test_trials_option_wins_over_mark_and_mark_over_ini(project: Project) -> None:
    project.ini(ttsperf_target="engines:Telling", ttsperf_trials="4", addopts=INLINE)
    project.test(
        """
        def test_a(perf): assert perf.stream("short")["rtf"].n == NA
        @trials(5)
        def test_b(perf): assert perf.stream("short")["rtf"].n == NB
        """.replace("NA", "4").replace("NB", "5")
    )
    project.run().assert_outcomes(passed=2)
    project.test("@trials(5)\ndef test_b(perf): assert perf.stream('short')['rtf'].n == 6")
    project.run("--ttsperf-trials=6").assert_outcomes(passed=1)


def test_default_trials_can_prove_a_p95(project: Project) -> None:
    project.measure_inline()
    project.test(TEST.replace("p50_ms", "p95_ms"))
    project.run("--ttsperf-inconclusive=fail").assert_outcomes(passed=1)
    assert project.cells()[0]["declared_trials"] == 59


def test_cold_trials(project: Project) -> None:
    project.test("def test_x(perf, cold_engine): perf.stream('short')")
    project.run("--ttsperf-cold-trials=2").assert_outcomes(passed=1)
    assert project.cells()[0]["declared_trials"] == 2


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--ttsperf-trials=0"], "--ttsperf-trials=0; wanted a whole number"),
        (["--ttsperf-timeout=-3"], "--ttsperf-timeout=-3.0; wanted seconds above 0"),
        (["--ttsperf-limit", "ttfa_p95=800"], "is no limit (did you mean 'ttfa_p95_ms'?)"),
        (["--ttsperf-limit", "ttfa_p95_ms=fast"], "wanted ttfa_p95_ms=NUMBER"),
        (["--ttsperf-limit", "cadence_streamed=1"], "=true or cadence_streamed=false"),
        (["-o", "ttsperf_inconclusive=maybe"], "wanted warn or fail"),
        (["-o", "ttsperf_trials=many"], "ini ttsperf_trials='many'"),
        (["-o", "ttsperf_limits=rtf=1"], "is no limit"),
    ],
)
def test_options_that_cannot_be_understood(
    project: Project, arguments: list[str], told: str
) -> None:
    project.test(TEST)
    result = project.run(*arguments)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert told in result.stderr.str()


def test_limit_option_overrides_and_shows_both(project: Project) -> None:
    project.measure_inline()
    project.test(f"@trials(5)\n{TEST}")
    result = project.run("--ttsperf-limit", "ttfa_p50_ms=1")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["*limit 1 ms (5000 in the test, overridden by --ttsperf-limit)*", "*1.00 ms (was 5000)*"]
    )
    threshold = project.cells()[0]["thresholds"][0]
    assert (threshold["limit"], threshold["declared"]) == (1, 5000)


def test_ini_limits_hold_for_one_fingerprint_only(project: Project) -> None:
    project.measure_inline()
    project.test(f"@trials(5)\n{TEST}")
    project.run().assert_outcomes(passed=1)
    here = project.cells()[0]["fingerprint"]
    project.run("-o", "ttsperf_limits=windows-arm: ttfa_p50_ms=1").assert_outcomes(passed=1)
    result = project.run("-o", f"ttsperf_limits={here}: ttfa_p50_ms=1")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([f"*overridden by ini ttsperf_limits for {here}*"])
    project.run("-o", "ttsperf_limits=ttfa_p50_ms=1").assert_outcomes(failed=1)


def test_inconclusive_warns_or_fails(project: Project) -> None:
    project.measure_inline()
    project.test(TEST.replace("p50_ms", "p95_ms"))
    result = project.run("--ttsperf-trials=3")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*ttfa p95*INCONCLUSIVE", "note: *56 further trials*"])
    assert "warnings summary" not in result.stdout.str()
    project.run("--ttsperf-trials=3", "--ttsperf-inconclusive=fail").assert_outcomes(failed=1)
    project.run("--ttsperf-trials=3", "-o", "ttsperf_inconclusive=fail").assert_outcomes(failed=1)


def test_junit_properties_carry_the_verdicts(project: Project) -> None:
    project.measure_inline()
    project.test(TEST.replace("p50_ms", "p95_ms"))
    project.run("--ttsperf-trials=3", "--junit-xml=report.xml")
    xml = (project.path / "report.xml").read_text()
    assert 'name="ttsperf.short.stream.warm.ttfa_p95"' in xml
    assert 'value="INCONCLUSIVE: p95 is' in xml


def test_disable_runs_each_test_once_unmeasured(project: Project) -> None:
    project.test(
        """
        @ttfa(p95_ms=1)
        def test_a(perf): assert perf.stream("short")["rtf"].n == 1
        @ttfa(p50_ms=1)
        def test_b(perf, cold_engine): perf.synthesize("short")
        """
    )
    result = project.run("--ttsperf-disable")
    result.assert_outcomes(passed=2)
    assert project.artifacts() == []
    assert "verdict" not in result.stdout.str()


def test_inline_measures_in_process_but_not_memory_nor_cold(project: Project) -> None:
    project.test(
        """
        import os
        @trials(5)
        @ttfa(p50_ms=5000)
        def test_a(perf, warm_engine):
            perf.stream("short")
            assert warm_engine.ready.pid == os.getpid()
        @trials(5)
        @memory(rss_peak_mb=9000)
        def test_b(perf): perf.stream("short")
        def test_c(perf, cold_engine): perf.stream("short")
        """
    )
    result = project.run("--ttsperf-inline")
    result.assert_outcomes(passed=1, failed=2)
    result.stdout.fnmatch_lines(["*a cold start needs a process of its own*"])
    cells = {cell["cell"]["test"]: cell for cell in project.cells()}
    memory = cells["test_it.py::test_b[cpu]"]["memory"]
    assert memory["rss_peak_mb"] is None


@pytest.mark.parametrize(
    ("target", "outcome", "told"),
    [
        ("engines:only_cpu", {"passed": 1}, ""),
        ("engines:nothing_there", {"errors": 1}, "has no 'nothing_there'"),
    ],
)
def test_inline_opens_what_the_worker_opens(
    project: Project, target: str, outcome: dict[str, int], told: str
) -> None:
    project.test("@trials(3)\ndef test_x(perf): perf.stream('short')")
    result = project.run("--ttsperf-inline", f"--ttsperf-target={target}")
    result.assert_outcomes(**outcome)
    assert told in result.stdout.str()


def test_inline_provider_missing(project: Project) -> None:
    project.test("def test_x(perf): perf.stream('short')")
    project.ini(ttsperf_target="engines:only_cpu", ttsperf_provider="coreml")
    project.run("--ttsperf-inline").assert_outcomes(skipped=1)


def test_storage_and_artifacts_folders(project: Project) -> None:
    project.measure_inline()
    project.test("@trials(3)\n" + TEST)
    project.run(
        "--ttsperf-save", "--ttsperf-storage=kept", "--ttsperf-artifacts=out"
    ).assert_outcomes(passed=1)
    assert len(list(project.path.glob("kept/*/*.json"))) == 1
    assert len(list(project.path.glob("out/bench/*/run_*.json"))) == 1
    assert not (project.path / "baselines").exists()


def test_json_writes_the_run_to_a_file_of_ones_own(project: Project) -> None:
    project.measure_inline()
    project.test("@trials(3)\n" + TEST)
    project.run("--ttsperf-json=out/mine.json").assert_outcomes(passed=1)
    copy = (project.path / "out" / "mine.json").read_text()
    assert copy == project.artifact_paths()[-1].read_text()


@pytest.mark.parametrize("option", ["artifacts", "storage", "json"])
def test_places_that_cannot_be_written_are_told_at_once(project: Project, option: str) -> None:
    project.test("@trials(3)\n" + TEST)
    (project.path / "file").touch()
    (project.path / "folder").mkdir()
    place = "folder" if option == "json" else "file"
    result = project.run(f"--ttsperf-{option}={place}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert f"--ttsperf-{option}: " in result.stderr.str()


def test_a_timeout_shorter_than_a_look_is_kept(project: Project) -> None:
    project.test("@trials(3)\n" + TEST)
    result = project.run("--ttsperf-timeout=0.001")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*gave no answer within 0.001 s*"])


def test_quiet_prints_one_line_and_no_progress(project: Project) -> None:
    project.measure_inline()
    project.test("@trials(5)\n" + TEST)
    loud, quiet = project.run(), project.run("-q")
    assert "closest to its limit" in loud.stdout.str()
    assert "ttsperf: 1 performance test, " in loud.stdout.str()
    ours = [line for line in quiet.outlines if "ttsperf" in line]
    assert len(ours) == 1
    assert ours[0].startswith("ttsperf: 1 PASS; artifact artifacts/bench/")


def test_expected_duration_is_told_from_the_latest_run(project: Project) -> None:
    project.measure_inline()
    project.test("@trials(3)\n" + TEST)
    first, second = project.run(), project.run()
    first.stdout.fnmatch_lines(["ttsperf: 1 performance test, no earlier run tells how long*"])
    first.stdout.fnmatch_lines(["  short stream warm: 3 trials, about * s"])
    assert "3 trials, about" not in second.stdout.str()
    second.stdout.fnmatch_lines(["ttsperf: 1 performance test, about * s, by earlier runs"])
