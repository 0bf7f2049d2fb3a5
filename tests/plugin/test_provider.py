"""`--ttsperf-provider` and its ini line."""

from __future__ import annotations

import pytest

from tests.plugin.conftest import Project

TEST = "@trials(3)\n@ttfa(p50_ms=5000)\ndef test_x(perf):\n    perf.stream('short')"


def test_id_always_names_the_provider(project: Project) -> None:
    project.test(TEST)
    project.ini(ttsperf_target="engines:Telling")
    assert "test_x[default]" in project.run("--collect-only", "-q").stdout.str()
    told = project.run("--collect-only", "-q", "--ttsperf-provider=cpu,coreml").stdout.str()
    assert "test_x[cpu]" in told
    assert "test_x[coreml]" in told


def test_an_engine_asked_for_by_name_gets_the_provider_of_the_command_line(
    project: Project,
) -> None:
    project.test(
        "@trials(3)\ndef test_x(request):\n    request.getfixturevalue('perf').stream('short')"
    )
    project.run("--ttsperf-provider=cuda", "--ttsperf-target=engines:Tone").assert_outcomes(
        passed=1
    )
    assert project.cells()[0]["cell"]["provider"] == "cuda"


def test_collection_imports_no_engine(project: Project) -> None:
    project.test(TEST)
    project.ini(ttsperf_target="no_such_module:Engine")
    assert project.run("--collect-only").ret == 0


def test_missing_provider_from_ini_is_skipped_with_the_reason(project: Project) -> None:
    project.test(TEST)
    project.ini(ttsperf_target="engines:only_cpu", ttsperf_provider="cpu coreml")
    result = project.run("-rs")
    result.assert_outcomes(passed=1, skipped=1)
    result.stdout.fnmatch_lines(["SKIPPED*provider not available: found cpu, wanted coreml*"])


def test_a_run_in_which_all_are_skipped_fails(project: Project) -> None:
    project.test(TEST)
    project.ini(ttsperf_target="engines:only_cpu", ttsperf_provider="coreml")
    result = project.run()
    result.assert_outcomes(skipped=1)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["*all performance tests were skipped*"])


def test_missing_provider_from_the_command_line_is_an_error(project: Project) -> None:
    project.test(TEST)
    result = project.run("--ttsperf-target=engines:only_cpu", "--ttsperf-provider=coreml")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*found cpu, wanted coreml*"])


def test_a_provider_asked_of_a_target_that_takes_none_is_an_error(project: Project) -> None:
    project.pytester.makepyfile(plain="from engines import *\ndef plain(): return Tone()")
    project.test(TEST)
    result = project.run("--ttsperf-target=plain:plain", "--ttsperf-provider=cpu")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*provider 'cpu' was asked for*takes `provider=`*"])
    project.run("--ttsperf-target=plain:plain").assert_outcomes(passed=1)  # ini: only offered


def test_artifacts_of_several_providers_are_told_apart(project: Project) -> None:
    project.test(TEST)
    project.ini(ttsperf_target="engines:Tone")
    project.run("--ttsperf-provider=cpu", "--ttsperf-provider=cuda").assert_outcomes(passed=2)
    names = [path.name for path in project.artifact_paths("bench_*.json")]
    assert len(names) == 2
    assert names[0].startswith("bench_stream_short_cpu_default_")
    assert names[1].startswith("bench_stream_short_cuda_default_")


def test_cold_engine_of_a_missing_provider_is_skipped_too(project: Project) -> None:
    project.test("@ttfa(p50_ms=9000)\ndef test_x(perf, cold_engine):\n    perf.stream('short')")
    project.ini(ttsperf_target="engines:only_cpu", ttsperf_provider="coreml")
    result = project.run()
    result.assert_outcomes(skipped=1)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
