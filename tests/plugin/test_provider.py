"""`--ttsperf-provider` and its ini line."""

from __future__ import annotations

import pytest

from pytest_ttsperf.experiment import plan
from pytest_ttsperf.records import TargetSpec
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
    assert project.verdicts() == {"provider": "INCONCLUSIVE"}


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
    project.run("--ttsperf-target=plain:plain").assert_outcomes(passed=1)  # ini: only available


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


DECIDING = TEST.replace("trials(3)", "trials(5)")
UNVERIFIED = "unverified: the target does not tell which provider ran, cpu was asked for"
WAY = "give it placement(), which counts nodes by provider, as {'CPUExecutionProvider': 12}"
PLACEMENTS = """
from engines import *

class Telling(Tone):
    told = None
    def placement(self):
        return self.told

class Nothing(Telling): pass
class Empty(Telling): told = {}
class Nodeless(Telling): told = {"provider": "CPUExecutionProvider", "threads": 1}
class Plain(Telling): told = {"CPUExecutionProvider": np.int64(12), "CoreMLExecutionProvider": 0}
class Whole(Telling): told = {"nodes": {"CPUExecutionProvider": 12}, "of_its_own": "x"}
class Other(Telling): told = {"CoreMLExecutionProvider": 12}
class Listed(Telling): told = ["CPUExecutionProvider"]
class Worded(Telling): told = {"CPUExecutionProvider": "all"}
class Negative(Telling): told = {"CPUExecutionProvider": -1}
class Unknown(Telling): told = {"of_its_own": "x"}
"""


@pytest.fixture
def placing(project: Project) -> Project:
    project.pytester.makepyfile(placing=PLACEMENTS)
    project.test(DECIDING)
    return project


@pytest.mark.parametrize("name", ["engines:Tone", "placing:Nothing", "placing:Empty",
                                  "placing:Nodeless"])  # fmt: skip
def test_a_provider_of_the_command_line_that_is_not_verified_is_inconclusive(
    placing: Project, name: str
) -> None:
    result = placing.run(f"--ttsperf-target={name}", "--ttsperf-provider=cpu")
    result.assert_outcomes(passed=1)
    assert placing.verdicts() == {"provider": "INCONCLUSIVE", "ttfa p50": "INCONCLUSIVE"}
    (provider, ttfa) = (verdict["reason"] for verdict in placing.cells()[0]["verdicts"])
    assert provider == f"{UNVERIFIED}; {WAY}, or leave out --ttsperf-provider"
    assert ttfa.startswith("nobody knows whether cpu ran; ")
    told = result.stdout.str()
    assert told.count(UNVERIFIED) == 1
    failing = (f"--ttsperf-target={name}", "--ttsperf-provider=cpu", "--ttsperf-inconclusive=fail")
    placing.run(*failing).assert_outcomes(failed=1)


def test_an_unverified_provider_hides_no_failure(placing: Project) -> None:
    placing.test(DECIDING.replace("5000", "1"))
    result = placing.run("--ttsperf-target=engines:Tone", "--ttsperf-provider=cpu")
    result.assert_outcomes(failed=1)
    assert placing.verdicts() == {"provider": "INCONCLUSIVE", "ttfa p50": "FAIL"}


def test_an_unverified_provider_from_ini_is_a_remark(placing: Project) -> None:
    result = placing.run("--ttsperf-target=engines:Tone", "--ttsperf-inconclusive=fail")
    result.assert_outcomes(passed=1)
    assert placing.verdicts() == {"ttfa p50": "PASS"}
    assert UNVERIFIED in result.stdout.str()


@pytest.mark.parametrize("name", ["Plain", "Whole"])
def test_a_placement_verifies_the_provider(placing: Project, name: str) -> None:
    result = placing.run(f"--ttsperf-target=placing:{name}", "--ttsperf-provider=cpu")
    result.assert_outcomes(passed=1)
    assert placing.verdicts() == {"ttfa p50": "PASS"}
    assert "unverified" not in result.stdout.str()
    assert placing.cells()[0]["ready"]["placement"]["nodes"]["CPUExecutionProvider"] == 12


def test_a_plain_placement_shows_that_another_provider_ran(placing: Project) -> None:
    result = placing.run("--ttsperf-target=placing:Other", "--ttsperf-provider=cpu")
    result.assert_outcomes(failed=1)
    assert placing.verdicts() == {"provider": "INVALID", "ttfa p50": "INVALID"}


@pytest.mark.parametrize("name", ["Listed", "Worded", "Negative", "Unknown"])
def test_another_shape_is_an_error_that_names_the_accepted_ones(
    placing: Project, name: str
) -> None:
    result = placing.run(f"--ttsperf-target=placing:{name}")
    result.assert_outcomes(errors=1)
    told = result.stdout.str()
    assert f"placing:{name}.placement(): found " in told
    assert (
        "wanted a dict that counts nodes by provider, as {'CPUExecutionProvider': 12}; or" in told
    )
    assert "or one of which `nodes` is that, beside any of provider, " in told
    assert "; or None where it does not know" in told


def test_a_program_or_server_says_how_it_can_be_verified() -> None:
    ways = {
        "http://127.0.0.1:1": "under the path that `status` in --ttsperf-http-template names",
        "wyoming://127.0.0.1:1": "measure it as module:callable or over HTTP",
        "cmd:say {provider}": "measure it as module:callable or over HTTP",
    }
    for spec, way in ways.items():
        source = plan.TargetFactory(TargetSpec(spec=spec), provider="cpu", requested=("provider",))
        assert way in source.placement_remedy
