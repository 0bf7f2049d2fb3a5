"""What a run has measured so far, and how a test is judged by it.

One RunState per pytest process, one TestState per item; a state outlives a rerun of its item, so
that the trials of both attempts are judged together.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_ttsperf import files, popen, real, secrets
from pytest_ttsperf.compare import metrics
from pytest_ttsperf.errors import BaselineUnreadable, BaselineUnwritable, MeasurementError
from pytest_ttsperf.plugin import (
    crowd_comparisons,
    crowds,
    lazy,
    listeners,
    markers,
    reruns,
    soaks,
    traces,
    usage,
)
from pytest_ttsperf.plugin.limits_by_name import PROVIDERS
from pytest_ttsperf.plugin.options import AUTO, Options
from pytest_ttsperf.plugin.progress import ProgressLine
from pytest_ttsperf.targets import spec

if TYPE_CHECKING:
    from datetime import datetime

    from pytest_ttsperf.compare.blocks import ComparisonSpec
    from pytest_ttsperf.compare.cells import ComparedVersion, MeasuredCell
    from pytest_ttsperf.compare.run import EarlierRuns
    from pytest_ttsperf.endurance.plan import SoakPlan
    from pytest_ttsperf.experiment.plan import Plan, Progress, TargetFactory
    from pytest_ttsperf.experiment.trial import OpenTarget
    from pytest_ttsperf.load.cell import LoadPlan
    from pytest_ttsperf.machine.environment import EnvironmentProbe, RunLocation
    from pytest_ttsperf.records import (
        CellResult,
        Comparison,
        LoadSpec,
        Mode,
        Phase,
        Run,
        TargetInfo,
        Threshold,
    )
    from pytest_ttsperf.report.artifact import ArtifactWriter, Loss


RUN = pytest.StashKey["RunState"]()
STATE = pytest.StashKey["TestState"]()


def run_state_of(config: pytest.Config) -> RunState:
    """The state of the run."""
    return config.stash[RUN]


def state_of(item: pytest.Item) -> TestState:
    """The item's state, created at its first use."""
    if STATE not in item.stash:
        item.stash[STATE] = TestState(item, run_state_of(item.config))
    return item.stash[STATE]


def refuse_beside_workers(config: pytest.Config) -> None:
    """Fail a test that would measure beside other workers of pytest-xdist."""
    workers = getattr(config, "workerinput", {}).get("workercount", 1)
    if workers > 1 and not run_state_of(config).options.disabled:
        pytest.fail(
            f"performance tests measure nothing true beside {workers - 1} other workers; run them "
            "without -n (or with -n 1), or deselect them with -m 'not perf'",
            pytrace=False,
        )


LISTENING_SHARE = 0.2
"""Of the budget of a comparison: what listening may take, of a cell and of a comparison each."""


class RunState:
    """The run: its options, its results so far, and its artifact."""

    def __init__(self, config: pytest.Config, options: Options) -> None:
        config.stash[PROVIDERS] = options.providers
        self.config = config
        self.options = options
        self.progress_line = ProgressLine(config)
        self.results: dict[str, CellResult] = {}
        self._writer: ArtifactWriter | None = None
        self._run: Run | None = None
        self._location: RunLocation | None = None
        self._environment: EnvironmentProbe | None = None
        self.against: ComparedVersion | None = None
        """The version to compare with, checked out."""
        self._texts_from = options.texts_from
        self.left_aside: dict[str, None] = {}
        """Stored files that could not be read, each with the reason, in the order of reading."""
        self._unwritten: tuple[Loss, ...] = ()
        """What the last attempt to write the artifact could not write: the next may heal it."""
        self._unsaved: list[str] = []
        self.reports: tuple[Path, ...] = ()
        """The run's pages, the one for browsers first."""
        self._unwritten_reports: tuple[Loss, ...] = ()

    def prepare(self) -> None:
        """Read the environment and get the version to compare with, before any test runs.

        RevisionError where that version cannot be had. All that is slow to import is imported here
        too: in a test that has stopped time it would be imported with false clocks.
        """
        lazy.load_all()
        spec.load_kinds()
        if not self.options.disabled:
            self._location = lazy.environment.locate_run(self.config.rootpath)
        options = self.options
        if options.against is not None:
            self.against = self.version_of(
                options.against,
                install=options.against_install,
                options=options.against_options,
            )

    @property
    def texts_from(self) -> int:
        """At which text of its preset each cell starts: the same for all, and another in each run.

        A run that measures nothing starts at the first.
        """
        if self._texts_from is None:
            self._texts_from = 0 if self.options.disabled else lazy.plan.draw_start()
        return self._texts_from

    def version_of(self, revision: str, **more: Any) -> ComparedVersion:
        """The version that stored numbers are of, or with `more` another one. RevisionError."""
        return lazy.cells.prepare_version(
            revision,
            self.config.rootpath,
            copy=self.options.against_copy,
            fetch=self.options.fetch,
            left_out=(self.options.artifacts, self.options.storage),
            **more,
        )

    @property
    def artifact(self) -> str | None:
        """Where the run's artifact is, relative to the root; None before anything was measured."""
        if self._writer is None:
            return None
        return self.show_path(self._writer.run_path)

    def show_path(self, path: Path) -> str:
        """Relative to the root if it is below it."""
        root = self.config.rootpath
        if path.is_relative_to(root):
            path = path.relative_to(root)
        return str(path)

    def sound_folder(self, test: str, *more: str) -> Path | None:
        """Where the sound of a cell's trials goes; None where it is not wanted, or not measured."""
        if self._writer is None or not self.options.save_audio:
            return None
        return self._writer.sound_folder(test, *more)

    def trace_folder(self, result: CellResult) -> Path | None:
        """Where the traces of a cell's trials go; None where they are not wanted."""
        if self._writer is None or not self.options.trace:
            return None
        cell = result.cell
        return self._writer.trace_folder(cell.test, cell.preset, cell.mode, cell.phase)

    def store(self, results: Iterable[CellResult]) -> None:
        """Add results, or replace those of the same cells, and rewrite the artifact."""
        self.results.update({result.cell.id: result for result in results})
        if self.results:
            self._write(is_last=False)

    def finish(self) -> None:
        """Write the artifact a last time, also to where it is written once."""
        if self._writer is None:
            return
        if self._writer.has_stream:
            self.progress_line.end_line()
        # Standard output is pytest's own while it captures.
        with self.progress_line.suspend_capture():
            run = self._write(is_last=True)
        if self.options.writes_report and run.cells:
            written = lazy.pages.write_pages(run, self._writer.run_path)
            self.reports = written.paths
            self._unwritten_reports = written.losses

    def _write(self, *, is_last: bool) -> Run:
        """Write the artifact as it is by now; gives what it holds."""
        from msgspec import structs

        run, writer = self._begin()
        run = structs.replace(
            run,
            finished=is_last and bool(self.results),
            cells=tuple(self.results.values()),
        )
        self._unwritten = writer.write(run, is_last=is_last)
        return run

    @property
    def losses(self) -> list[str]:
        """What of the results could not be stored, each with why and what to do."""
        return [*map(self._explain_loss, self._unwritten), *self._unsaved]

    def _explain_loss(self, loss: Loss) -> str:
        option = "json" if loss.path == self.options.json else "artifacts"
        return (
            f"{self.show_path(loss.path)} cannot be written: {loss.reason}; mend that, or choose "
            f"another place with --ttsperf-{option}, and run again"
        )

    @property
    def missing_reports(self) -> list[str]:
        """Which of the run's pages could not be written, each with why. The run is no worse."""
        return [f"{self.show_path(loss.path)}: {loss.reason}" for loss in self._unwritten_reports]

    @property
    def revision(self) -> str | None:
        """The commit of the working tree, and whether it was changed since; None outside git."""
        run, _ = self._begin()
        git = run.environment.git
        if git is None:
            return None
        return f"{git.revision}, changed" if git.dirty else git.revision

    def leave_soak_trials(self, result: CellResult) -> CellResult:
        """A judged result; that of a soak without its trials, which stay in a file of their own."""
        run, _ = self._begin()
        return soaks.leave_trials(result, run.id, self.config.rootpath)

    def leave_aside(self, file: str) -> None:
        """Note a stored file that cannot be read, with the reason, for the summary."""
        self.left_aside[file] = None

    def save_baseline(self, result: CellResult) -> str | None:
        """Store a result that may serve as a baseline; gives the reason where it may not.

        BaselineUnreadable when there is a damaged one; one that cannot be written is a loss of the
        run.
        """
        storage = self.options.storage
        run, _ = self._begin()
        path = lazy.store.path_for(storage, result.fingerprint, result.cell)
        stored = None
        # Where there is no such folder, writing says what is in its place.
        if path.parent.is_dir():
            stored = lazy.store.load(path)
        reason = lazy.admission.refusal_reason(result, stored, run.id)
        if reason is not None:
            return reason
        try:
            lazy.store.save(storage, result, run)
        except BaselineUnwritable as error:
            self._unsaved.append(str(error))
        return None

    def begin(self) -> None:
        """Claim the artifact and read the environment, before anything is measured."""
        self._begin()

    def _begin(self) -> tuple[Run, ArtifactWriter]:
        """The run with its environment as it is now, and its writer; both are created once."""
        from msgspec import structs

        started = real.now()
        if self._environment is None:
            self._environment = self._probe_environment()
        environment = self._environment.now()
        if self._run is not None and self._writer is not None:
            return structs.replace(self._run, environment=environment), self._writer
        writer = self._claim_artifact(started)
        run = lazy.artifact.new_run(writer.run_id, started, environment)
        losses = writer.write(run)
        if losses:
            writer.withdraw()
            raise MeasurementError(self._explain_loss(losses[0]))
        self._writer = writer
        self._run = run
        return run, writer

    def _probe_environment(self) -> EnvironmentProbe:
        from pytest_ttsperf.version import __version__

        config = self.config
        location = self._location or lazy.environment.locate_run(config.rootpath)
        arguments = [files.well_formed(str(argument)) for argument in config.invocation_params.args]
        versions = (__version__, pytest.__version__)
        return lazy.environment.EnvironmentProbe(location, arguments, versions=versions)

    def _claim_artifact(self, started: datetime) -> ArtifactWriter:
        folder = self.options.artifacts
        try:
            return lazy.artifact.ArtifactWriter(folder, started, copy_to=self.options.json)
        except OSError as error:
            raise MeasurementError(
                f"artifacts cannot be written to {folder}: {files.reason_of(error)} "
                f"({error.filename}); choose another folder with --ttsperf-artifacts"
            ) from error


class TestState:
    """One test: its limits, what it has measured, and its verdicts."""

    __test__ = False

    def __init__(self, item: pytest.Item, run: RunState) -> None:
        self.item = item
        self.options = run.options
        self.results: dict[str, CellResult] = {}
        self.measured: dict[str, MeasuredCell] = {}
        self.load_plans: dict[str, LoadPlan] = {}
        """Of the cells in which many listen."""
        self.comparisons: EarlierRuns = {}
        """Those of its attempts so far, all trials included: a rerun goes on from their blocks."""
        self._crowd_comparisons = crowd_comparisons.CrowdComparisons()
        self.provider_missing = False
        self.remarks: list[str] = []
        self.pages: list[str] = []
        """What is printed below the table of the run, with a heading of its own."""
        self._run = run

    def plan(self, text: str, mode: Mode, phase: Phase, processes: int | None) -> Plan:
        """What `perf.stream(text)` is to measure, with the trials and limits in force.

        `processes` is what the test says of them itself.
        """
        trials = 1
        if not self.options.disabled:
            self._run.begin()
            trials = self._choose_trials(phase)
        listening_s = self.options.budget_s * LISTENING_SHARE
        if math.isinf(listening_s):
            listening_s = metrics.DEFAULT_BUDGET_S * LISTENING_SHARE
        test = files.well_formed(listeners.name_test(self.item))
        quality = markers.quality_plan(self.item, listening_s)
        save_to = self._run.sound_folder(test, lazy.plan.preset_name(text), mode, phase)
        quality = dataclasses.replace(quality, save_to=save_to)
        plan = lazy.plan.Plan(
            test=test,
            text=text,
            mode=mode,
            phase=phase,
            trials=trials,
            limits_on=self._limits_on,
            quality=quality,
            processes=self._choose_processes(processes),
            texts_from=self._run.texts_from,
        )
        return lazy.plan.skip_spoken(plan, self.results.values())

    def _choose_trials(self, phase: Phase) -> int:
        """By the command line, the mark, ini, or what the limits need, in this order."""
        marked = markers.trials(self.item)
        if phase == "warm":
            chosen = self.options.trials or marked or self.options.trials_ini
        else:
            chosen = self.options.cold_trials or marked
        if chosen:
            return chosen
        looks = reruns.announced_looks(self.item)
        limits = markers.thresholds(self.item)
        return lazy.plan.default_trials(phase, limits, looks)

    def _choose_processes(self, of_test: int | None) -> int | None:
        """By the command line, the test, or ini, in this order; None for as many as cost little."""
        options = self.options
        chosen = options.processes or of_test or options.processes_ini or AUTO
        if chosen == AUTO and markers.limits_leak(self.item):
            return 1  # a slope is that of one process
        return None if chosen == AUTO else chosen

    def _limits_on(self, fingerprint: str) -> tuple[Threshold, ...]:
        return markers.thresholds(self.item, self.options.overrides.on(fingerprint))

    def advise(self, written_out: Iterable[secrets.Secret]) -> None:
        """Say, once in a run, that secrets of the target are better taken from variables."""
        against = secrets.find(self.options.against or "", self.options.against_options)
        advice = secrets.advice([*written_out, *against])
        if advice is not None:
            self.remarks.append(advice)

    def progress(self, progress: Progress) -> None:
        """Hand progress to the terminal."""
        self._run.progress_line.progress(progress)

    def measure_crowd(
        self,
        source: TargetFactory,
        ready: TargetInfo,
        plan: Plan,
        load: LoadSpec,
        windows: int | None,
    ) -> CellResult:
        """Measure and add a cell in which many listen, or search how many may.

        `ready` is what the target says of itself, which limits may depend on.
        """
        remark = crowds.unjudged_remark(self.item.name, plan, load)
        if remark is not None:
            self.remarks.append(remark)
        line = self._run.progress_line
        earlier = self._count_measured(load)
        load_plan = crowds.plan_load(plan, load, windows, self.options, earlier)
        limits = self._limits_on(lazy.cell.fingerprint_of(ready))
        keywords = markers.capacity(self.item)
        if keywords is not None:
            load_plan = crowds.plan_search(load_plan, self.options)
        try:
            if keywords is None:
                looks = reruns.announced_looks(self.item)
                result = crowds.measure(source, load_plan, line, looks)
            else:
                result = crowds.search(source, load_plan, keywords, limits, line)
        finally:
            line.text("")
        result = crowds.add_limits(result, limits)
        self.load_plans[result.cell.id] = load_plan
        return self.add(result, source, load_plan.plan)

    def _count_measured(self, load: LoadSpec) -> int:
        """How many windows this test has of such a load already, or hang-ups without any."""
        count = 0
        for result in self.results.values():
            measured = result.load
            if measured is None or measured.spec != load:
                continue
            count += len(measured.windows)
            if load.is_watched and measured.barge_in is not None:
                count += measured.barge_in.hang_ups
        return count

    def measure_soak(self, opened: OpenTarget, plan: Plan) -> CellResult:
        """Measure and add a soak of one listener."""
        limits = self._limits_on(lazy.cell.fingerprint_of(opened.ready))
        soak_plan = self._plan_soak(plan, None, limits)
        result = soaks.measure(opened, soak_plan, self._run.progress_line)
        return self.add(result, opened.source, plan)

    def measure_crowd_soak(
        self,
        source: TargetFactory,
        ready: TargetInfo,
        plan: Plan,
        load: LoadSpec,
    ) -> CellResult:
        """Measure and add a soak in which several listen."""
        limits = self._limits_on(lazy.cell.fingerprint_of(ready))
        soak_plan = self._plan_soak(plan, load, limits)
        line = self._run.progress_line
        result = soaks.measure_crowd(source, ready, soak_plan, line, limits)
        return self.add(result, source, plan)

    def _plan_soak(
        self,
        plan: Plan,
        load: LoadSpec | None,
        limits: Iterable[Threshold],
    ) -> SoakPlan:
        remark = soaks.unjudged_remark(self.item.name, limits)
        if remark is not None:
            self.remarks.append(remark)
        if self._run.against is not None:
            self.remarks.append(f"{self.item.name}: {soaks.NOT_COMPARED}")
        keywords = markers.soak(self.item) or {}
        artifacts = self.options.artifacts
        return soaks.plan_soak(plan, keywords, load, artifacts, self._run.revision)

    def add(self, result: CellResult, source: TargetFactory, plan: Plan) -> CellResult:
        """Add a result, pooled with what this cell has already, and how it was measured."""
        from msgspec import structs

        result = structs.replace(result, looks=reruns.announced_looks(self.item))
        self.measured[result.cell.id] = source, plan
        earlier = self.results.get(result.cell.id)
        if earlier is not None:
            result = crowds.pool(earlier, result)
        self.results[result.cell.id] = result
        return result

    def judge(self, body_raised: bool) -> str | None:
        """Judge everything measured, write the artifact; the failure text, or None."""
        if self.options.disabled:
            return None
        if not self.results:
            return None if body_raised else self._explain_nothing()
        judged, unreadable = self._judge_cells()
        self._complete(self._compare(judged))
        judged = list(self.results.values())
        self._run.store(judged)
        self.remarks += self._write_traces(judged)
        unreadable = self._save_if_wanted(judged, unreadable, body_raised)
        self._set_junit_properties()
        parts = [lazy.terminal.failures(judged, self._failing_outcomes()), unreadable]
        return "\n\n".join(filter(None, parts)) or None

    def _complete(self, compared: Iterable[CellResult]) -> None:
        """Keep the results as they are to be stored: with doubts, without what a journal holds."""
        for result in compared:
            cell_id = result.cell.id
            source, _ = self.measured[cell_id]
            self.results[cell_id] = lazy.cell.doubt_provider(result, source)
        for cell_id, result in self.results.items():
            self.results[cell_id] = self._run.leave_soak_trials(result)

    def _write_traces(self, judged: Iterable[CellResult]) -> list[str]:
        """Write them where they are wanted; gives what is to be said of them."""
        if not self.options.trace:
            return []
        return traces.write_traces(
            judged,
            self.measured,
            folder_of=self._run.trace_folder,
            show_path=self._run.show_path,
            tell=self._run.progress_line.text,
        )

    def _judge_cells(self) -> tuple[list[CellResult], str | None]:
        """Judged by the limits and, where asked for, the baselines; or which cannot be read."""
        results = self.results.values()
        unreadable = None
        if self.options.compare:
            try:
                return [self._judge_beside_baseline(result) for result in results], None
            except BaselineUnreadable as error:
                unreadable = str(error)
        return [crowds.judge(result) for result in results], unreadable

    def _save_if_wanted(
        self, judged: Iterable[CellResult], unreadable: str | None, body_raised: bool
    ) -> str | None:
        """Save where that is asked for and there is no doubt; gives what could not be read."""
        if not self.options.save:
            return unreadable
        if body_raised:
            self.remarks.append(f"{self.item.name}: its body raised, nothing was saved")
            return unreadable
        return unreadable or self._save(judged)

    def _save(self, judged: Iterable[CellResult]) -> str | None:
        """Store what may serve as a baseline; gives the damaged ones it would have to replace."""
        damaged = []
        for result in judged:
            if crowds.is_crowd(result):
                reason = crowds.why_not_stored(result)
                if soaks.is_soak(result):
                    reason = soaks.NOT_STORED
                self.remarks.append(f"{self.item.name}: {reason}")
                continue
            try:
                refusal = self._run.save_baseline(result)
            except BaselineUnreadable as error:
                damaged.append(str(error))
                continue
            if refusal is not None:
                self.remarks.append(refusal)
        return "\n\n".join(damaged) or None

    def _compare(self, judged: list[CellResult]) -> list[CellResult]:
        """Add comparisons: with the version of --ttsperf-against, or with a baseline's.

        The latter for results that screening against that baseline has put in doubt and, with
        --ttsperf-compare=measure, for those that it could not judge.
        """
        against = self._run.against
        measure = self.options.measure
        crowd = [result for result in judged if crowds.is_crowd(result)]
        judged = [result for result in judged if not crowds.is_crowd(result)]
        if against is not None:
            compared_crowd = [result for result in crowd if not crowds.has_watched(result)]
            self._explain_foreign_figures(compared_crowd, judged)
            if len(compared_crowd) < len(crowd):
                self.remarks.append(f"{self.item.name}: {crowds.HANG_UPS_NOT_COMPARED}")
        open_results = [
            result for result in judged if lazy.cells.needs_comparison(result, measure=measure)
        ]
        if against is None and not open_results:
            return [*judged, *self._compare_crowds(crowd)]
        with popen.restore_popen():
            compared = lazy.cells.compare_cells(
                judged,
                self.measured,
                against=against,
                metrics_of=self._compared_metrics,
                budget_s=self.options.budget_s,
                version_of=self._run.version_of,
                tell=self._run.progress_line.text,
                announce=self._run.progress_line.line,
                earlier=self.comparisons,
                measure=measure,
                names_nodes=self.options.trace,
            )
        return [*compared, *self._compare_crowds(crowd)]

    def _explain_foreign_figures(
        self, crowd: Sequence[CellResult], singles: Sequence[CellResult]
    ) -> None:
        """Say what the test names in vain, lest somebody believes that it is judged."""
        remark = markers.explain_foreign(
            self.item, has_crowds=bool(crowd), has_singles=bool(singles)
        )
        if remark is not None:
            self.remarks.append(remark)

    def _compare_crowds(self, judged: list[CellResult]) -> list[CellResult]:
        """The same of cells in which many listen: window by window, and without stored numbers."""
        against = self._run.against
        with_windows = [result for result in judged if crowds.is_compared(result)]
        if against is None or not with_windows:
            return judged
        others = [result for result in judged if not crowds.is_compared(result)]
        options = self.options
        margins = markers.load_margins(self.item, options.margins, options.margins_ini)
        tell = self._run.progress_line.text

        def compare(spec: ComparisonSpec) -> dict[str, Comparison]:
            return self._crowd_comparisons.compare(spec, self.load_plans, margins, tell)

        with popen.restore_popen():
            compared = lazy.cells.compare_cells(
                with_windows,
                self.measured,
                against=against,
                metrics_of=self._compared_metrics,
                budget_s=options.load_budget_s,
                version_of=self._run.version_of,
                tell=tell,
                announce=self._run.progress_line.line,
                compare=compare,
            )
        return [*compared, *others]

    def _compared_metrics(
        self, phase: lazy.records.Phase, round_s: float | None
    ) -> tuple[lazy.records.ComparedMetric, ...]:
        options = self.options
        return markers.choose_metrics(
            self.item, options.margins, options.margins_ini, phase, options.budget_s, round_s
        )

    def _failing_outcomes(self) -> list[lazy.records.Outcome]:
        outcome = lazy.records.Outcome
        outcomes = [outcome.FAIL, outcome.INVALID]
        if self.options.inconclusive_fails:
            outcomes.append(outcome.INCONCLUSIVE)
        return outcomes

    def _judge_beside_baseline(self, result: CellResult) -> CellResult:
        """By its limits and its baseline. BaselineUnreadable."""
        if crowds.is_crowd(result):
            return crowds.judge(result)
        storage = self.options.storage
        screened = lazy.screening.screen(storage, result)
        return lazy.cell.judge(lazy.screening.add_notes(storage, result), screened)

    def _explain_nothing(self) -> str | None:
        """Why a test that has limits fails if it has measured nothing."""
        limits = markers.thresholds(self.item)
        if not limits:
            return None
        named = ", ".join(threshold.key for threshold in limits)
        foreign = usage.foreign_fixture(self.item)
        if foreign is not None:
            return (
                f"the test limits {named} and measured nothing: the fixture {foreign} that it uses "
                "is not that of pytest-ttsperf; rename it, or ask for ours by another name (from "
                f"{usage.HOME} import {foreign} as tts_{foreign})"
            )
        return (
            f"the test limits {named} and measured nothing; call perf.stream(...) or "
            "perf.synthesize(...) in its body"
        )

    def _set_junit_properties(self) -> None:
        """The verdicts, in the place of those of an earlier attempt."""
        earlier = self.item.user_properties
        properties = [entry for entry in earlier if not entry[0].startswith("ttsperf.")]
        for result in self.results.values():
            cell = result.cell
            parts = ["ttsperf", cell.preset, cell.mode, cell.phase]
            if cell.load is not None:
                parts.append(cell.load)
            for verdict in result.verdicts:
                name = ".".join([*parts, verdict.subject])
                value = f"{verdict.outcome}: {verdict.reason}"
                properties.append((name.replace(" ", "_"), value))
        self.item.user_properties[:] = properties


def report_data(state: TestState) -> dict[str, Any]:
    """What a test report carries to the process that prints the summary (plain JSON)."""
    import msgspec

    slim = [_without_raw(result) for result in state.results.values()]
    return {
        "results": msgspec.to_builtins(slim),
        "artifact": run_state_of(state.item.config).artifact,
        "provider_missing": state.provider_missing,
        "remarks": list(state.remarks),
        "pages": list(state.pages),
    }


def files_data(run: RunState) -> dict[str, list[str]]:
    """Files that are to be named, and those that could not be read or written.

    For the process that prints the summary.
    """
    return {
        "left_aside": list(run.left_aside),
        "losses": run.losses,
        "reports": [run.show_path(path) for path in run.reports],
        "missing_reports": run.missing_reports,
    }


def _without_raw(result: CellResult) -> CellResult:
    from msgspec import structs

    comparison = result.comparison and structs.replace(result.comparison, measured={}, typical={})
    return structs.replace(result, trials=(), comparison=comparison)
