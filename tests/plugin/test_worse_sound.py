"""Engines whose figures get better as their sound gets worse: no such figure passes."""

from __future__ import annotations

import pytest

from tests.plugin.conftest import Project

LIARS = """
from engines import *

class Padded(Telling):
    '''Sends four times as much silence behind each chunk.'''
    def stream(self, text):
        for chunk in super().stream(text):
            yield np.concatenate([chunk, np.zeros(4 * len(chunk), np.float32)])

class Clipped(Telling):
    '''Twenty times too loud, and so cut off at full scale.'''
    def stream(self, text):
        for chunk in super().stream(text):
            yield np.clip(chunk * 20, -1, 1)
"""


@pytest.mark.parametrize(
    ("engine", "guard", "words"),
    [
        ("Padded", "padding", "more silent than speech is (up to 8?%"),
        ("Clipped", "clipping", "the sound is broken"),
    ],
)
def test_it_is_invalid_and_called_by_its_name(
    project: Project, engine: str, guard: str, words: str
) -> None:
    project.pytester.makepyfile(liars=LIARS)
    project.ini(ttsperf_target=f"liars:{engine}", ttsperf_provider="cpu")
    project.test(
        """
        @trials(5)
        @rtf(p50=0.5)
        def test_x(perf): perf.stream("short")
        """
    )
    result = project.run()
    result.assert_outcomes(failed=1)
    verdicts = project.verdicts()
    assert verdicts[guard] == verdicts["rtf p50"] == "INVALID"
    result.stdout.fnmatch_lines([f"*{words}*"])
