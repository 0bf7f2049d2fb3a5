"""What is advised about a version that is slower, with and without profiles of its graph nodes."""

from __future__ import annotations

from typing import Any

from msgspec import structs

from pytest_ttsperf.records import ComparedMetric, NodeComparison, Outcome
from pytest_ttsperf.report.analysis import change, first_sound
from tests.unit.report.analysis.cases import seen
from tests.unit.report.analysis.cases_of_speed import DECODE
from tests.unit.report.analysis.cases_of_the_rest import EXPLAINED, GATE, changed, compared
from tests.unit.report.factories import FAILED, PASSED, result, verdict

PROFILED = NodeComparison(metric="ttfa_sound_ms", rounds=5, texts=4, text="profiled apart: +9 ms")
PEAK = ComparedMetric(label="rss peak", metric="rss_peak_mb", statistic="value", margin=0.03)


def advice_about(**more: Any) -> str:
    """The next step where a stage explains the change."""
    cause = change.changed_stage(seen(compared(changed(Outcome.FAIL, EXPLAINED), **more)))
    assert cause is not None
    return cause.next_step


def test_graph_nodes_that_grew_are_where_to_look_first() -> None:
    grown = structs.replace(PROFILED, explained_by=("Conv a",))
    assert "decode, first at Conv a, since ed2939f35358" in advice_about(nodes=(grown,))


def test_nodes_of_another_figure_are_not_named() -> None:
    other = structs.replace(PROFILED, metric="rtf", explained_by=("Conv a",))
    assert "Conv" not in advice_about(nodes=(other,))


def test_profiling_is_advised_only_where_nothing_was_profiled() -> None:
    assert "--ttsperf-trace" in advice_about()
    assert "--ttsperf-trace" not in advice_about(nodes=(PROFILED,))


def test_memory_that_grew_is_not_called_slow_and_has_no_stage() -> None:
    found = change.unexplained_change(seen(compared(changed(Outcome.FAIL), gate=PEAK)))
    assert found is not None
    assert found.cause == "the new version is worse in rss peak"
    assert "rss peak +11.4 %" in found.evidence[0]
    assert "stage" not in " ".join((*found.evidence, found.next_step))


def test_a_time_that_grew_comes_before_memory_that_did() -> None:
    grown = changed(Outcome.FAIL)
    comparison = compared(grown, grown).comparison
    assert comparison is not None
    both = structs.replace(comparison, gates=(PEAK, GATE))
    found = change.unexplained_change(seen(result(comparison=both)))
    assert found is not None
    assert found.cause.startswith("the new version is slower")
    assert "ttfa p95 +11.4 %" in found.evidence[0]


def test_the_largest_stage_is_not_named_beside_the_one_that_grew() -> None:
    slower = verdict(
        Outcome.FAIL, 0.114, gate="change", metric="ttfa_sound_ms", threshold=None, limit=0.03
    )
    explained = compared(changed(Outcome.FAIL, EXPLAINED)).comparison
    regressed = structs.replace(DECODE, verdicts=(PASSED, slower), comparison=explained)
    assert first_sound.largest_stage(seen(regressed)) is None
    late = structs.replace(regressed, verdicts=(FAILED, slower))
    assert first_sound.largest_stage(seen(late)) is not None, "its limit is broken as well"
    open_ended = compared(changed(Outcome.FAIL)).comparison
    unexplained = structs.replace(regressed, comparison=open_ended)
    assert first_sound.largest_stage(seen(unexplained)) is not None
