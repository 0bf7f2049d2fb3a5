"""Cells with many listeners in a test: how they are planned, measured, pooled and judged.

Here and not in `run_state`, which has the same for a single listener.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from pytest_ttsperf.plugin import lazy

if TYPE_CHECKING:
    from pytest_ttsperf.compare.blocks import ComparisonSpec
    from pytest_ttsperf.experiment.plan import Plan, TargetFactory, Tell
    from pytest_ttsperf.load.capacity import CapacityLimits, SearchStep
    from pytest_ttsperf.load.cell import LoadPlan
    from pytest_ttsperf.load.comparison import LoadComparisonRun, LoadComparisonSpec
    from pytest_ttsperf.load.traces import WindowPlan
    from pytest_ttsperf.plugin.options import Options
    from pytest_ttsperf.records import CellResult, Comparison, LoadSpec, Threshold, Verdict

NOT_STORED = (
    "cells in which many listen are not stored as baselines, as too much of them is the machine's; "
    "compare their versions side by side (--ttsperf-against)"
)
MOST_WINDOWS = 1000
"""More than any test has: the traces of its attempts are drawn from seeds so far apart."""


def is_crowd(result: CellResult) -> bool:
    """Whether it is not a cell of a single listener who listens to the end."""
    return result.load is not None or result.capacity is not None


def plan_load(
    plan: Plan,
    load: LoadSpec,
    windows: int | None,
    options: Options,
    earlier: int,
) -> LoadPlan:
    """The windows of a cell, by the command line, the call and ini, in this order.

    The seed of its traces follows from the texts of the run, so that who repeats the texts repeats
    the arrivals as well; `earlier` is how many windows the cell has already.
    """
    load_plan: LoadPlan = lazy.load_cell.LoadPlan(
        plan=_limit_trials_alone(plan),
        load=load,
        seed=plan.texts_from * MOST_WINDOWS + earlier,
    )
    chosen = options.windows or windows or options.windows_ini
    if chosen is not None:
        load_plan = load_plan._replace(windows=chosen)
    if options.window_s is not None:
        load_plan = load_plan._replace(window=_fit(load_plan.window, options.window_s))
    return load_plan


def _fit(window: WindowPlan, counted_s: float) -> WindowPlan:
    """A window in which requests are counted so long, with its other parts shortened likewise.

    A longer one has the usual lead and the usual least number of requests.
    """
    share = min(1.0, counted_s / window.counted_s)
    return window._replace(
        counted_s=counted_s,
        lead_s=window.lead_s * share,
        least_requests=math.ceil(window.least_requests * share),
    )


def _limit_trials_alone(plan: Plan) -> Plan:
    """The plan with those limits that each request of a crowd has a figure for.

    The others are of a sample of single trials (words, opinion), or are judged in `judge`.
    """
    limits_on = plan.limits_on

    def limits(fingerprint: str) -> tuple[Threshold, ...]:
        found = limits_on(fingerprint)
        return tuple(limit for limit in found if not limit.is_sampled and not _is_single(limit))

    return replace(
        plan,
        quality=replace(plan.quality, words=False, mos=False),
        limits_on=limits,
    )


def _is_single(limit: Threshold) -> bool:
    """Whether it limits what a cell has as a whole, and no trial by itself."""
    return limit.marker in ("barge_in", "capacity")


def unjudged_remark(test: str, plan: Plan, load: LoadSpec) -> str | None:
    """What the test limits and a crowd is not judged by; None where there is nothing."""
    named = []
    if plan.quality.words:
        named.append("words")
    if plan.quality.mos:
        named.append("mean opinion score")
    if not named:
        return None
    return f"{test}: {' and '.join(named)} are judged with one listener, and not of {load.label}"


def measure(source: TargetFactory, plan: LoadPlan, tell: Tell) -> CellResult:
    """The windows of a cell, and what happens after a hanging up where its listeners do that."""
    from msgspec import structs

    result: CellResult = lazy.load_cell.measure_load(source, plan, tell)
    if not plan.load.hangs_up or result.load is None:
        return result
    barge_in = lazy.barge_in.measure_barge_in(source, plan, tell)
    return structs.replace(result, load=structs.replace(result.load, barge_in=barge_in))


def add_limits(result: CellResult, limits: Iterable[Threshold]) -> CellResult:
    """The result with those of the limits that a crowd has as a whole."""
    from msgspec import structs

    single = [limit for limit in limits if _is_single(limit)]
    return structs.replace(result, thresholds=(*result.thresholds, *single))


def capacity_limits(keywords: Mapping[str, Any]) -> CapacityLimits:
    """What `@capacity` says of a good window."""
    limits: CapacityLimits = lazy.capacity.CapacityLimits(
        ttfa_p95_ms=keywords.get("ttfa_p95_ms"),
        stall=keywords.get("stall", 0.0),
    )
    return limits


def search(
    source: TargetFactory,
    plan: LoadPlan,
    keywords: Mapping[str, Any],
    show: Callable[[str], None],
) -> CellResult:
    """How many may listen at once. `show` gets one line whenever a window begins."""
    preset = lazy.plan.preset_name(plan.plan.text)

    def tell(step: SearchStep) -> None:
        show(search_text(preset, step))

    limits = capacity_limits(keywords)
    return lazy.capacity_cell.measure_capacity(source, plan, limits, tell)


def search_text(preset: str, step: SearchStep) -> str:
    """`short: 6 listeners, proving, window 3 of 14 (17 windows so far)`."""
    level = f"{step.level:g} listeners"
    return (
        f"{preset}: {level}, {step.phase}, window {step.window} of {step.most_windows} "
        f"({step.done} windows so far)"
    )


def pool(earlier: CellResult, later: CellResult) -> CellResult:
    """Both attempts at a cell as one. A search has begun anew, and its later answer counts."""
    if later.capacity is not None:
        return later
    if later.load is None:
        return lazy.cell.pool(earlier, later)
    return lazy.load_pooling.pool(earlier, later)


def judge(result: CellResult) -> CellResult:
    """By its limits; where many listen, with the window as the unit."""
    from msgspec import structs

    if not is_crowd(result):
        return lazy.cell.judge(result)
    limits = result.thresholds
    of_trials = tuple(limit for limit in limits if not _is_single(limit))
    judged = lazy.load_cell.judge(structs.replace(result, thresholds=of_trials))
    verdicts = [_judge_single(result, limit) for limit in limits if _is_single(limit)]
    return structs.replace(judged, thresholds=limits, verdicts=(*judged.verdicts, *verdicts))


def _judge_single(result: CellResult, limit: Threshold) -> Verdict:
    """By what was found after hanging up, or by a search."""
    from msgspec import structs

    if limit.marker == "barge_in":
        barge_in = None if result.load is None else result.load.barge_in
        return lazy.barge_in.judge(barge_in, limit)
    verdict = lazy.capacity.judge(result.capacity, limit.limit)
    return structs.replace(
        verdict,
        subject=limit.label,
        metric=limit.metric,
        statistic=limit.statistic,
        threshold=limit,
    )


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
            compared[cell_id] = run.run(of_cell)
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
