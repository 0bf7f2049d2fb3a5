"""The scripted runs are what the tests of the page take them for."""

from __future__ import annotations

from pytest_ttsperf.records import CellResult, Outcome
from tests.browser import runs


def outcomes(results: tuple[CellResult, ...]) -> list[Outcome | None]:
    return [result.outcome for result in results]


def test_one_cell_fails_one_is_in_doubt_and_two_are_good() -> None:
    scripted = runs.failing_run()
    assert outcomes(scripted.run.cells) == [
        Outcome.PASS,
        Outcome.INCONCLUSIVE,
        Outcome.PASS,
        Outcome.FAIL,
    ]


def test_the_failing_cell_stalls_was_compared_and_has_all_its_sound() -> None:
    scripted = runs.failing_run()
    slow = scripted.run.cells[-1]
    assert slow.cell.test == runs.SLOWEST_TEST
    assert slow.summary["underruns"].max == 1.0
    assert slow.comparison is not None
    recordings = scripted.sounds[slow.cell]
    assert {trial.index for trial in slow.counted} <= set(recordings)
    assert all(recording.pcm for recording in recordings.values())
    assert scripted.without_sound().sounds == {}


def test_its_stages_explain_the_time_to_the_first_sound() -> None:
    slow = runs.failing_run().run.cells[-1]
    stages = [row.stage for row in slow.breakdown.to_first_sound]
    assert stages[0] == "synthesize"
    assert {"text", "phonemes"} <= set(stages)


def test_the_passing_run_is_good_and_the_empty_one_has_nothing() -> None:
    assert set(outcomes(runs.passing_run().run.cells)) == {Outcome.PASS}
    empty = runs.empty_run().run
    assert empty.cells == ()
    assert not empty.finished


def test_a_long_run_fails_in_its_last_cell_alone_and_no_two_cells_are_alike() -> None:
    results = runs.long_run(5).run.cells
    assert outcomes(results) == [*[Outcome.PASS] * 4, Outcome.FAIL]
    medians = {result.summary["ttfa_ms"].p50 for result in results}
    assert len(medians) == 5
    assert len({result.cell.id for result in results}) == 5
