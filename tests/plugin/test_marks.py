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
        ("@cadence(streamed=1)", ["@cadence(streamed=1)", "wanted True or False"]),
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


EMPTY = {
    "ttfa": "p50_ms, p95_ms, p99_ms, max_ms, prebuffer_ms, onset",
    "rtf": "p50, p95, p99, max",
    "cadence": "p95_gap_ms, max_gap_ms, underruns, prebuffer_needed_ms, streamed, prebuffer_ms",
    "memory": "rss_range_mb, rss_peak_mb, uss_peak_mb, leak_mb_per_1000",
    "regression": "ttfa, rtf, memory, ttfa_p50",
}


@pytest.mark.parametrize("fixture", ["perf", "warm_engine", "cold_engine"])
@pytest.mark.parametrize("call", ["", "()"])
@pytest.mark.parametrize("name", EMPTY)
def test_a_limit_that_limits_nothing_is_an_error_at_collection(
    project: Project, name: str, call: str, fixture: str
) -> None:
    mark = f"@pytest.mark.{name}{call}"
    project.test(f"{mark}\ndef test_x({fixture}): raise SystemError('ran')")
    result = project.run()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    told = result.stderr.str()
    assert f"test_it.py::test_x[cpu]: @{name}() without a keyword limits nothing" in told
    assert f"accepted keywords: {EMPTY[name]}" in told
    assert "SystemError" not in result.stdout.str()


@pytest.mark.parametrize("mark", ["trials", "voice"])
def test_a_setting_that_sets_nothing_is_an_error_at_collection(project: Project, mark: str) -> None:
    project.test(f"@pytest.mark.{mark}\ndef test_x(perf): perf.stream('short')")
    result = project.run()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert f"test_it.py::test_x[cpu]: @{mark}(); wanted @{mark}(" in result.stderr.str()


def test_an_empty_mark_beside_the_limits_of_a_module_is_an_error(project: Project) -> None:
    project.test(
        """
        pytestmark = ttfa(p95_ms=5000)

        @ttfa()
        def test_x(perf): perf.stream("short")
        """
    )
    result = project.run()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "@ttfa() without a keyword limits nothing" in result.stderr.str()


def test_an_empty_mark_on_a_test_that_asks_at_run_time_fails_it(project: Project) -> None:
    project.test("@ttfa()\ndef test_x(request): request.getfixturevalue('perf').stream('short')")
    result = project.run()
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["*@ttfa() without a keyword limits nothing*"])


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
        @pytest.mark.regression()
        @pytest.mark.ttfa()
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


def test_the_nearest_mark_wins_also_where_pytest_gives_it_last(project: Project) -> None:
    project.test(
        """
        @ttfa(p50_ms=1000, p95_ms=1001, p99_ms=1002)
        @trials(9)
        class Base:
            @ttfa(max_ms=4000)
            @trials(5)
            @pytest.mark.parametrize("x", [pytest.param(1, marks=[ttfa(max_ms=5000), trials(3)])])
            def test_x(self, perf, x): perf.stream("short")
            @ttfa(max_ms=6000)
            def test_y(self, perf): perf.stream("short")

        @ttfa(p95_ms=2001, p99_ms=2002)
        class Middle(Base): pass

        @ttfa(p99_ms=3002)
        @trials(4)
        class TestDerived(Middle): pass
        """
    )
    project.pytester.makeconftest(
        """
        import pytest
        def pytest_collection_modifyitems(items):
            for item in items:
                item.add_marker(pytest.mark.rtf(p50=51))
                if "test_y" in item.name:
                    item.add_marker(pytest.mark.ttfa(max_ms=7000), append=False)
                    item.add_marker(pytest.mark.ttfa(max_ms=8000))
        """
    )
    project.measure_inline()
    project.run().assert_outcomes(passed=2)
    found = {}
    for cell in project.cells():
        limits = {f"{t['marker']}_{t['keyword']}": t["limit"] for t in cell["thresholds"]}
        counted = sum(trial["kind"] == "trial" for trial in cell["trials"])
        found["test_y" in cell["cell"]["test"]] = (limits, counted)
    classes = {"ttfa_p50_ms": 1000, "ttfa_p95_ms": 2001, "ttfa_p99_ms": 3002, "rtf_p50": 51}
    assert found == {
        False: ({**classes, "ttfa_max_ms": 5000}, 3),
        True: ({**classes, "ttfa_max_ms": 7000}, 4),
    }


def test_all_marks_are_registered(project: Project) -> None:
    project.test("def test_x(): pass")
    result = project.run("--markers")
    for name in ("perf:", "ttfa(", "rtf(", "cadence(", "memory(", "trials(", "voice("):
        result.stdout.fnmatch_lines([f"@pytest.mark.{name}*"])
    assert project.run("--strict-markers").ret == 0
