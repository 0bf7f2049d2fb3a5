"""Trials over several processes: `processes=`, `--ttsperf-processes` and its ini line."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_ttsperf.experiment import processes
from tests.plugin import speech_server
from tests.plugin.conftest import INLINE, Project

TEST = "@trials(6)\n@ttfa(p50_ms=5000)\ndef test_x(perf): perf.stream('short')\n"
THREE = TEST.replace("'short'", "'short', processes=3")


def shares(cell: dict[str, Any]) -> list[int]:
    """Trials of each process."""
    numbers = [trial["process"] for trial in cell["trials"] if trial["kind"] == "trial"]
    return [numbers.count(process["process"]) for process in cell["processes"]]


def pids(cell: dict[str, Any]) -> list[int]:
    return [process["ready"]["pid"] for process in cell["processes"]]


def test_each_process_is_another_and_is_warmed(project: Project) -> None:
    project.test(
        """
        @trials(6)
        @ttfa(p50_ms=5000)
        @memory(rss_range_mb=300, rss_peak_mb=2000)
        def test_x(perf, warm_engine):
            first = warm_engine.ready.pid
            perf.stream("short", processes=3)
            assert warm_engine.ready.pid != first
            assert sum(warm_engine.record("And again.").frame_counts) > 0
        """
    )
    project.run("--ttsperf-inconclusive=fail").assert_outcomes(passed=1)
    (cell,) = project.cells()
    assert shares(cell) == [2, 2, 2]
    assert len(set(pids(cell))) == 3
    warmed = [trial["process"] for trial in cell["trials"] if trial["kind"] == "warmup"]
    assert set(warmed) == {0, 1, 2}
    texts = [trial["text"] for trial in cell["trials"] if trial["kind"] == "trial"]
    assert len(set(texts)) == 6
    for process in cell["processes"]:
        assert process["idle"]["rss_bytes"] > 0
        assert process["start_s"] > 0


def test_two_cells_of_a_test_go_on_in_the_process_that_is_open(project: Project) -> None:
    project.test(
        """
        @trials(4)
        def test_x(perf):
            perf.stream("short", processes=2)
            perf.stream("short", processes=2)
            perf.synthesize("short", processes=1)
        """
    )
    project.run().assert_outcomes(passed=1)
    streamed, whole = project.cells()
    assert shares(streamed) == [2, 2, 2, 2]
    assert pids(streamed)[1] == pids(streamed)[2]
    assert pids(whole) == pids(streamed)[-1:]


def test_option_wins_over_the_test_and_the_test_over_ini(project: Project) -> None:
    project.ini(ttsperf_target="engines:Telling", ttsperf_processes="2")
    project.test(TEST)
    project.run().assert_outcomes(passed=1)
    assert shares(project.cells()[0]) == [3, 3]
    project.test(THREE)
    project.run().assert_outcomes(passed=1)
    assert shares(project.cells()[0]) == [2, 2, 2]
    project.run("--ttsperf-processes=1").assert_outcomes(passed=1)
    assert shares(project.cells()[0]) == [6]
    project.run("--ttsperf-processes=auto").assert_outcomes(passed=1)
    assert shares(project.cells()[0]) == [6], "a start takes longer than six such trials"


def test_where_a_start_costs_little_there_are_several(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "START_SHARE", 1e6)
    project.test(TEST)
    project.run().assert_outcomes(passed=1)
    assert shares(project.cells()[0]) == [2, 2, 1, 1]


@pytest.mark.parametrize("value", ["0", "many", "1.5"])
@pytest.mark.parametrize("form", ["--ttsperf-processes={}", "ttsperf_processes={}"])
def test_what_is_no_number_is_refused(project: Project, form: str, value: str) -> None:
    project.test(TEST)
    argument = form.format(value)
    result = project.run(*([argument] if form.startswith("--") else ["-o", argument]))
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "processes" in result.stderr.str()
    assert "wanted a whole number of at least 1, or auto" in result.stderr.str()


def test_what_cannot_be_spread_is_told_with_the_remedy(project: Project) -> None:
    project.test(
        THREE
        + """
@trials(2)
def test_few(perf): perf.stream("short", processes=3)
def test_cold(perf, cold_engine): perf.stream("short", processes=2)
def test_none(perf): perf.stream("short", processes=0)
def test_text(perf): perf.stream("short", processes="2")
"""
    )
    result = project.run()
    result.assert_outcomes(passed=1, failed=4)
    result.stdout.fnmatch_lines_random(
        [
            "*2 trials cannot be spread over 3 processes*",
            "*every trial is a process of its own; leave out processes=*",
            "*processes=0; wanted a whole number of at least 1*",
            "*processes='2'; wanted a whole number of at least 1*",
        ]
    )


def test_an_inline_target_has_one_process(project: Project) -> None:
    project.test(THREE)
    result = project.run(INLINE)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*runs in pytest's own process*cannot be spread over 3*"])
    project.run(INLINE, "--ttsperf-processes=1").assert_outcomes(passed=1)
    project.run(INLINE, "--ttsperf-disable").assert_outcomes(passed=1)


def test_a_server_has_one_process(project: Project) -> None:
    project.test(THREE)
    server = speech_server.serve()
    try:
        address = f"http://localhost:{server.server_address[1]}/pcm"
        result = project.run(f"--ttsperf-target={address}")
        result.assert_outcomes(failed=1)
        result.stdout.fnmatch_lines(["*runs already*cannot be spread over 3 processes*"])
        project.test(TEST)
        project.run(f"--ttsperf-target={address}").assert_outcomes(passed=1)
        assert shares(project.cells()[0]) == [6]
    finally:
        server.shutdown()
        server.server_close()


def test_cold_tests_are_left_alone(project: Project) -> None:
    project.test("def test_x(perf, cold_engine): perf.stream('short')")
    project.run("--ttsperf-processes=3", "--ttsperf-cold-trials=2").assert_outcomes(passed=1)
    assert project.cells()[0]["processes"] == []


def test_a_second_process_that_does_not_open_is_an_error_with_the_remedy(project: Project) -> None:
    project.pytester.makepyfile(
        once="""
        from pathlib import Path
        from engines import Telling
        class Once(Telling):
            def __init__(self, **options):
                super().__init__(**options)
                Path("lock").touch(exist_ok=False)
        """
    )
    project.test(THREE)
    result = project.run("--ttsperf-target=once:Once")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*process 2 of 3*--ttsperf-processes=1*"])


def test_processes_that_are_not_alike_are_invalid(project: Project) -> None:
    project.pytester.makepyfile(
        other="""
        from pathlib import Path
        from engines import Telling
        class Other(Telling):
            def __init__(self, **options):
                super().__init__(**options)
                self.threads = 2 if Path("seen").exists() else 1
                Path("seen").touch()
            def placement(self):
                return {**super().placement(), "threads": self.threads}
        """
    )
    project.test(THREE)
    project.run("--ttsperf-target=other:Other").assert_outcomes(failed=1)
    assert project.verdicts()["processes"] == "INVALID"
    assert project.verdicts()["ttfa p50"] == "INVALID"


def test_all_start_where_the_first_did_whatever_the_test_has_changed(project: Project) -> None:
    project.pytester.makepyfile(
        local="""
        import os
        from engines import Telling
        class Local(Telling):
            def placement(self):
                return {**super().placement(), "folder": os.getcwd(), "mode": os.getenv("MODE")}
        """
    )
    project.test(
        """
        import os
        @trials(4)
        def test_x(perf, tmp_path, monkeypatch):
            monkeypatch.chdir(tmp_path)
            monkeypatch.setenv("MODE", "changed")
            perf.stream("short", processes=2)
            assert os.getcwd() == str(tmp_path)
            assert os.environ["MODE"] == "changed"
        """
    )
    project.run("--ttsperf-target=local:Local").assert_outcomes(passed=1)
    (cell,) = project.cells()
    for process in cell["processes"]:
        assert process["ready"]["placement"]["folder"] == str(project.path)
        assert process["ready"]["placement"]["mode"] is None


def test_a_rerun_numbers_its_processes_on(project: Project) -> None:
    project.test(
        "@pytest.mark.flaky(reruns=1)\n@trials(4)\n@ttfa(max_ms=1)\n"
        "def test_x(perf): perf.stream('short', processes=2)"
    )
    result = project.run()
    result.stdout.fnmatch_lines(["*8 of 8 trials in 4 processes*"])
    assert shares(project.cells()[0]) == [2, 2, 2, 2]


@pytest.mark.usefixtures("one_block")
def test_an_old_version_is_compared_afterwards(repository: Project) -> None:
    repository.test(THREE)
    repository.run("--ttsperf-against=HEAD").assert_outcomes(passed=1)
    (cell,) = repository.cells()
    assert shares(cell) == [2, 2, 2]
    assert cell["comparison"]["blocks"] > 0
