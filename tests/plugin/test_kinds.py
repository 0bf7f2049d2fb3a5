"""A new kind of target is a class and one row: the rest follows from what the class says."""

from __future__ import annotations

import pytest

from tests.plugin.conftest import Project

CONFTEST = """
from pytest_ttsperf.targets.spec import KINDS, TargetKind

ROW = TargetKind("beep", ("beep:",), "beeps:Beep")

def pytest_configure():
    KINDS.insert(0, ROW)

def pytest_unconfigure():
    KINDS.remove(ROW)
"""
KIND = """
import time
import numpy as np
from pytest_ttsperf.measure.recorder import cost
from pytest_ttsperf.records import Recording, TargetInfo, Usage
from pytest_ttsperf.targets.base import Inspection, ProcessUsage

RATE = 16000

class Beep:
    isolated = False
    can_swap_code = False
    is_proven_by_opening = True
    placement_remedy = "give it a placement"
    process_usage = None

    def __init__(self, request):
        self.lifecycle = request.spec.spec.removeprefix("beep:")

    def open(self):
        return TargetInfo(pid=None, sample_rate=RATE)

    def warm(self):
        pass

    def record(self, text, mode):
        request_ns = time.perf_counter_ns()
        time.sleep(0.01)
        frames = RATE * len(text) // 15
        tone = 0.3 * np.sin(2 * np.pi * 180 * np.arange(frames) / RATE)
        arrival_ns = time.perf_counter_ns()
        self.process_usage = ProcessUsage(
            {"process": 7.0}, None, Usage(rss_bytes=30, rss_peak_bytes=40, uss_bytes=None, cpu_s=1)
        )
        return Recording(
            request_ns=request_ns, arrivals_ns=(arrival_ns,), frame_counts=(frames,),
            end_ns=arrival_ns, sample_rate=RATE, pcm=tone.astype("<f4").tobytes(),
        )

    def inspect(self):
        return Inspection(None, cost())

    def close(self):
        return None
"""
WARM = "@trials(3)\ndef test_x(perf):\n    assert perf.stream('short')['ttfa_ms'].p50 >= 10"
COLD = "@trials(2)\ndef test_x(cold_engine, perf):\n    perf.stream('short')"


@pytest.fixture
def beeps(project: Project) -> Project:
    """A project with a kind of target of its own."""
    project.pytester.makeconftest(CONFTEST)
    project.pytester.makepyfile(beeps=KIND)
    project.test(WARM)
    return project


def test_it_is_measured_by_its_prefix(beeps: Project) -> None:
    beeps.run("--ttsperf-target=beep:kept").assert_outcomes(passed=1)
    (cell,) = beeps.cells()
    assert cell["cell"]["target"] == "beep:kept"
    assert len([trial for trial in cell["trials"] if trial["kind"] == "trial"]) == 3


def test_one_with_a_process_for_each_text_has_its_usage_in_each_trial(beeps: Project) -> None:
    beeps.test(COLD)
    beeps.run("--ttsperf-target=beep:per_text").assert_outcomes(passed=1)
    (cell,) = beeps.cells()
    for trial in cell["trials"]:
        assert trial["usage"]["rss_peak_bytes"] == 40
        assert trial["phases_ms"]["process"] == 7.0
        assert "second_run" not in trial["phases_ms"]


def test_one_that_runs_already_has_no_cold_start(beeps: Project) -> None:
    beeps.test(COLD)
    result = beeps.run("--ttsperf-target=beep:external")
    result.stdout.fnmatch_lines(["*beep:external runs already, so it has no cold start*"])


def test_one_that_is_not_imported_cannot_be_inline(beeps: Project) -> None:
    result = beeps.run("--ttsperf-target=beep:kept", "--ttsperf-inline")
    result.stdout.fnmatch_lines(["*beep:kept runs in a process of its own already*"])


def test_its_own_way_to_prove_a_provider_is_the_remedy(beeps: Project) -> None:
    result = beeps.run("--ttsperf-target=beep:kept", "--ttsperf-provider=cuda")
    result.stdout.fnmatch_lines(["*give it a placement, or leave out --ttsperf-provider*"])
