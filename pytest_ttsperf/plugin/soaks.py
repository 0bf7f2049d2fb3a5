"""Soaks in a test: how they are planned, measured, shown, judged, and where their trials are kept.

Here and not in `run_state`, which has the same for a measurement of seconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_ttsperf.errors import MeasurementError
from pytest_ttsperf.plugin import lazy
from pytest_ttsperf.real import REAL

if TYPE_CHECKING:
    from pytest_ttsperf.endurance.plan import SoakPlan, SoakProgress
    from pytest_ttsperf.experiment.plan import Plan, TargetFactory
    from pytest_ttsperf.experiment.trial import OpenTarget
    from pytest_ttsperf.plugin.progress import ProgressLine
    from pytest_ttsperf.records import CellResult, LoadSpec, SoakSpec, TargetInfo, Threshold

MARK = "soak"
FOLDER = "soak"
"""Below the artifacts: where journals are."""
NOT_STORED = (
    "soaks are not stored as baselines: what they limit, drift and growth, is against their own "
    "beginning"
)
NOT_COMPARED = (
    "a soak is not compared with another version, as each would take as long; soak both, or "
    "compare what a few minutes can tell"
)
NEWS_S = 300.0
"""Elsewhere than on a terminal a line comes so often: CI ends what says nothing for long."""


def is_soak(result: CellResult) -> bool:
    """Whether a cell was measured by a soak."""
    return result.soak is not None


def refuse_processes(processes: int | None, *, is_crowd: bool) -> None:
    """MeasurementError for a soak of one listener that is to be spread over processes."""
    if processes is None or processes == 1 or is_crowd:
        return
    raise MeasurementError(
        f"perf was given processes={processes} in a test that has @soak, which looks at how one "
        "process changes; leave out processes="
    )


def plan_soak(
    plan: Plan,
    keywords: Mapping[str, Any],
    load: LoadSpec | None,
    artifacts: Path,
    revision: str | None,
) -> SoakPlan:
    """What `perf.stream(text)` is to do in a test that has `@soak` with these keywords.

    The name of its journal is filled in once the cell has one.
    """
    soak_plan: SoakPlan = lazy.soak_plan.SoakPlan(
        plan=_limit_alone(plan, is_crowd=load is not None),
        spec=lazy.records.SoakSpec(
            minutes=keywords.get("minutes"),
            requests=keywords.get("requests"),
        ),
        journal=artifacts / FOLDER,
        revision=revision,
        load=load,
        seed=plan.texts_from,
    )
    return soak_plan


def _limit_alone(plan: Plan, *, is_crowd: bool) -> Plan:
    """The plan without what is not looked at in a soak: words, opinion, seams and loudness.

    Each request of a crowd has no figure for the limits of the soak, which are judged apart.
    """
    limits_on = plan.limits_on

    def limits(fingerprint: str) -> tuple[Threshold, ...]:
        found = limits_on(fingerprint)
        return tuple(limit for limit in found if limit.marker not in ("quality", "seams"))

    def limits_of_requests(fingerprint: str) -> tuple[Threshold, ...]:
        return tuple(limit for limit in limits(fingerprint) if limit.marker != MARK)

    chosen = limits_of_requests if is_crowd else limits
    return replace(plan, quality=lazy.plan.NO_QUALITY, limits_on=chosen)


def unjudged_remark(test: str, limits: Iterable[Threshold]) -> str | None:
    """What the test limits and a soak is not judged by; None where there is nothing."""
    marks = [limit.marker for limit in limits if limit.marker in ("quality", "seams")]
    if not marks:
        return None
    named = " and ".join(f"@{mark}" for mark in dict.fromkeys(marks))
    return f"{test}: {named} is not judged of a soak; give it a test of its own"


def measure(opened: OpenTarget, plan: SoakPlan, line: ProgressLine) -> CellResult:
    """Soak a target that is open and warm, with one listener."""
    plan = _with_journal(plan, opened.source, opened.ready)
    tell = _Shown(line, plan.spec)
    try:
        result: CellResult = lazy.soak_cell.measure_soak(opened, plan, tell.show)
    finally:
        line.text("")
    return result


def measure_crowd(
    source: TargetFactory,
    ready: TargetInfo,
    plan: SoakPlan,
    line: ProgressLine,
    limits: Iterable[Threshold],
) -> CellResult:
    """Soak a target with the listeners of the plan; `limits` are all of the test."""
    from msgspec import structs

    plan = _with_journal(plan, source, ready)
    tell = _Shown(line, plan.spec)
    try:
        result: CellResult = lazy.soak_crowd.measure_crowd_soak(source, ready, plan, tell.show)
    finally:
        line.text("")
    of_soak = tuple(limit for limit in limits if limit.marker == MARK)
    return structs.replace(result, thresholds=(*result.thresholds, *of_soak))


def _with_journal(plan: SoakPlan, source: TargetFactory, ready: TargetInfo) -> SoakPlan:
    """The plan with the file that has the raw trials of its cell."""
    from msgspec import structs

    cell = lazy.plan.cell_of(source, ready, plan.plan)
    if plan.load is not None:
        cell = structs.replace(cell, load=plan.load.label)
    return plan._replace(journal=plan.journal / f"{cell.slug}.jsonl")


class _Shown:
    """Shows how far a soak is: on a terminal in one line, elsewhere in a line now and then."""

    def __init__(self, line: ProgressLine, spec: SoakSpec) -> None:
        self._line = line
        self._spec = spec
        self._said_at_s: float | None = None

    def show(self, progress: SoakProgress) -> None:
        text = lazy.soak_progress.progress_text(progress, self._spec)
        self._line.text(text)
        now_s = REAL.monotonic()
        if self._said_at_s is None or now_s - self._said_at_s >= NEWS_S:
            self._said_at_s = now_s
            self._line.begin_search(text)


def judge(result: CellResult) -> CellResult:
    """By its limits: those of each trial or window, and those of the soak as a whole."""
    from msgspec import structs

    limits = result.thresholds
    others = tuple(limit for limit in limits if limit.marker != MARK)
    of_soak = tuple(lazy.soak_verdicts.judge(result))
    without = structs.replace(result, thresholds=others)
    if result.load is not None:
        judged = lazy.load_cell.judge(without, of_soak)
    else:
        judged = lazy.cell.judge(without, of_soak)
    return structs.replace(judged, thresholds=limits)


def pool(earlier: CellResult, later: CellResult) -> CellResult:
    """Two attempts at a soak: the later begins anew and counts, unless the earlier has failed."""
    return earlier if earlier.outcome is lazy.records.Outcome.FAIL else later


def leave_trials(result: CellResult, run_id: str, root: Path) -> CellResult:
    """The result without its trials, which are in a journal that is named after the run.

    There are so many of them that an artifact would have hundreds of megabytes.
    """
    from msgspec import structs

    soak = result.soak
    if soak is None or soak.journal is None or not result.trials:
        return result
    path = lazy.soak_journal.name_after_run(Path(soak.journal), run_id)
    shown = path.relative_to(root) if path.is_relative_to(root) else path
    return structs.replace(result, trials=(), soak=structs.replace(soak, journal=str(shown)))
