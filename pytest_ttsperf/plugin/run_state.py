"""What a run has measured so far, and how a test is judged by it.

One Ledger per pytest process, one TestState per item; a state outlives a rerun of its item, so
that the trials of both attempts are judged together.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_ttsperf import files, popen, real, secrets
from pytest_ttsperf.compare import metrics
from pytest_ttsperf.errors import BaselineUnreadable, BaselineUnwritable, MeasurementError
from pytest_ttsperf.plugin import markers, usage
from pytest_ttsperf.plugin.options import Options
from pytest_ttsperf.plugin.progress import ProgressLine

if TYPE_CHECKING:
    from datetime import datetime

    from pytest_ttsperf.compare.cells import ComparedVersion, MeasuredCell
    from pytest_ttsperf.experiment.plan import Plan, Progress, TargetFactory
    from pytest_ttsperf.machine.environment import EnvironmentProbe, RunLocation
    from pytest_ttsperf.records import CellResult, Mode, Outcome, Phase, Run
    from pytest_ttsperf.report.artifact import ArtifactWriter, Loss


RUN = pytest.StashKey["RunState"]()
STATE = pytest.StashKey["TestState"]()


def run_state_of(config: pytest.Config) -> RunState:
    """The run's ledger."""
    return config.stash[RUN]


def state_of(item: pytest.Item) -> TestState:
    """The item's state, made at its first use."""
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


class RunState:
    """The run: its options, its results so far, and its artifact."""

    def __init__(self, config: pytest.Config, options: Options) -> None:
        self.config = config
        self.options = options
        self.screen = ProgressLine(config)
        self.results: dict[str, CellResult] = {}
        self._writer: ArtifactWriter | None = None
        self._run: Run | None = None
        self._place: RunLocation | None = None
        self._surroundings: EnvironmentProbe | None = None
        self.against: ComparedVersion | None = None
        """The version to compare with, laid ready."""
        self.gates_in_run = 0
        self.left_aside: dict[str, None] = {}
        """Stored files that could not be read, each with the reason, in the order of reading."""
        self._unwritten: tuple[Loss, ...] = ()
        """What the last attempt to write the artifact could not write: the next may heal it."""
        self._unsaved: list[str] = []

    def lay_ready(self, tests: int) -> None:
        """Look around and get the version to compare with, before any test runs. RevisionError.

        All that is slow to import is imported here too: in a test that has stopped time it would be
        imported with false clocks.
        """
        from pytest_ttsperf.compare import cells
        from pytest_ttsperf.machine import environment
        from pytest_ttsperf.report import artifact, terminal  # noqa: F401

        if not self.options.disabled:
            self._place = environment.locate_run(self.config.rootpath)
        self.gates_in_run = tests * len(metrics.DEFAULT)
        if self.options.against is not None:
            self.against = cells.prepare_version(
                self.options.against,
                self.config.rootpath,
                install=self.options.against_install,
                options=self.options.against_options,
                copy=self.options.against_copy,
                fetch=self.options.fetch,
            )

    def version_of(self, revision: str) -> ComparedVersion:
        """The version that stored numbers are of. RevisionError."""
        from pytest_ttsperf.compare import cells

        return cells.prepare_version(
            revision,
            self.config.rootpath,
            copy=self.options.against_copy,
            fetch=self.options.fetch,
        )

    @property
    def artifact(self) -> str | None:
        """Where the run's artifact is, relative to the root; None before anything was measured."""
        return None if self._writer is None else self.shown(self._writer.run_path)

    def shown(self, path: Path) -> str:
        """A path as it is told: relative to the root if it is below it."""
        root = self.config.rootpath
        return str(path.relative_to(root) if path.is_relative_to(root) else path)

    def store(self, results: Iterable[CellResult]) -> None:
        """Keep results under their cell and rewrite the artifact."""
        self.results.update({result.cell.id: result for result in results})
        if self.results:
            self._write(is_last=False)

    def finish(self) -> None:
        """Write the artifact a last time, also to where it is written once."""
        if self._writer is None:
            return
        if self._writer.has_stream:
            self.screen.end_line()
        with self.screen.uncaptured():  # standard output is pytest's own while it captures
            self._write(is_last=True)

    def _write(self, *, is_last: bool) -> None:
        from msgspec import structs

        run, writer = self._begun()
        finished = is_last and bool(self.results)
        run = structs.replace(run, finished=finished, cells=tuple(self.results.values()))
        self._unwritten = writer.write(run, is_last=is_last)

    @property
    def losses(self) -> list[str]:
        """What of the results could not be stored, each with why and what to do."""
        return [*(self._loss(loss) for loss in self._unwritten), *self._unsaved]

    def _loss(self, loss: Loss) -> str:
        option = "artifacts" if loss.path != self.options.json else "json"
        return (
            f"{self.shown(loss.path)} cannot be written: {loss.reason}; mend that, or choose "
            f"another place with --ttsperf-{option}, and run again"
        )

    def leave_aside(self, file: str) -> None:
        """Note a stored file that cannot be read, with the reason, for the summary."""
        self.left_aside[file] = None

    def save_baseline(self, result: CellResult) -> str | None:
        """Store a result that may serve as a baseline; tells why where it may not.

        BaselineUnreadable when there is a damaged one; one that cannot be written is a loss of the
        run.
        """
        from pytest_ttsperf.baseline import store as baseline_store
        from pytest_ttsperf.records import Outcome

        if result.outcome in (Outcome.FAIL, Outcome.INVALID):
            return f"{result.cell.slug}: {result.outcome.value}, not saved"
        run, _ = self._begun()
        try:
            baseline_store.save(self.options.storage, result, run)
        except BaselineUnwritable as error:
            self._unsaved.append(str(error))
        return None

    def begin(self) -> None:
        """Claim the artifact and read the environment, before anything is measured."""
        self._begun()

    def _begun(self) -> tuple[Run, ArtifactWriter]:
        from msgspec import structs

        if self._run is None or self._writer is None or self._surroundings is None:
            from pytest_ttsperf.machine import environment
            from pytest_ttsperf.report import artifact
            from pytest_ttsperf.version import __version__

            started = real.now()
            place = self._place or environment.locate_run(self.config.rootpath)
            self._surroundings = environment.EnvironmentProbe(
                place,
                [
                    files.well_formed(str(argument))
                    for argument in self.config.invocation_params.args
                ],
                versions=(__version__, pytest.__version__),
            )
            writer = self._claimed(started)
            run = artifact.new_run(writer.run_id, started, self._surroundings.now())
            losses = writer.write(run)
            if losses:
                writer.withdraw()
                raise MeasurementError(self._loss(losses[0]))
            self._writer, self._run = writer, run
        return (
            structs.replace(self._run, environment=self._surroundings.now()),
            self._writer,
        )

    def _claimed(self, started: datetime) -> ArtifactWriter:
        from pytest_ttsperf.report import artifact

        folder = self.options.artifacts
        try:
            return artifact.ArtifactWriter(folder, started, copy_to=self.options.json)
        except OSError as error:
            raise MeasurementError(
                f"artifacts cannot be written to {folder}: {files.reason_of(error)} "
                f"({error.filename}); choose another folder with --ttsperf-artifacts"
            ) from error


class TestState:
    """One test: its limits, what it has measured, and its verdicts."""

    __test__ = False

    def __init__(self, item: pytest.Item, ledger: RunState) -> None:
        self.item = item
        self.options = ledger.options
        self.results: dict[str, CellResult] = {}
        self.measured: dict[str, MeasuredCell] = {}
        self.provider_missing = False
        self.remarks: list[str] = []
        self._ledger = ledger

    def plan(self, text: str, mode: Mode, phase: Phase) -> Plan:
        """What `perf.stream(text)` is to measure, with the trials and limits in force."""
        from pytest_ttsperf.experiment import plan as experiment_plan

        limits, options = markers.thresholds(self.item), self.options
        if not options.disabled:
            self._ledger.begin()
        told = options.trials if phase == "warm" else options.cold_trials
        own = markers.trials(self.item)
        ini = options.trials_ini if phase == "warm" else None
        chosen = told or own or ini or experiment_plan.default_trials(phase, limits)
        plan = experiment_plan.Plan(
            test=files.well_formed(self.item.nodeid),
            text=text,
            mode=mode,
            phase=phase,
            trials=1 if options.disabled else chosen,
            limits_on=lambda fingerprint: markers.thresholds(
                self.item, options.overrides.on(fingerprint)
            ),
        )
        return experiment_plan.skip_spoken(plan, self.results.values())

    def advise(self, written_out: Iterable[secrets.Secret]) -> None:
        """Say, once in a run, that secrets of the target are better taken from variables."""
        options = self.options
        against = secrets.find(options.against or "", options.against_options)
        advice = secrets.advice([*written_out, *against])
        if advice is not None:
            self.remarks.append(advice)

    def progress(self, progress: Progress) -> None:
        """Hand progress to the terminal."""
        self._ledger.screen.progress(progress)

    def add(self, result: CellResult, source: TargetFactory, plan: Plan) -> CellResult:
        """Keep a result, pooled with what this cell has already, and how it was measured."""
        from pytest_ttsperf.experiment import cell as cell_run

        self.measured[result.cell.id] = source, plan
        earlier = self.results.get(result.cell.id)
        if earlier is not None:
            result = cell_run.pool(earlier, result)
        self.results[result.cell.id] = result
        return result

    def judge(self, body_raised: bool) -> str | None:
        """Judge everything measured, write the artifact; the failure text, or None."""
        from pytest_ttsperf.experiment import cell as cell_run
        from pytest_ttsperf.report import terminal

        if self.options.disabled:
            return None
        if not self.results:
            return None if body_raised else self._measured_nothing()
        unreadable = None
        storage = self.options.storage if self.options.compare else None
        try:
            judged = [self._judge_cell(result, storage) for result in self.results.values()]
        except BaselineUnreadable as error:
            unreadable = str(error)
            judged = [cell_run.judge(result) for result in self.results.values()]
        judged = [
            cell_run.doubt_provider(result, self.measured[result.cell.id][0])
            for result in self._compared(judged)
        ]
        self.results = {result.cell.id: result for result in judged}
        self._ledger.store(judged)
        if self.options.save and body_raised:
            self.remarks.append(f"{self.item.name}: its body raised, nothing was saved")
        elif self.options.save and unreadable is None:
            unreadable = self._save(judged)
        self._tell_junit()
        told = terminal.failures(judged, self._failing())
        return "\n\n".join(part for part in (told, unreadable) if part) or None

    def _save(self, judged: Iterable[CellResult]) -> str | None:
        """Store what may serve as a baseline; tells which damaged ones it would have to replace."""
        damaged = []
        for result in judged:
            try:
                left_out = self._ledger.save_baseline(result)
            except BaselineUnreadable as error:
                damaged.append(str(error))
                continue
            if left_out is not None:
                self.remarks.append(left_out)
        return "\n\n".join(damaged) or None

    def _compared(self, judged: list[CellResult]) -> list[CellResult]:
        """The results with their comparison: with the version asked for, or, where the screen
        against the baseline fired, with the one that the baseline is of."""
        from pytest_ttsperf.compare import cells

        against = self._ledger.against
        if against is None and not any(cells.is_in_doubt(result) for result in judged):
            return judged
        with popen.restore_popen():
            return cells.compare_cells(
                judged,
                self.measured,
                told=against,
                gates=lambda phase: markers.choose_metrics(
                    self.item, self.options.margins, self.options.margins_ini, phase
                ),
                budget_s=self.options.budget_s,
                gates_in_run=self._ledger.gates_in_run,
                version_of=self._ledger.version_of,
                tell=self._ledger.screen.text,
            )

    def _failing(self) -> list[Outcome]:
        from pytest_ttsperf.records import Outcome

        failing = [Outcome.FAIL, Outcome.INVALID]
        return [*failing, Outcome.INCONCLUSIVE] if self.options.inconclusive_fails else failing

    def _judge_cell(self, result: CellResult, storage: Path | None) -> CellResult:
        """Judged by its limits and, with a storage, beside its baseline. BaselineUnreadable."""
        from pytest_ttsperf.baseline import screening
        from pytest_ttsperf.experiment import cell as cell_run

        screened = [] if storage is None else screening.screen(storage, result)
        return cell_run.judge(result, screened)

    def _measured_nothing(self) -> str | None:
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

    def _tell_junit(self) -> None:
        kept = [pair for pair in self.item.user_properties if not pair[0].startswith("ttsperf.")]
        for result in self.results.values():
            cell = result.cell
            for verdict in result.verdicts:
                name = f"ttsperf.{cell.preset}.{cell.mode}.{cell.phase}.{verdict.subject}"
                kept.append((name.replace(" ", "_"), f"{verdict.outcome}: {verdict.reason}"))
        self.item.user_properties[:] = kept


def report_data(state: TestState) -> dict[str, Any]:
    """What a test report carries to the process that prints the summary (plain JSON)."""
    import msgspec

    slim = [_without_raw(result) for result in state.results.values()]
    return {
        "results": msgspec.to_builtins(slim),
        "artifact": run_state_of(state.item.config).artifact,
        "provider_missing": state.provider_missing,
        "remarks": list(state.remarks),
    }


def files_data(run: RunState) -> dict[str, list[str]]:
    """What is to be said of the run's files, for the process that prints the summary."""
    return {"left_aside": list(run.left_aside), "losses": run.losses}


def _without_raw(result: CellResult) -> CellResult:
    from msgspec import structs

    comparison = result.comparison and structs.replace(result.comparison, measured={})
    return structs.replace(result, trials=(), comparison=comparison)
