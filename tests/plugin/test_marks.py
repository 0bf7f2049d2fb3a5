"""Marks become limits, and every mistake in one is told at collection."""

from __future__ import annotations

import pytest

import pytest_ttsperf
from tests.plugin.conftest import Project


def test_exported_marks_are_plain_pytest_marks() -> None:
    assert pytest_ttsperf.ttfa(p95_ms=1).mark == pytest.mark.ttfa(p95_ms=1).mark
    assert {"ttfa", "rtf", "cadence", "memory", "trials", "voice"} <= set(pytest_ttsperf.__all__)


def test_unknown_export_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'latency'"):
        _ = pytest_ttsperf.latency


@pytest.mark.parametrize(
    ("mark", "told"),
    [
        (
            "@ttfa(p95=500)",
            [
                "test_it.py::test_x[cpu]: @ttfa has no keyword 'p95' (did you mean 'p95_ms'?)",
                "p50_ms, p95_ms",
            ],
        ),
        ("@ttfa(p95_s=0.5)", ["'p95_s'", "accepted keywords: p50_ms"]),
        ("@ttfa(500)", ["@ttfa(500) gives a limit without its name"]),
        ("@rtf(p95=-1)", ["@rtf(p95=-1)", "at least 0"]),
        ("@rtf(p95='fast')", ["@rtf(p95='fast')"]),
        ("@rtf(p95=float('nan'))", ["finite number"]),
        ("@rtf(p95=True)", ["@rtf(p95=True)"]),
        ("@memory(rss_range_gb=1)", ["'rss_range_gb'", "rss_range_mb"]),
        ("@cadence(prebuffer_ms=100)", ["limits nothing", "underruns"]),
        ("@ttfa(p95_ms=1, onset='heart')", ["onset='heart'", "heard"]),
        ("@trials(0)", ["@trials(0)", "n >= 1"]),
        ("@trials('5')", ["@trials('5')"]),
        ("@voice()", ["@voice()", '@voice("name")']),
    ],
)
def test_mistakes_are_errors_at_collection(project: Project, mark: str, told: list[str]) -> None:
    project.test(f"{mark}\ndef test_x(perf): raise SystemError('ran')")
    result = project.run()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    for text in told:
        assert text in result.stderr.str()
    assert "SystemError" not in result.stdout.str()


def test_common_words_with_arguments_of_others_are_left_alone(project: Project) -> None:
    project.test(
        """
        @pytest.mark.memory("heavy")
        @pytest.mark.memory(limit="2 GB")
        def test_of_somebody_else(): pass
        """
    )
    project.run().assert_outcomes(passed=1)


def test_bare_marks_of_others_are_left_alone(project: Project) -> None:
    project.test(
        """
        @pytest.mark.memory
        @pytest.mark.trials
        @pytest.mark.voice(1, 2)
        def test_of_somebody_else(request):
            assert request.node.get_closest_marker("perf") is None
        """
    )
    project.run().assert_outcomes(passed=1)


def test_marks_add_perf_before_m_selects(project: Project) -> None:
    project.test(
        """
        @ttfa(p95_ms=1)
        def test_a(perf): pass
        def test_b(warm_engine): pass
        def test_c(): pass
        """
    )
    result = project.run("-m", "perf", "--collect-only", "-q")
    result.stdout.fnmatch_lines(["*test_a[[]cpu[]]", "*test_b[[]cpu[]]", "*1 deselected*"])


def test_limits_merge_by_keyword_from_param_to_module(project: Project) -> None:
    project.test(
        """
        pytestmark = [ttfa(p95_ms=5000, p50_ms=5000), rtf(p50=0.9)]

        @ttfa(p95_ms=4000)
        class TestClass:
            @ttfa(max_ms=3000)
            @pytest.mark.parametrize("x", [pytest.param(1, marks=ttfa(p50_ms=2000))])
            def test_x(self, perf, x):
                perf.stream("short")
        """
    )
    project.run("--ttsperf-trials=3").assert_outcomes(passed=1)
    limits = {f"{t['marker']}_{t['keyword']}": t["limit"] for t in project.cells()[0]["thresholds"]}
    assert limits == {
        "ttfa_p50_ms": 2000, "ttfa_p95_ms": 4000, "ttfa_max_ms": 3000, "rtf_p50": 0.9
    }  # fmt: skip


def test_all_marks_are_registered(project: Project) -> None:
    project.test("def test_x(): pass")
    result = project.run("--markers")
    for name in ("perf:", "ttfa(", "rtf(", "cadence(", "memory(", "trials(", "voice("):
        result.stdout.fnmatch_lines([f"@pytest.mark.{name}*"])
    assert project.run("--strict-markers").ret == 0
