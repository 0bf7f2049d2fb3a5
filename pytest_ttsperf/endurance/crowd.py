"""A soak with several listeners: each slice is a window of the load, with the target quiet behind.

The windows, their trials and their figures are those of `load.cell`; what is read behind each, and
the journal, are those of any soak.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import structs

from pytest_ttsperf.endurance import figures
from pytest_ttsperf.endurance.cell import progress, soak_result
from pytest_ttsperf.endurance.journal import Journal, open_journal
from pytest_ttsperf.endurance.null_target import NullTarget, open_null_target
from pytest_ttsperf.endurance.plan import SLICES, SoakPlan, TellSoak
from pytest_ttsperf.errors import MeasurementError
from pytest_ttsperf.experiment import cell
from pytest_ttsperf.experiment.plan import Progress, TargetFactory
from pytest_ttsperf.load import cell as load_cell
from pytest_ttsperf.load.cell import FinishedWindow, LoadPlan
from pytest_ttsperf.load.handles import count_handles
from pytest_ttsperf.metrics import load as load_metrics
from pytest_ttsperf.real import REAL
from pytest_ttsperf.records import (
    CellResult,
    LoadSpec,
    LoadWindow,
    SoakHead,
    SoakSlice,
    TargetInfo,
    Trial,
    player_prebuffer_ms,
)
from pytest_ttsperf.version import __version__


def measure_crowd_soak(
    source: TargetFactory,
    ready: TargetInfo,
    plan: SoakPlan,
    tell: TellSoak,
) -> CellResult:
    """Have the listeners of the plan listen for as long as it says, or for what is left of it.

    `ready` is what the target has said of itself. MeasurementError for a plan without listeners or
    with a number of requests, and where the journal cannot be written.
    """
    load = _load_of(plan)
    with open_journal(plan.journal, _head_of(source, ready, plan, load)) as journal:
        earlier = journal.earlier
        if len(earlier.slices) >= SLICES:
            # It was killed between its last slice and its end: that slice is measured anew.
            _drop_last_slice(earlier.slices, earlier.trials)
        with open_null_target() as null_target:
            run = _CrowdSoak(plan, journal, null_target, tell, cell.fingerprint_of(ready))
            load_plan = _load_plan(plan, load, done=len(earlier.slices))
            measured = load_cell.measure_load(source, load_plan, run.show, run.end_slice)
        result = run.merge(measured)
        journal.finish()
    return derive(result)


def _load_of(plan: SoakPlan) -> LoadSpec:
    if plan.load is None:
        raise MeasurementError("found a soak of one listener, wanted one with several")
    if plan.spec.requests is not None:
        raise MeasurementError(
            f"a soak with {plan.load.label} lasts for minutes, and found requests="
            f"{plan.spec.requests}: how often several listeners ask follows from the load; write "
            "@soak(minutes=...)"
        )
    return plan.load


def _load_plan(plan: SoakPlan, load: LoadSpec, *, done: int) -> LoadPlan:
    """The windows that are left, each with a trace of its own."""
    return LoadPlan(
        plan=plan.plan,
        load=load,
        windows=SLICES - done,
        window=plan.window,
        seed=plan.seed + done,
    )


def _head_of(
    source: TargetFactory,
    ready: TargetInfo,
    plan: SoakPlan,
    load: LoadSpec,
) -> SoakHead:
    identity = load_cell.identity_of(source, ready, LoadPlan(plan.plan, load))
    return SoakHead(
        cell=identity.id,
        fingerprint=cell.fingerprint_of(ready),
        spec=plan.spec,
        revision=plan.revision,
        plugin_version=__version__,
    )


def _drop_last_slice(slices: list[SoakSlice], trials: list[Trial]) -> None:
    last = slices.pop()
    trials[:] = [trial for trial in trials if _window_of(trial) != last.index]


def _window_of(trial: Trial) -> int | None:
    return None if trial.load is None else trial.load.window


class _CrowdSoak:
    """A soak with several listeners while it is measured."""

    def __init__(
        self,
        plan: SoakPlan,
        journal: Journal,
        null_target: NullTarget,
        tell: TellSoak,
        fingerprint: str,
    ) -> None:
        self._plan = plan
        self._journal = journal
        self._null_target = null_target
        self._tell = tell
        self._prebuffer_ms = player_prebuffer_ms(plan.plan.limits_on(fingerprint))
        self._slices: list[SoakSlice] = list(journal.earlier.slices)
        self._trials: list[Trial] = list(journal.earlier.trials)
        self._session = journal.begin_session()
        self._slice_start_s = REAL.monotonic()

    def show(self, _: Progress) -> None:
        """Show how far the soak is; called often while a window is measured."""
        slice_s = REAL.monotonic() - self._slice_start_s
        of_slice = min(1.0, slice_s / self._plan.slice_s)
        share = (len(self._slices) + of_slice) / SLICES
        self._tell(progress(self._slices, share, slice_s, 0))

    def end_slice(self, finished: FinishedWindow) -> None:
        """Add a window that is over as a slice, with what is read behind it."""
        index = len(self._slices)
        window = structs.replace(finished.window, index=index, session=self._session)
        trials = [self._moved(trial, index) for trial in finished.trials]
        null_ms = self._null_target.measure_ms(self._plan.slice_s)
        soak_slice = figures.summarise_slice(
            [trial for trial in trials if trial.kind == "trial"],
            index=index,
            session=self._session,
            seconds=REAL.monotonic() - self._slice_start_s,
            prebuffer_ms=self._prebuffer_ms,
            null_ms=null_ms,
            usage=load_metrics.usage_of(window),
            handles=count_handles(finished.target_pids),
            window=window,
        )
        for trial in trials:
            self._journal.add_trial(trial)
        self._journal.add_slice(soak_slice)
        self._slices.append(soak_slice)
        self._trials += trials
        self._slice_start_s = REAL.monotonic()

    def _moved(self, trial: Trial, index: int) -> Trial:
        """The trial with the number of its window in the whole soak, and of its session."""
        if trial.load is None:
            return trial
        load = structs.replace(trial.load, window=index)
        return structs.replace(trial, process=self._session, load=load)

    def merge(self, measured: CellResult) -> CellResult:
        """What was measured now, with the slices and trials of all sessions."""
        probes = [trial for trial in measured.trials if trial.kind == "probe"]
        load = measured.load
        if load is not None:
            load = structs.replace(load, windows=windows_of(self._slices))
        return structs.replace(
            measured,
            declared_trials=sum(trial.kind == "trial" for trial in self._trials),
            trials=(*self._trials, *probes),
            load=load,
            soak=soak_result(self._plan, self._slices, self._journal),
        )


def windows_of(slices: Sequence[SoakSlice]) -> tuple[LoadWindow, ...]:
    """The same stretches as windows of the load."""
    return tuple(each.window for each in slices if each.window is not None)


def derive(result: CellResult) -> CellResult:
    """All that `load.cell.derive` derives, and what follows from the slices.

    ValueError for a cell without slices.
    """
    if result.soak is None:
        raise ValueError("found a cell that is no soak, wanted one with slices")
    soak = figures.derive(result.soak)
    return load_cell.derive(structs.replace(result, soak=soak))
