"""A scrap of sound at once, and then a hole: no limit of a test passes by another player's ears."""

from __future__ import annotations

import pytest

from tests.plugin.conftest import Project

BURST = """
from engines import *

class Burst(Telling):
    '''40 ms of sound at once, nothing for 150 ms, then all the rest as fast as it can.'''
    def stream(self, text):
        whole = np.concatenate(list(super().stream(text)))
        yield whole[:960]
        time.sleep(0.15)
        for start in range(960, len(whole), 9600):
            yield whole[start:start + 9600]
"""


@pytest.fixture
def burst(project: Project) -> Project:
    project.pytester.makepyfile(burst=BURST)
    project.ini(ttsperf_target="burst:Burst", ttsperf_provider="cpu")
    return project


def test_each_limit_uses_the_same_player_and_the_hole_is_in_the_table(burst: Project) -> None:
    burst.test(
        """
        @trials(5)
        @ttfa(p50_ms=100)
        @cadence(underruns=0, prebuffer_ms=100)
        def test_x(perf): perf.stream("short")
        """
    )
    result = burst.run()
    result.assert_outcomes(failed=1)
    assert burst.verdicts() == {
        "ttfa p50 (100 ms buffered)": "FAIL", "cadence underruns (100 ms buffered)": "PASS"
    }  # fmt: skip
    result.stdout.fnmatch_lines(["*longest stall (100 ms buffered)*5*no limit*"])


def test_a_player_without_a_buffer_shows_the_hole(burst: Project) -> None:
    burst.test(
        """
        @trials(5)
        @ttfa(p50_ms=100)
        def test_x(perf): perf.stream("short")
        """
    )
    result = burst.run()
    (cell,) = burst.cells()
    assert cell["summary"]["longest_stall_ms"]["p50"] > 80
    result.stdout.fnmatch_lines(["*longest stall *no limit*", "*40 ms of sound, then*of nothing*"])


def test_the_first_sample_of_a_scrap_is_not_believed(burst: Project) -> None:
    burst.test(
        """
        @trials(5)
        @ttfa(p50_ms=100, onset="sample")
        @cadence(underruns=0, prebuffer_ms=100)
        def test_x(perf): perf.stream("short")
        """
    )
    burst.run().assert_outcomes(failed=1)
    assert burst.verdicts()["burst"] == "INVALID"
