"""`--ttsperf-save-audio`: the sound of each counted trial, and when its chunks arrived."""

from __future__ import annotations

import csv
import wave
from pathlib import Path

import pytest

from tests.plugin.conftest import Project

OPTION = "--ttsperf-save-audio"
TEST = """
@trials(3)
def test_x(perf):
    perf.stream("short")
    perf.synthesize("short")
"""


def sound_folders(project: Project) -> list[Path]:
    """One for each cell."""
    return sorted(project.path.glob("artifacts/bench/*/sound_*/*"))


def test_each_trial_has_its_sound_and_its_timeline(project: Project) -> None:
    project.measure_inline()
    project.test(TEST)
    project.run(OPTION).assert_outcomes(passed=1)
    folders = sound_folders(project)
    assert len(folders) == 2
    [streamed] = [folder for folder in folders if "_stream_" in folder.name]
    assert len(list(streamed.glob("*.csv"))) == 3
    trials = [each for each in project.cells()[0]["trials"] if each["kind"] == "trial"]
    for trial in trials:
        stem = streamed / f"trial_{trial['index']:04d}"
        recording = trial["recording"]
        with wave.open(str(stem.with_suffix(".wav"))) as reader:
            assert reader.getframerate() == recording["sample_rate"]
            assert reader.getnframes() == sum(recording["frame_counts"])
        with stem.with_suffix(".csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        assert [int(row["frames"]) for row in rows] == recording["frame_counts"]
        assert [int(row["bytes"]) for row in rows] == [2 * n for n in recording["frame_counts"]]
        since_request = [at - recording["request_ns"] for at in recording["arrivals_ns"]]
        assert [float(row["ms"]) for row in rows] == pytest.approx(
            [each / 1e6 for each in since_request], abs=0.001
        )


def test_cold_starts_too(project: Project) -> None:
    project.test("def test_x(perf, cold_engine): perf.stream('short')")
    project.run(OPTION, "--ttsperf-cold-trials=2").assert_outcomes(passed=1)
    [folder] = sound_folders(project)
    assert len(list(folder.glob("*.wav"))) == 2


@pytest.mark.parametrize("arguments", [(), (OPTION, "--ttsperf-disable")])
def test_nothing_is_saved_without_it_or_where_nothing_is_measured(
    project: Project, arguments: tuple[str, ...]
) -> None:
    project.measure_inline()
    project.test(TEST)
    project.run(*arguments).assert_outcomes(passed=1)
    assert sound_folders(project) == []


def test_cells_that_differ_in_a_sign_alone_have_folders_of_their_own(project: Project) -> None:
    project.measure_inline()
    project.test(
        """
        @trials(1)
        @pytest.mark.parametrize("sign", ["a b", "a/b"])
        def test_x(perf, sign): perf.stream("short")
        """
    )
    project.run(OPTION).assert_outcomes(passed=2)
    assert len(sound_folders(project)) == 2
