"""Works beside the plugins and options that people use every day."""

from __future__ import annotations

import pytest

from tests.plugin.conftest import Project

PASSING = "@trials(3)\n@ttfa(max_ms=5000)\ndef test_p(perf): perf.stream('short')\n"
FAILING = "@trials(3)\n@ttfa(max_ms=1)\ndef test_f(perf): perf.stream('short')\n"


def test_xdist_with_two_workers_refuses_perf_tests_only(project: Project) -> None:
    project.test(PASSING + "def test_other(): pass\n")
    result = project.run("-n2")
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["*measure nothing true beside 1 other workers; run them*"])
    project.run("-n2", "-m", "not perf").assert_outcomes(passed=1)
    project.run("-n2", "--ttsperf-disable").assert_outcomes(passed=2)


def test_xdist_with_one_worker_measures_and_prints_the_table(project: Project) -> None:
    project.test(PASSING)
    result = project.run("-n1")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*ttfa max*PASS", "ttsperf: 1 PASS; artifact artifacts/*"])
    assert len(project.artifacts()) == 1


def test_benchmark(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    project.measure_inline()
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)  # it would switch itself off there
    monkeypatch.delenv("PYTEST_ADDOPTS")
    project.test(PASSING + "def test_b(benchmark): benchmark(lambda: sum(range(100)))\n")
    result = project.run("--benchmark-max-time=0.05")
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["*benchmark: 1 tests*"])


def test_asyncio(project: Project) -> None:
    project.measure_inline()
    project.test(
        """
        @pytest.mark.asyncio
        @trials(3)
        @ttfa(max_ms=1)
        async def test_x(perf):
            perf.stream("short")
        """
    )
    result = project.run()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*FAIL  ttfa max*"])


@pytest.mark.usefixtures("usual_warm_ups")
def test_randomly_changes_no_text(project: Project) -> None:
    project.test(PASSING)
    warmups, trials = [], []
    for seed in ("1", "2"):
        project.pytester.runpytest("-p", "randomly", f"--randomly-seed={seed}").assert_outcomes(
            passed=1
        )
        spoken = project.cells()[0]["trials"]
        warmups.append([t["text"] for t in spoken if t["kind"] == "warmup"])
        trials.append([t["text"] for t in spoken if t["kind"] == "trial"])
    assert trials[0] == trials[1]
    # How many warm-ups it takes is the machine's affair; which they are is not.
    short, long = sorted(warmups, key=len)
    assert short == long[: len(short)] != []


def test_timeout_ends_a_hanging_measurement(project: Project) -> None:
    project.pytester.makepyfile(
        hangs="""
        from engines import *
        class Hangs(Telling):
            def stream(self, text):
                time.sleep(600)
                yield
        """
    )
    project.test("@pytest.mark.timeout(3)\n" + PASSING)
    result = project.run("--ttsperf-target=hangs:Hangs")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*Timeout*3.0s*"])


def test_rerun_adds_its_trials_and_judges_all(project: Project) -> None:
    project.test("@pytest.mark.flaky(reruns=2)\n" + FAILING)
    result = project.run()
    assert result.parseoutcomes()["rerun"] == 2
    result.stdout.fnmatch_lines(["*9 of 9 trials*"])
    (cell,) = project.cells()
    assert (cell["looks"], cell["earlier_looks"]) == (3, 2)
    counted = [t for t in cell["trials"] if t["kind"] == "trial"]
    assert len({t["text"] for t in counted}) == len(counted) == 9
    assert len({t["process"] for t in counted}) == 3


def test_x_stops_at_the_first_failure(project: Project) -> None:
    project.measure_inline()
    project.test(FAILING + PASSING)
    project.run("-x").assert_outcomes(failed=1)


def test_lf_reruns_only_what_failed(project: Project) -> None:
    project.measure_inline()
    project.test(FAILING + PASSING)
    project.run().assert_outcomes(failed=1, passed=1)
    result = project.run("--lf")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*rerun previous 1 failure*"])


def test_pdb_is_entered_at_a_broken_limit(project: Project) -> None:
    project.test(FAILING)
    child = project.pytester.spawn_pytest("--pdb -p no:randomly")
    child.expect("FAIL  ttfa max")
    child.expect(r"\(Pdb\)")
    child.sendline("q")
    child.expect("1 failed")
    child.wait()


def test_progress_line_on_a_terminal(project: Project) -> None:
    project.measure_inline()
    project.test("@trials(30)\n@ttfa(max_ms=5000)\ndef test_p(perf): perf.stream('short')\n")
    child = project.pytester.spawn_pytest("-p no:randomly")
    child.expect(r"short stream warm: \d+ of 30 trials, about \d+ s left")
    child.expect("1 passed")
    child.wait()


@pytest.mark.parametrize("option", ["-s", "--capture=tee-sys"])
def test_capture_modes(project: Project, option: str) -> None:
    project.test(PASSING)
    project.run(option).assert_outcomes(passed=1)


def test_unittest_and_doctest_items_are_left_alone(project: Project) -> None:
    project.pytester.makepyfile(
        test_unit="""
        '''
        >>> 1 + 1
        2
        '''
        import unittest
        class T(unittest.TestCase):
            def test_a(self): self.assertEqual(1, 1)
        """
    )
    project.run("--doctest-modules", "test_unit.py").assert_outcomes(passed=2)
