"""Cells with many listeners in a test: how they are planned, measured, pooled and judged.

Here and not in `run_state`, which has the same for a single listener.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pytest_ttsperf.plugin import lazy, soaks

if TYPE_CHECKING:
    from pytest_ttsperf.experiment.plan import Plan, TargetFactory
    from pytest_ttsperf.load.capacity import CapacityLimits
    from pytest_ttsperf.load.capacity_search import SearchStep, Unit
    from pytest_ttsperf.load.cell import LoadPlan
    from pytest_ttsperf.plugin.options import Options
    from pytest_ttsperf.plugin.progress import ProgressLine
    from pytest_ttsperf.records import Capacity, CellResult, LoadSpec, Threshold, Verdict

NOT_STORED = (
    "cells in which many listen are not stored as baselines, as the machine moves them from run to "
    "run by more than most changes would; compare versions side by side (--ttsperf-against)"
)
HANG_UPS_NOT_STORED = (
    "what follows a hang-up is judged by the limits of @barge_in, and not stored as a baseline"
)
HANG_UPS_NOT_COMPARED = (
    "what follows a hang-up is judged by the limits of @barge_in, and not compared with another "
    "version"
)
MOST_WINDOWS = 1000
"""More than any test has: the traces of its attempts are drawn from seeds so far apart."""


def is_crowd(result: CellResult) -> bool:
    """Whether it is not a cell of a single listener who listens to the end of a few answers."""
    return result.load is not None or result.capacity is not None or soaks.is_soak(result)


def is_compared(result: CellResult) -> bool:
    """Whether it has windows, which another version can replay; a soak's would take too long."""
    if result.load is None or soaks.is_soak(result):
        return False
    return bool(result.load.windows)


def has_watched(result: CellResult) -> bool:
    """Whether it is of a single listener who hangs up."""
    return result.load is not None and result.load.spec.is_watched


def why_not_stored(result: CellResult) -> str:
    """Why a crowd has no stored baseline."""
    return HANG_UPS_NOT_STORED if has_watched(result) else NOT_STORED


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
        load_plan = load_plan._replace(window=load_plan.window.counting(options.window_s))
    return load_plan


def plan_search(plan: LoadPlan, options: Options) -> LoadPlan:
    """The same with windows of a search, unless the command line or ini says how long they are."""
    if options.window_s is not None:
        return plan
    unit: Unit = "listeners" if plan.load.rate is None else "requests/s"
    return plan._replace(window=lazy.capacity_cell.search_window(unit))


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


def leave_out_hang_ups(plan: Plan) -> Plan:
    """The plan of the trials beside a listener who hangs up, with the limits that trials have."""
    limits_on = plan.limits_on

    def limits(fingerprint: str) -> tuple[Threshold, ...]:
        return tuple(limit for limit in limits_on(fingerprint) if not _is_single(limit))

    return replace(plan, limits_on=limits)


def _is_single(limit: Threshold) -> bool:
    """Whether it limits what a cell has as a whole, and no trial by itself."""
    return limit.marker in ("barge_in", "capacity")


def unjudged_remark(test: str, plan: Plan, load: LoadSpec) -> str | None:
    """What the test limits and a crowd is not judged by; None where there is nothing."""
    if load.is_watched:
        return None  # they are judged of the trials beside it
    named = []
    if plan.quality.words:
        named.append("words")
    if plan.quality.mos:
        named.append("mean opinion score")
    if not named:
        return None
    return f"{test}: {' and '.join(named)} are judged with one listener, and not of {load.label}"


def measure(
    source: TargetFactory,
    plan: LoadPlan,
    line: ProgressLine,
    looks: int = 1,
) -> CellResult:
    """The windows of a cell, and what happens after a hanging up where its listeners do that.

    Of a single listener who hangs up there are no windows: of them nothing would be judged.
    """
    from msgspec import structs

    label = plan.load.label
    tell_hang_up = line.parts_of(label, "hang-ups")
    if plan.load.is_watched:
        measure_single = lazy.barge_in.measure_single_listener
        return measure_single(source, plan, tell_hang_up, looks=looks)
    result = lazy.load_cell.measure_load(source, plan, line.parts_of(label, "windows"))
    if not plan.load.hangs_up or result.load is None:
        return result
    watched = lazy.barge_in.watch_hang_ups(source, plan, tell_hang_up, looks=looks)
    load = structs.replace(result.load, barge_in=watched.barge_in)
    return structs.replace(result, load=load)


def add_limits(result: CellResult, limits: Iterable[Threshold]) -> CellResult:
    """The result with those of the limits that a crowd has as a whole."""
    from msgspec import structs

    single = [limit for limit in limits if _is_single(limit)]
    return structs.replace(result, thresholds=(*result.thresholds, *single))


def capacity_limits(keywords: Mapping[str, Any]) -> CapacityLimits:
    """What `@capacity` says of a good window."""
    return lazy.capacity.CapacityLimits(
        ttfa_p95_ms=keywords.get("ttfa_p95_ms"),
        stall=keywords.get("stall", 0.0),
    )


def search(
    source: TargetFactory,
    plan: LoadPlan,
    keywords: Mapping[str, Any],
    limits: Iterable[Threshold],
    line: ProgressLine,
) -> CellResult:
    """Whether as many may listen at once as the test wants.

    `limits` are those of the test: what is wanted may not be what its mark says.
    """
    preset = lazy.plan.preset_name(plan.plan.text)
    wanted = next(limit.limit for limit in limits if limit.marker == "capacity")
    window_s = plan.window.lead_s + plan.window.counted_s
    line.begin_search(
        f"{preset} {plan.plan.mode}: whether {_level_text(plan.load, wanted)} are served within "
        f"the limits, in windows of {window_s:.3g} s"
    )
    unit = "listeners" if plan.load.rate is None else "requests/s"

    def tell(step: SearchStep) -> None:
        line.text(lazy.load_report.progress_text(step, unit))

    return lazy.capacity_cell.measure_capacity(
        source,
        plan,
        capacity_limits(keywords),
        wanted=wanted,
        tell=tell,
    )


def _level_text(load: LoadSpec, level: float) -> str:
    if load.rate is not None:
        return f"{level:g} requests/s"
    return f"{level:g} listener" if level == 1 else f"{level:g} listeners"


def pool(earlier: CellResult, later: CellResult) -> CellResult:
    """Both attempts at a cell as one.

    A search begins anew, and its later answer counts, unless the earlier one has refuted what was
    wanted: no rerun makes that good.
    """
    if soaks.is_soak(later):
        return soaks.pool(earlier, later)
    if later.capacity is not None:
        return earlier if _is_refuted(earlier.capacity) else later
    if later.load is None:
        return lazy.cell.pool(earlier, later)
    return lazy.load_pooling.pool(earlier, later)


def _is_refuted(capacity: Capacity | None) -> bool:
    if capacity is None or capacity.void_because is not None:
        return False
    return capacity.refuted is not None


def judge(result: CellResult) -> CellResult:
    """By its limits; where many listen, with the window as the unit."""
    from msgspec import structs

    if soaks.is_soak(result):
        return soaks.judge(result)
    if result.capacity is not None:
        return structs.replace(result, verdicts=tuple(_judge_capacity(result, result.capacity)))
    if result.load is None:
        return lazy.cell.judge(result)
    limits = result.thresholds
    of_trials = tuple(limit for limit in limits if not _is_single(limit))
    of_hang_ups = []
    for limit in limits:
        if _is_single(limit):
            of_hang_ups.append(lazy.barge_in.judge_limit(result, limit))
    judged = lazy.load_cell.judge(structs.replace(result, thresholds=of_trials), of_hang_ups)
    return structs.replace(judged, thresholds=limits)


def _judge_capacity(result: CellResult, capacity: Capacity) -> Iterator[Verdict]:
    """With the limits of the test, which an option may have put in the place of the mark's."""
    from msgspec import structs

    for limit in result.thresholds:
        verdict = lazy.capacity.judge(capacity, limit.limit)
        if verdict.outcome is lazy.records.Outcome.INVALID:
            # Nothing else says why, as there is no note that a verdict could repeat.
            verdict = structs.replace(verdict, gate="trust")
        yield structs.replace(verdict, threshold=limit)
