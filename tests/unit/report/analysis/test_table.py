"""What all rules together find in a run."""

from __future__ import annotations

import pytest
from msgspec import structs

from pytest_ttsperf.records import Outcome, TrustNote
from pytest_ttsperf.report.analysis import table
from pytest_ttsperf.report.analysis.likely_cause import LikelyCause
from tests.unit.report.analysis import cases_of_speed, cases_of_the_rest
from tests.unit.report.factories import ENVIRONMENT, by_metric, figures, result, run_of, verdict

CACHED = cases_of_the_rest.CACHED


def rules_of(causes: tuple[LikelyCause, ...]) -> list[str]:
    return [each.rule for each in causes]


def test_each_cell_has_its_causes_beside_the_others_of_its_run() -> None:
    cold = cases_of_speed.COLD_SLOW
    warm = cases_of_speed.WARM
    found = table.analyse(run_of(cold, warm))
    assert rules_of(found[cold.cell.id]) == ["warm_up"]
    assert found[warm.cell.id] == ()


def test_a_cell_that_is_all_well_has_none() -> None:
    assert table.analyse_cell(cases_of_speed.WARM, ENVIRONMENT) == ()


def test_of_figures_that_are_void_no_cause_is_sought() -> None:
    slow = result(
        summary=by_metric(figures("rtf", 1.3)),
        notes=(CACHED,),
        verdicts=(verdict(Outcome.INVALID, 1.3),),
    )
    assert rules_of(table.analyse_cell(slow, ENVIRONMENT)) == ["not_believable"]
    believed = structs.replace(slow, notes=(), verdicts=(verdict(Outcome.FAIL, 1.3),))
    assert rules_of(table.analyse_cell(believed, ENVIRONMENT)) == ["slower_than_playback"]


def test_what_forbids_to_believe_stands_first() -> None:
    doubtful = structs.replace(
        cases_of_the_rest.TAIL, notes=(TrustNote(guard="duration", text="9 of 59 too short"),)
    )
    found = rules_of(table.analyse_cell(doubtful, ENVIRONMENT))
    assert found == ["not_believable", "slow_tail"]


def test_a_cause_without_evidence_is_refused() -> None:
    with pytest.raises(ValueError, match="names no evidence"):
        LikelyCause(rule="guess", cause="it may be the moon", evidence=(), next_step="wait")
