"""All rules in one table, and what they find in a run.

A rule is a function of the evidence of one cell that gives a likely cause or None. A new one is a
function in one of the modules beside this, a row here, and two tests in
`tests/unit/report/analysis/`: one in which it speaks with its numbers, and one in which it is
silent. It says nothing without evidence.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from pytest_ttsperf.records import CellResult, Environment, Outcome, Run
from pytest_ttsperf.report.analysis import (
    cadence,
    change,
    crowd_waiting,
    first_sound,
    long_run,
    memory_growth,
    spread,
    start,
    throughput,
    trust,
)
from pytest_ttsperf.report.analysis.evidence import CellEvidence
from pytest_ttsperf.report.analysis.likely_cause import LikelyCause


class AnalysisRule(NamedTuple):
    """A rule, and whether it speaks of figures that are void."""

    find: Callable[[CellEvidence], LikelyCause | None]
    of_invalid: bool = False
    """Whether it is asked of an INVALID cell too: of figures that are void, no cause is sought."""


RULES: tuple[AnalysisRule, ...] = (
    # What forbids to believe the figures comes first.
    AnalysisRule(trust.not_believable, of_invalid=True),
    # What a comparison has proven, before what the figures of one version suggest.
    AnalysisRule(change.changed_stage),
    AnalysisRule(change.unexplained_change),
    AnalysisRule(change.other_work),
    AnalysisRule(change.restless_control),
    AnalysisRule(start.warm_up),
    AnalysisRule(start.start_phase),
    AnalysisRule(start.unsettled),
    AnalysisRule(first_sound.all_at_once),
    AnalysisRule(first_sound.segmentation),
    AnalysisRule(cadence.early_scrap),
    AnalysisRule(throughput.few_nodes, of_invalid=True),
    AnalysisRule(first_sound.largest_stage),
    AnalysisRule(first_sound.lead_in),
    AnalysisRule(first_sound.connection),
    AnalysisRule(first_sound.unexplained_time),
    AnalysisRule(throughput.slower_than_playback),
    AnalysisRule(throughput.one_core),
    AnalysisRule(throughput.waiting),
    AnalysisRule(cadence.uneven_chunks),
    AnalysisRule(memory_growth.leak),
    AnalysisRule(memory_growth.memory_step),
    AnalysisRule(memory_growth.large_from_the_start),
    AnalysisRule(long_run.drift),
    AnalysisRule(long_run.machine_drift),
    AnalysisRule(long_run.open_handles),
    AnalysisRule(crowd_waiting.queue),
    AnalysisRule(crowd_waiting.crowd),
    AnalysisRule(crowd_waiting.cores_used_up),
    AnalysisRule(crowd_waiting.not_answered),
    AnalysisRule(crowd_waiting.unfair),
    AnalysisRule(spread.slow_tail),
    AnalysisRule(spread.one_process),
    AnalysisRule(start.never_idle),
    AnalysisRule(spread.busy_machine),
    AnalysisRule(spread.cpu_quota),
    AnalysisRule(spread.too_few_trials),
)
"""In the order in which their findings are shown."""


def analyse(run: Run) -> dict[str, tuple[LikelyCause, ...]]:
    """The likely causes of each cell, by its id; none for a cell of which there is nothing to say.

    A capacity search has no trials: of what it found, its own sentence says all.
    """
    return {
        result.cell.id: analyse_cell(result, run.environment, run.cells) for result in run.cells
    }


def analyse_cell(
    result: CellResult,
    environment: Environment,
    cells: Sequence[CellResult] = (),
) -> tuple[LikelyCause, ...]:
    """The likely causes of one cell; `cells` are all of its run."""
    others = tuple(other for other in cells if other.cell.id != result.cell.id)
    evidence = CellEvidence(result=result, environment=environment, others=others)
    is_void = result.outcome is Outcome.INVALID
    found = []
    for rule in RULES:
        if is_void and not rule.of_invalid:
            continue
        likely_cause = rule.find(evidence)
        if likely_cause is not None:
            found.append(likely_cause)
    return tuple(found)
