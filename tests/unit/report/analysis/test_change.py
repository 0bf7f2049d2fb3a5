"""What is advised about a version that is slower, with and without profiles of its graph nodes."""

from __future__ import annotations

from typing import Any

from msgspec import structs

from pytest_ttsperf.records import NodeComparison, Outcome
from pytest_ttsperf.report.analysis import change
from tests.unit.report.analysis.cases import seen
from tests.unit.report.analysis.cases_of_the_rest import EXPLAINED, changed, compared

PROFILED = NodeComparison(metric="ttfa_sound_ms", rounds=5, texts=4, text="profiled apart: +9 ms")


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
