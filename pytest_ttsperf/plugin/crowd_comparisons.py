"""Cells with many listeners, compared with another version: one comparison a cell and attempt."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

from pytest_ttsperf.plugin import lazy

if TYPE_CHECKING:
    from pytest_ttsperf.compare.blocks import ComparisonSpec
    from pytest_ttsperf.load.cell import LoadPlan
    from pytest_ttsperf.load.comparison import LoadComparisonRun, LoadComparisonSpec
    from pytest_ttsperf.records import Comparison


class CrowdComparisons:
    """Comparisons of one test's cells in which many listen, over its attempts.

    A rerun goes on from the windows of the attempts before.
    """

    def __init__(self) -> None:
        self._runs: dict[tuple[str, str], LoadComparisonRun] = {}
        """By what a cell is compared with, and its id."""

    def compare(
        self,
        spec: ComparisonSpec,
        plans: Mapping[str, LoadPlan],
        margins: Mapping[str, float],
        tell: Callable[[str], None],
    ) -> dict[str, Comparison]:
        """One comparison after the other, by cell id; errors as `compare.run.compare` has them."""
        compared = {}
        for cell_id in spec.cells:
            of_cell = _comparison_spec(spec, plans[cell_id], margins)
            key = (spec.against, cell_id)
            run = self._runs.get(key)
            if run is None:
                run = lazy.load_comparison.LoadComparisonRun(of_cell, tell)
                self._runs[key] = run
            found = run.run(of_cell)
            if found.reason is not None:
                del self._runs[key]  # a rerun begins anew
            compared[cell_id] = found
        return compared


def _comparison_spec(
    spec: ComparisonSpec,
    plan: LoadPlan,
    margins: Mapping[str, float],
) -> LoadComparisonSpec:
    """How one cell is compared under its load."""
    explain_baseline = partial(lazy.absence.explain_in_words, spec.baseline, spec.against)
    metrics = lazy.window_blocks.choose_metrics(
        margins,
        is_same_work=spec.baseline.spec == spec.candidate.spec,
    )
    found: LoadComparisonSpec = lazy.load_comparison.LoadComparisonSpec(
        baseline=spec.baseline,
        candidate=spec.candidate,
        plan=plan,
        metrics=metrics,
        against=spec.against,
        budget_s=spec.budget_s,
        explain_baseline=explain_baseline,
    )
    return found
