"""`@soak`: at collection, a run of seconds, one that is killed, with listeners; and leaks."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from pytest_ttsperf.load import cell as load_cell
from pytest_ttsperf.load import generator_guard
from tests.plugin.conftest import Project

pytestmark = pytest.mark.starts

IMPORTS = "from pytest_ttsperf import barge_in, capacity, listeners, memory, soak\n"
SOAK = """
@soak(minutes=0.05, drift=1, underruns_per_10min=1e6, handles=100)
def test_x(perf): perf.stream("short")
"""


def write(project: Project, source: str) -> None:
    project.test(IMPORTS + source)


def one_soak(project: Project) -> dict[str, Any]:
    (cell,) = project.cells()
    soak: dict[str, Any] = cell["soak"]
    return soak


def journals(project: Project) -> list[Path]:
    return sorted((project.path / "artifacts" / "soak").glob("*.jsonl"))


# At collection


@pytest.mark.parametrize(
    ("marks", "words"),
    [
        ("@soak()", ["@soak() without a keyword limits nothing"]),
        ("@soak(drift='5%')", ["minutes= or requests=, and has neither"]),
        ("@soak(minutes=1, requests=100)", ["has minutes and requests", "wanted one of both"]),
        ("@soak(minutes=0)", ["wanted minutes above 0"]),
        ("@soak(requests=10)", ["requests=10", "at least 64"]),
        ("@soak(requests=100.5)", ["requests=100.5", "whole number"]),
        ("@soak(minutes=1, drift='lots')", ["drift='lots'", "a share"]),
        ("@soak(minute=1)", ["no keyword 'minute'", "did you mean 'minutes'?"]),
        ("@soak(minutes=1)\n@trials(5)", ["@trials beside @soak"]),
        ("@soak(minutes=1)\n@barge_in(stop_p95_ms=5)", ["@barge_in beside @soak"]),
        ("@soak(minutes=1)\n@capacity(min_listeners=2)", ["beside @"]),
    ],
)
def test_a_mark_that_cannot_be_understood_is_an_error_that_says_why(
    project: Project, marks: str, words: list[str]
) -> None:
    write(project, f"{marks}\ndef test_x(perf): pass\n")
    result = project.run("--collect-only", "-q")
    assert result.ret != 0
    text = "\n".join([*result.outlines, *result.errlines])
    for word in ["test_x", *words]:
        assert word in text


def test_a_soak_of_cold_starts_is_refused(project: Project) -> None:
    write(project, "@soak(minutes=1)\ndef test_x(perf, cold_engine): pass\n")
    result = project.run("--collect-only", "-q")
    assert "@soak in a test of cold starts" in "\n".join([*result.outlines, *result.errlines])


def test_a_foreign_mark_of_that_name_is_left_alone(project: Project) -> None:
    source = "@pytest.mark.soak\ndef test_x(): pass\n@pytest.mark.soak('long')\ndef test_y(): pass"
    write(project, source)
    project.run("-q").assert_outcomes(passed=2)


# A run


def test_a_soak_is_measured_judged_and_its_trials_are_left_in_a_journal(project: Project) -> None:
    write(project, SOAK)
    result = project.run()
    result.assert_outcomes(passed=1)
    soak = one_soak(project)
    assert len(soak["slices"]) == 32
    assert sum(each["seconds"] for each in soak["slices"]) >= 3.0
    assert all(each["null_ms"] > 0 for each in soak["slices"])
    assert all(each["usage"]["uss_bytes"] > 0 for each in soak["slices"])
    assert soak["null_drift"] is not None
    assert soak["handles_growth"] is not None
    assert set(project.verdicts()) == {
        "soak drift (ttfa)",
        "soak drift (rtf)",
        "soak underruns",
        "soak handles",
    }
    (cell,) = project.cells()
    assert cell["trials"] == []
    assert cell["memory"]["leak"]["readings"] == 24
    requests = sum(each["requests"] for each in soak["slices"])
    assert cell["summary"]["ttfa_ms"]["n"] == requests
    (journal,) = journals(project)
    assert soak["journal"] == str(journal.relative_to(project.path))
    lines = [json.loads(line) for line in journal.read_text().splitlines()]
    assert sum("trial" in line for line in lines) == requests
    assert lines[-1] == {"is_finished": True}
    result.stdout.fnmatch_lines(["*soak 0.0 of 0.05 min*", "*32 slices in *", "*raw trials: *"])


def test_another_limit_holds_beside_it(project: Project) -> None:
    write(project, f"@ttfa(max_ms=0.001){SOAK.replace('minutes=0.05', 'requests=64')}")
    project.run().assert_outcomes(failed=1)
    assert project.verdicts()["ttfa max"] == "FAIL"
    assert sum(each["requests"] for each in one_soak(project)["slices"]) == 64


def test_handles_that_are_never_closed_fail(project: Project) -> None:
    project.pytester.makepyfile(
        leaky="""
        import os
        from engines import Telling

        class Engine(Telling):
            open_files = []

            def stream(self, text):
                self.open_files.append(os.open(os.devnull, os.O_RDONLY))
                yield from super().stream(text)
        """
    )
    write(project, SOAK.replace("handles=100", "handles=10").replace("minutes=0.05", "requests=96"))
    project.run("--ttsperf-target=leaky:Engine").assert_outcomes(failed=1)
    assert project.verdicts()["soak handles"] == "FAIL"
    assert one_soak(project)["handles_growth"] > 50


def test_a_soak_is_run_once_without_measuring(project: Project) -> None:
    write(project, SOAK)
    project.run("--ttsperf-disable").assert_outcomes(passed=1)
    assert journals(project) == []


@pytest.mark.parametrize(
    ("call", "words"),
    [
        ("perf.stream('short', processes=2)", "looks at how one process changes"),
        ("[perf.stream('short') for _ in range(2)]", "has soaked this text already"),
        ("perf.stream('short', listeners=2)", "lasts for minutes"),
    ],
)
def test_a_call_that_is_no_soak_says_why(project: Project, call: str, words: str) -> None:
    write(project, f"@soak(requests=64, drift=1)\ndef test_x(perf): {call}\n")
    result = project.run()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([f"*{words}*"])


def test_it_is_neither_stored_nor_compared_with_a_baseline(project: Project) -> None:
    write(project, SOAK.replace("minutes=0.05", "requests=64"))
    result = project.run("--ttsperf-save", "--ttsperf-compare")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*soaks are not stored as baselines*"])
    assert not (project.path / "baselines").exists()


# Killed


def slices_of(project: Project) -> int:
    return sum(path.read_text().count('{"slice"') for path in journals(project))


def test_a_soak_that_is_killed_goes_on_where_it_was(project: Project) -> None:
    write(project, SOAK)
    run = project.forks.start(("-p", "no:randomly"), project.path)
    deadline = time.monotonic() + 60
    while slices_of(project) < 3 and time.monotonic() < deadline:
        time.sleep(0.05)
    run.kill()
    done = slices_of(project)
    assert 3 <= done < 32
    result = project.run()
    result.assert_outcomes(passed=1)
    soak = one_soak(project)
    sessions = [each["session"] for each in soak["slices"]]
    assert sessions == [0] * done + [1] * (32 - done)
    result.stdout.fnmatch_lines([f"*goes on with a soak *after {done} slices*"])
    requests = sum(each["requests"] for each in soak["slices"])
    (cell,) = project.cells()
    assert cell["summary"]["ttfa_ms"]["n"] == requests


# With listeners


def test_several_may_listen(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load_cell, "measure_null_rate", lambda *_, **__: None)
    monkeypatch.setattr(generator_guard, "LATENESS_MS", 1e4)
    monkeypatch.setattr(generator_guard, "CPU_SHARE", 1e3)
    call = "perf.stream('short', listeners=2, pace='greedy')"
    write(project, SOAK.replace('perf.stream("short")', call))
    project.run().assert_outcomes(passed=1)
    (cell,) = project.cells()
    assert cell["cell"]["load"] == "2 listeners, greedy"
    assert len(cell["soak"]["slices"]) == len(cell["load"]["windows"]) == 32
    assert [each["window"]["index"] for each in cell["soak"]["slices"]] == list(range(32))
    assert cell["trials"] == []
    assert {"soak drift (ttfa)", "soak underruns", "soak handles"} <= set(project.verdicts())


# Leaks


def test_a_leak_is_limited_in_any_test_in_one_process(project: Project) -> None:
    write(project, "@memory(leak_mb_per_1000=1e5)\ndef test_x(perf): perf.stream('short')\n")
    project.run().assert_outcomes(passed=1)
    (cell,) = project.cells()
    assert cell["declared_trials"] == 200
    assert len(cell["processes"]) == 1
    assert cell["memory"]["leak"]["readings"] == 150
    assert project.verdicts()["memory leak"] == "PASS"


def test_an_engine_that_keeps_all_it_said_leaks(project: Project) -> None:
    project.pytester.makepyfile(
        hoarding="""
        from engines import Telling

        class Engine(Telling):
            hoard = []

            def stream(self, text):
                self.hoard.append(bytearray(b"x" * 300_000))
                yield from super().stream(text)
        """
    )
    write(project, "@memory(leak_mb_per_1000=100)\ndef test_x(perf): perf.stream('short')\n")
    project.run("--ttsperf-target=hoarding:Engine").assert_outcomes(failed=1)
    (cell,) = project.cells()
    assert cell["memory"]["leak"]["low"] > 100
    assert cell["memory"]["leak"]["mb_per_1000"] == pytest.approx(300, rel=0.2)
