"""Limits by provider and preset: which one holds, and what is said where none does."""

from __future__ import annotations

from typing import Any

import pytest

from tests.plugin.conftest import Project

PRESETS = "@pytest.mark.parametrize('preset', ['short', 'medium'])"


def limits_of(project: Project) -> dict[str, dict[str, float]]:
    """Parameters of a test's id -> its limits, of the newest run."""
    found: dict[str, dict[str, float]] = {}
    for cell in project.cells():
        name = cell["cell"]["test"].partition("[")[2].removesuffix("]")
        limits: dict[str, Any] = {}
        for threshold in cell["thresholds"]:
            limits[f"{threshold['marker']}_{threshold['keyword']}"] = threshold["limit"]
        found[name] = limits
    return found


@pytest.fixture
def speaking(project: Project) -> Project:
    """A project whose engine takes any provider, measured in pytest's own process."""
    project.ini(ttsperf_target="engines:Tone", addopts="--ttsperf-inline --ttsperf-trials=3")
    return project


def test_by_provider_by_preset_and_by_both(speaking: Project) -> None:
    speaking.test(
        f"""
        {PRESETS}
        @ttfa(
            p50_ms={{"cpu": 5001, "cuda": 5002}},
            p95_ms={{"short": 5003, "medium": 5004}},
            max_ms={{"cpu": {{"short": 5005, "medium": 5006}}, "cuda": 5007}},
        )
        @rtf(max=50)
        def test_x(perf, preset): perf.stream(preset)
        """
    )
    speaking.run("--ttsperf-provider=cpu,cuda").assert_outcomes(passed=4)
    by_provider = {"cpu": 5001, "cuda": 5002}
    by_preset = {"short": 5003, "medium": 5004}
    by_both = {"cpu-short": 5005, "cpu-medium": 5006, "cuda-short": 5007, "cuda-medium": 5007}
    found = limits_of(speaking)
    for name, limits in found.items():
        parts = name.split("-")
        provider = "cpu" if "cpu" in parts else "cuda"
        preset = "short" if "short" in parts else "medium"
        assert limits == {
            "ttfa_p50_ms": by_provider[provider],
            "ttfa_p95_ms": by_preset[preset],
            "ttfa_max_ms": by_both[f"{provider}-{preset}"],
            "rtf_max": 50,
        }
    assert len(found) == 4


def test_none_lifts_a_limit_and_with_all_of_them_the_mark(speaking: Project) -> None:
    speaking.test(
        """
        @ttfa(max_ms=5000, p50_ms={"cpu": 5000, "cuda": None})
        @cadence(underruns={"cpu": 9, "cuda": None}, prebuffer_ms=100)
        def test_x(perf): perf.stream("short")
        """
    )
    speaking.run("--ttsperf-provider=cpu,cuda").assert_outcomes(passed=2)
    assert limits_of(speaking) == {
        "cpu": {"ttfa_max_ms": 5000, "ttfa_p50_ms": 5000, "cadence_underruns": 9},
        "cuda": {"ttfa_max_ms": 5000},
    }
    by_provider = {cell["cell"]["provider"]: cell for cell in speaking.cells()}
    buffered = {t["prebuffer_ms"] for t in by_provider["cuda"]["thresholds"]}
    assert buffered == {0}
    assert "longest_stall_ms" in by_provider["cuda"]["summary"]


def test_without_a_provider_it_is_called_default(speaking: Project) -> None:
    speaking.test("@ttfa(max_ms={'default': 5000})\ndef test_x(perf): perf.stream('short')")
    speaking.run().assert_outcomes(passed=1)
    assert limits_of(speaking) == {"default": {"ttfa_max_ms": 5000}}


def test_an_option_puts_one_number_in_the_place_of_all(speaking: Project) -> None:
    speaking.test("@ttfa(max_ms={'cpu': 1, 'cuda': 2})\ndef test_x(perf): perf.stream('short')")
    result = speaking.run("--ttsperf-provider=cpu,cuda", "--ttsperf-limit=ttfa_max_ms=5000")
    result.assert_outcomes(passed=2)
    declared = [cell["thresholds"][0]["declared"] for cell in speaking.cells()]
    assert sorted(declared) == [1, 2]


@pytest.mark.parametrize(
    ("mark", "words"),
    [
        (
            "@ttfa(max_ms={'cpu': 500, 'coreml': 10})",
            "test_it.py::test_x[cuda]: @ttfa(max_ms=...) has no limit for provider 'cuda'; its "
            "keys are 'cpu', 'coreml'. Add a key, with None for no limit",
        ),
        ("@rtf(p95={'cuda': -1})", "@rtf(p95={'cuda': -1}); wanted a finite number"),
        ("@rtf(p95={'cuda': 'fast'})", "wanted a finite number"),
        ("@rtf(p95={'cpu': {'short': True}, 'cuda': 1})", "wanted a finite number"),
        ("@rtf(p95={})", "@rtf(p95={}); wanted limits by provider or preset, as {'cpu': 500"),
        ("@rtf(p95={'cuda': {}})", "wanted limits by provider or preset"),
        ("@rtf(p95={8: 1})", "wanted limits by provider or preset"),
        ("@rtf(p95=None)", "@rtf(p95=None); wanted a finite number"),
        ("@ttfa(max_ms=1, onset={'cuda': 'heart'})", "wanted ('heard', 'sample')"),
        ("@regression(ttfa={'cuda': '5%'})", "test_it.py::test_x[cuda]: @regression"),
    ],
)
def test_mistakes_are_errors_at_collection(project: Project, mark: str, words: str) -> None:
    project.test(
        "from pytest_ttsperf import regression\n"
        f"{mark}\ndef test_x(perf): raise SystemError('ran')\n"
    )
    result = project.run("--ttsperf-provider=cuda")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert words in result.stderr.str()
    assert "SystemError" not in result.stdout.str()


def test_an_absent_preset_is_named_with_the_parameter(project: Project) -> None:
    project.test(
        f"""
        {PRESETS}
        @ttfa(max_ms={{"short": 500, "long": 900}})
        def test_x(perf, preset): raise SystemError("ran")
        """
    )
    result = project.run()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "has no limit for provider 'cpu' or preset 'medium'" in result.stderr.str()


def test_an_absent_key_is_no_reason_to_take_the_limit_of_a_class(project: Project) -> None:
    project.test(
        """
        @ttfa(max_ms=5000)
        class TestX:
            @ttfa(max_ms={"coreml": 10})
            def test_x(self, perf): pass
        """
    )
    result = project.run()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "has no limit for provider 'cpu'; its keys are 'coreml'" in result.stderr.str()


def test_no_provider_at_all_is_told_with_the_option(project: Project) -> None:
    project.ini(ttsperf_target="engines:Tone")
    project.test("@ttfa(max_ms={'cpu': 500})\ndef test_x(perf): pass")
    result = project.run()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "has no limit for provider 'default'; its keys are 'cpu'" in result.stderr.str()
    assert "or choose a provider, as --ttsperf-provider=cpu" in result.stderr.str()


def test_two_keys_that_hold_are_told_how_to_nest(project: Project) -> None:
    project.test(
        f"""
        {PRESETS}
        @ttfa(max_ms={{"cpu": 500, "medium": 900}})
        def test_x(perf, preset): pass
        """
    )
    result = project.run()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    told = result.stderr.str()
    assert "test_x[cpu-medium]" in told or "test_x[medium-cpu]" in told
    assert "provider 'cpu' and preset 'medium' hold for this test" in told
    assert "{'cpu': {'medium': ...}}" in told


def test_a_secret_in_a_parameter_is_no_name(project: Project) -> None:
    project.test(
        """
        @pytest.mark.parametrize("ttsperf_target", ["http://me:hunter2@localhost:1"])
        @ttfa(max_ms={"coreml": 10})
        def test_x(perf): pass
        """
    )
    result = project.run()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "has no limit for provider 'cpu'; its keys" in result.stderr.str()
    assert "hunter2" not in result.stderr.str()


def test_shares_and_capacities_by_provider(project: Project) -> None:
    project.ini(ttsperf_target="engines:Tone", ttsperf_listeners="1,2")
    project.test(
        """
        from pytest_ttsperf import barge_in, capacity
        @barge_in(next_ttfa={"cpu": "10%", "cuda": 0.2})
        def test_barge(perf): pass
        @capacity(min_listeners={"cpu": 2, "cuda": 8}, ttfa_p95_ms=500)
        def test_search(perf): pass
        @capacity(min_listeners={"cpu": 2.5, "cuda": 8})
        def test_wrong(perf): pass
        """
    )
    result = project.run("--collect-only", "--ttsperf-provider=cuda")
    assert result.ret == pytest.ExitCode.OK
    assert "test_search[cuda]" in result.stdout.str()
    result = project.run("--collect-only", "--ttsperf-provider=cpu")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "@capacity(min_listeners=2.5)" in result.stderr.str()


def test_where_it_is_asked_for_at_run_time_the_first_provider_chooses(speaking: Project) -> None:
    speaking.test(
        "@ttfa(max_ms={'cpu': 5000})\n"
        "def test_x(request): request.getfixturevalue('perf').stream('short')"
    )
    speaking.run("--ttsperf-provider=cpu,cuda").assert_outcomes(passed=1)
    assert speaking.run("--ttsperf-provider=cuda,cpu").ret == pytest.ExitCode.USAGE_ERROR
