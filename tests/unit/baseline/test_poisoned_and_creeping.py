"""Baselines that are poisoned or creep: small versions of benchmarks/baseline_simulation.py."""

from __future__ import annotations

import importlib
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from msgspec import structs

from pytest_ttsperf.baseline import store
from pytest_ttsperf.baseline.screening import add_notes, judge_against, screen
from pytest_ttsperf.baseline.store import append, load
from pytest_ttsperf.records import Outcome
from tests.unit.baseline.factories import BEGUN, at
from tests.unit.judge.factories import figures, result, run
from tests.unit.judge.simulation import wilson

BENCHMARKS = Path(__file__).resolve().parents[3] / "benchmarks"
PASS, FAIL, OPEN = Outcome.PASS, Outcome.FAIL, Outcome.INCONCLUSIVE
SAMPLES = 300


@pytest.fixture
def simulation(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("baseline_simulation")


def outcomes(simulation, **case):
    """Verdicts on so many histories of one kind."""
    chance = np.random.default_rng(3)
    step = simulation.StepCase("a test's", **case)
    return [simulation.judge_step(step, chance) for _ in range(SAMPLES)]


def share_bounds(verdicts, wanted):
    return wilson([verdict is wanted for verdict in verdicts])


def stored_at(tmp_path, figures_ms, *, dirty=()):
    """A baseline of these medians, whose revisions are `rev0`, `rev1` and so on; gives its path."""
    for number, ttfa in enumerate(figures_ms):
        summary = figures(ttfa, ttfa * 1.2, 0.2)
        entry = run(f"run{number}", summary, f"rev{number}")
        entry = structs.replace(entry, dirty=number in dirty, saved=at(number))
        path, _ = append(tmp_path, result(summary), entry)
    return path


def creeping(runs, per_run=1.01):
    return [80 * per_run**number for number in range(runs)]


# Rates


@pytest.mark.uncovered
@pytest.mark.parametrize("runs", [5, 10, 30])
@pytest.mark.parametrize("poisoned", [0, 1])
def test_unchanged_code_is_left_alone(simulation, runs, poisoned):
    found = outcomes(simulation, runs=runs, poisoned=poisoned)
    assert FAIL not in found
    assert share_bounds(found, OPEN)[0] <= 0.05


@pytest.mark.uncovered
@pytest.mark.parametrize(("runs", "poisoned"), [(5, 1), (10, 1), (10, 2)])
def test_three_times_is_seen_behind_poisoned_runs(simulation, runs, poisoned):
    found = outcomes(simulation, runs=runs, poisoned=poisoned, factor=3.0)
    assert PASS not in found
    assert share_bounds(found, FAIL)[0] >= 0.95


@pytest.mark.uncovered
@pytest.mark.parametrize("runs", [5, 10])
def test_seventy_percent_is_seen_behind_a_poisoned_run(simulation, runs):
    found = outcomes(simulation, runs=runs, poisoned=1, factor=1.7)
    assert share_bounds(found, PASS)[1] <= 0.2


@pytest.mark.uncovered
def test_a_creep_of_one_percent_a_run_is_found_and_told(simulation):
    chance = np.random.default_rng(8)
    lives = [simulation.live(chance, 0.01) for _ in range(30)]
    assert wilson([one.found_at is not None for one in lives])[0] >= 0.75
    assert wilson([one.has_slope for one in lives])[0] >= 0.3


@pytest.mark.uncovered
def test_unchanged_code_has_no_creep(simulation):
    chance = np.random.default_rng(9)
    lives = [simulation.live(chance, 0.0) for _ in range(30)]
    assert all(one.found_at is None for one in lives)
    doubts = sum(one.doubts for one in lives)
    judged = len(lives) * (simulation.CREEPING_RUNS - 5)
    assert doubts / judged < 0.1


# The anchor


def test_a_figure_far_above_the_first_runs_is_in_doubt_where_the_last_ones_crept_along(tmp_path):
    path = stored_at(tmp_path, creeping(40))
    now = 80 * 1.01**40
    verdict, *_ = judge_against(load(path), result(figures(now, 1.2 * now, 0.2)))
    assert verdict.outcome is OPEN
    assert verdict.revision == "rev0"
    assert verdict.limit < now
    assert "on the first 5 runs that count" in verdict.reason
    assert "it may have crept up" in verdict.reason
    assert "interleaved with their revision rev0" in verdict.reason
    assert "in 95 % of runs" in verdict.reason


def test_the_anchor_begins_with_the_accepted_run(tmp_path):
    path = stored_at(tmp_path, creeping(20))
    now = result(figures(110, 132, 0.2))
    assert judge_against(load(path), now)[0].outcome is OPEN
    for number in range(20, 26):
        ttfa = 80 * 1.01**number
        entry = run(f"run{number}", figures(ttfa, ttfa * 1.2, 0.2), f"rev{number}")
        entry = structs.replace(entry, saved=at(number))
        accepted = at(100) if number == 20 else None
        append(tmp_path, result(), entry, accepted=accepted)
    assert judge_against(load(path), now)[0].outcome is PASS


def test_an_anchor_without_a_clean_revision_stays_a_doubt(tmp_path):
    path = stored_at(tmp_path, creeping(40), dirty=range(5))
    now = 80 * 1.01**40
    verdict, *_ = judge_against(load(path), result(figures(now, 1.2 * now, 0.2)))
    assert verdict.outcome is OPEN
    assert verdict.revision is None
    assert "no revision of these runs is stored" in verdict.reason


def test_the_first_runs_that_count_stay_in_the_file(tmp_path):
    path = stored_at(tmp_path, [80.0] * 50)
    names = [one.run for one in load(path).runs]
    assert names[:5] == [f"run{number}" for number in range(5)]
    assert names[5:] == [f"run{number}" for number in range(25, 50)]
    assert len(names) == store.KEPT_RUNS


# Which revision is asked


def test_a_poisoned_run_is_not_asked_how_fast_the_code_was(tmp_path):
    """Its code was as slow as today's: a comparison with it would find nothing."""
    path = stored_at(tmp_path, [80, 81, 79, 80, 82, 240])
    verdict, *_ = judge_against(load(path), result(figures(240, 290, 0.2)))
    assert verdict.outcome is FAIL
    assert verdict.revision == "rev4"


def test_a_run_with_changes_is_not_asked_either(tmp_path):
    path = stored_at(tmp_path, [80, 81, 79, 80, 82, 80], dirty=[5])
    verdict, *_ = judge_against(load(path), result(figures(112)))
    assert verdict.outcome is OPEN
    assert verdict.revision == "rev4"


# Notes


def notes(tmp_path):
    tomorrow = BEGUN + timedelta(days=1)
    return [note.text for note in add_notes(tmp_path, result(), tomorrow).notes]


def test_a_scatter_that_is_capped_is_told_in_a_note_and_in_the_verdict(tmp_path):
    path = stored_at(tmp_path, [20, 200, 80, 45, 130, 60, 300, 90])
    (note,) = [text for text in notes(tmp_path) if "p50" in text]
    assert "the 8 earlier runs scatter by" in note
    assert "judged as if by 22%" in note
    assert "ttsperf doctor" in note
    verdict, *_ = judge_against(load(path), result(figures(400)))
    assert verdict.outcome is FAIL
    assert "which scatter by" in verdict.reason


def test_a_slope_is_told_with_its_percent_a_run(tmp_path):
    stored_at(tmp_path, creeping(12, per_run=1.03))
    median, tail = notes(tmp_path)
    assert median.startswith("ttfa_sound p50 rises by 3.0% a run")
    assert "--ttsperf-against=rev0" in median
    assert tail.startswith("ttfa_sound p95 rises by 3.0% a run")


def test_a_fall_is_told_without_a_revision_to_look_for(tmp_path):
    stored_at(tmp_path, creeping(12, per_run=0.97))
    assert notes(tmp_path)[0].startswith("ttfa_sound p50 falls by 3.0% a run")
    assert "--ttsperf-against" not in notes(tmp_path)[0]


def test_steady_runs_have_no_note(tmp_path):
    stored_at(tmp_path, [80, 82, 79, 81, 80, 78, 81, 80, 82, 79])
    assert notes(tmp_path) == []
    assert screen(tmp_path, result())[0].outcome is PASS
