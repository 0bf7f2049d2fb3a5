"""The end of a run as its user sees it, gathered from test reports.

Reports and not the state of the run, because under pytest-xdist the tests ran in another process.
"""

from __future__ import annotations

import math
import os
from collections import defaultdict
from collections.abc import Generator, Iterator, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any

import pytest

from pytest_ttsperf.compare import metrics
from pytest_ttsperf.plugin import lazy, run_state
from pytest_ttsperf.plugin.progress import USUAL_WIDTH, width_of

if TYPE_CHECKING:
    from pytest_ttsperf.records import CellResult


RECENT_RUNS = 8
MOST_FILES = 5
"""How many files are named of those that cannot be read, or written."""


class RunSummary:
    """Collects reports, settles the exit status, prints the summary."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._data: dict[str, dict[str, Any]] = {}
        """What the report of each test carries, by node id."""
        self._left_aside: dict[str, None] = {}
        self._losses: list[str] = []
        self._reports: list[str] = []
        """Where the run's pages are, the one for browsers first."""
        self._missing_reports: list[str] = []
        self.selected: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Collect the newest report of each test; a rerun's replaces its first attempt's."""
        data = getattr(report, "ttsperf", None)
        if data is not None:
            self._data[report.nodeid] = data

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Add the files that a worker of pytest-xdist could not read or write."""
        self._add_files(getattr(node, "workeroutput", {}).get("ttsperf", {}))

    def settle(self, session: pytest.Session, exitstatus: int) -> None:
        """Fail a run that has lost results, or in which every performance test was skipped.

        Skipped for want of its provider, that is.
        """
        config = self._config
        files = run_state.files_data(run_state.run_state_of(config))
        self._add_files(files)
        if hasattr(config, "workeroutput"):
            config.workeroutput["ttsperf"] = files
        is_failure = self._all_skipped or self._losses
        if is_failure and exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def _add_files(self, files: dict[str, Any]) -> None:
        self._left_aside |= dict.fromkeys(files.get("left_aside", []))
        self._losses += files.get("losses", [])
        self._reports += files.get("reports", [])
        self._missing_reports += files.get("missing_reports", [])

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_terminal_summary(self, terminalreporter: Any) -> Generator[None, object, object]:
        """Fold what tests have failed with before pytest prints it; files have it unfolded."""
        width = width_of(terminalreporter)
        if width is not None:
            for report in terminalreporter.stats.get("failed", []):
                if getattr(report, "ttsperf", None) is not None:
                    fold_failure(report, width)
        return (yield)

    def print(self, reporter: Any) -> None:
        """What was measured and is not certain, and where the artifact is; -v shows all of it."""
        results = self._results()
        is_loud = self._config.get_verbosity() >= 0
        if self._all_skipped:
            reporter.section("ttsperf", red=True)
            _write(
                reporter,
                "all performance tests were skipped for want of their provider, so nothing was "
                "measured and the run fails",
            )
        if results and is_loud:
            self._print_results(reporter, results)
        if results:
            _write(reporter, f"ttsperf: {self._conclusion(results)}")
        if is_loud:
            self._print_pages(reporter, has_table=bool(results))
            self._print_left_aside(reporter)
            self._print_missing_reports(reporter)
        self._print_losses(reporter)

    @property
    def _is_whole(self) -> bool:
        """Whether everything is shown, under -v."""
        return self._config.get_verbosity() > 0

    def _print_results(self, reporter: Any, results: list[CellResult]) -> None:
        paint = _painter(reporter)
        width = width_of(reporter)
        if self._is_whole:
            text = lazy.terminal.whole_table(results, paint, width=width)
        else:
            text = lazy.terminal.summary_table(results, paint, width=width)
        reporter.section("ttsperf")
        reporter.write_line(text)
        _print_curves(reporter, results)
        self._print_remarks(reporter, results)

    def _conclusion(self, results: list[CellResult]) -> str:
        """How many verdicts of each kind, where the artifact is, and what was not decided."""
        parts: list[str | None] = [lazy.terminal.counts(results)]
        paths = {data["artifact"] for data in self._data.values() if data["artifact"]}
        if paths:
            parts.append(f"artifact {', '.join(sorted(paths))}")
        if self._reports:
            parts.append(f"report {self._reports[0]}")
        against = run_state.run_state_of(self._config).options.against
        parts.append(lazy.terminal.no_decision_text(results, against=against))
        return "; ".join(filter(None, parts))

    def _print_pages(self, reporter: Any, *, has_table: bool) -> None:
        """What tests have compared beside the cells of the table; below that stand all remarks."""
        for test, data in self._data.items():
            pages = data.get("pages", [])
            if not pages:
                continue
            reporter.section(f"ttsperf: {test.rpartition('::')[2]}")
            for page in pages:
                _write(reporter, page)
            remarks = [] if has_table else data["remarks"]
            for remark in remarks:
                _write(reporter, f"note: {remark}")

    def _print_left_aside(self, reporter: Any) -> None:
        files = list(self._left_aside)
        for line in files[:MOST_FILES]:
            _write(reporter, f"ttsperf: left aside: {line}; delete it, or restore it")
        more = len(files) - MOST_FILES
        if more > 0:
            _write(reporter, f"ttsperf: left aside: {more} more files")

    def _print_missing_reports(self, reporter: Any) -> None:
        """A page that is missing fails no run: all that it shows is in the artifact."""
        for line in self._missing_reports[:MOST_FILES]:
            _write(reporter, f"ttsperf: a page of this run is missing: {line}")

    def _print_losses(self, reporter: Any) -> None:
        if not self._losses:
            return
        _write(reporter, "ttsperf: results of this run are lost, so it fails:", red=True)
        for line in self._losses[:MOST_FILES]:
            _write(reporter, f"  {line}", red=True)
        more = len(self._losses) - MOST_FILES
        if more > 0:
            _write(reporter, f"  and {more} more files", red=True)

    @property
    def _all_skipped(self) -> bool:
        missing = [data for data in self._data.values() if data["provider_missing"]]
        return bool(self.selected) and len(missing) == len(self.selected)

    def _print_remarks(self, reporter: Any, results: list[CellResult]) -> None:
        """Notes, each once, and what concerns the run as a whole."""
        notes = list(self._notes(results))
        if notes:
            reporter.write_line("")
        for note in notes:
            _write(reporter, f"note: {note}")
        reporter.write_line("")
        for line in self._run_lines(results):
            _write(reporter, line)

    def _notes(self, results: list[CellResult]) -> Iterator[str]:
        """Of all cells, of some, and of single tests."""
        yield from lazy.terminal.no_baseline_lines(results)
        if self._is_whole:
            yield from lazy.terminal.remarks(results, is_whole=True)
        else:
            yield from lazy.terminal.remarks(results, label=lazy.brief.label_of(results))
        of_tests: dict[str, None] = {}
        for data in self._data.values():
            of_tests |= dict.fromkeys(data["remarks"])
        yield from of_tests

    def _run_lines(self, results: list[CellResult]) -> Iterator[str]:
        """What else the machine did, and how to repeat the run; under -v what measuring costs."""
        lines = [lazy.terminal.load_line(results), lazy.terminal.texts_line(results)]
        if self._is_whole:
            costs = [result.recorder_cost for result in results if result.recorder_cost]
            lines.append(lazy.terminal.recorder_line(costs))
        yield from filter(None, lines)

    def _results(self) -> list[lazy.records.CellResult]:
        if not self._data:
            return []
        import msgspec

        results: list[CellResult] = []
        for data in self._data.values():
            results += msgspec.convert(data["results"], list[lazy.records.CellResult])
        return results


def _write(reporter: Any, text: str, **markup: bool) -> None:
    """Write a text that may be wider than the terminal."""
    reporter.write_line(lazy.layout.fold_text(text, width_of(reporter)), **markup)


def fold_failure(report: Any, width: int) -> None:
    """Fold the text that a test failed with; tracebacks stay as they are."""
    trace = getattr(report.longrepr, "reprtraceback", None)
    for entry in getattr(trace, "reprentries", []):
        if getattr(entry, "style", None) == "value":
            text = lazy.layout.fold_text("\n".join(entry.lines), width)
            entry.lines = text.split("\n")


def _painter(reporter: Any) -> Any:
    """Colours by outcome on terminals that have them."""
    colors = {"INVALID": "purple", "FAIL": "red", "INCONCLUSIVE": "yellow", "PASS": "green"}

    def paint(text: str, outcome: Any) -> str:
        color = colors.get(outcome, "light")
        return str(reporter._tw.markup(text, **{color: True}))

    return paint


def _print_curves(reporter: Any, results: list[CellResult]) -> None:
    """How many may listen at once, for each cell in which that was searched."""
    paint = _painter(reporter)
    outcomes = {"good": "PASS", "bad": "FAIL"}

    def paint_level(text: str, level: str) -> str:
        return str(paint(text, outcomes.get(level)))

    for result in results:
        if result.capacity is None:
            continue
        text = lazy.load_report.capacity_text(
            result.capacity,
            paint_level,
            width=width_of(reporter) or USUAL_WIDTH,
        )
        _write(reporter, f"\n{lazy.rows.cell_label(result.cell)}")
        reporter.write_line(text)


def announce_duration(run: run_state.RunState, selected: list[str]) -> None:
    """Say before sampling how long it will take, as far as an earlier run can tell.

    `selected` are the performance tests, by the names that their cells have: one that is run with
    several numbers of listeners stands there so often.
    """
    if run.options.disabled:
        return
    count = len(selected)
    durations_s = _durations_s(run, set(selected))
    run.progress_line.announced = set(durations_s)
    duration = _duration_text(durations_s, len(set(selected)))
    tests = "performance tests" if count > 1 else "performance test"
    lines = [f"{count} {tests}, {duration}{_ci_advice(run)}"]
    if run.against is not None:
        label = run.against.label
        lines += [f"compared with {label} {_worst_case(run, count)}", *run.against.remarks]
    elif run.options.measure:
        lines.append(
            "cells without baselines of this machine are compared with the revision that others "
            f"were saved from {_worst_case(run, count)}"
        )
    for line in lines:
        run.progress_line.line(f"ttsperf: {line}")


def _duration_text(durations_s: Mapping[str, float], tests: int) -> str:
    if not durations_s:
        return "no earlier run tells how long; each says so after its warm-up"
    share = ""
    if len(durations_s) < tests:
        share = f" for {len(durations_s)} of them"
    seconds = max(1, round(sum(durations_s.values())))
    return f"about {seconds} s{share}, by earlier runs"


def _ci_advice(run: run_state.RunState) -> str:
    """What to set where nobody reads the output of a run that passed."""
    ci = os.environ.get("CI", "").lower()
    if ci in ("", "0", "false", "no") or run.options.inconclusive_is_set:
        return ""
    return (
        "; CI is set, and INCONCLUSIVE verdicts pass: --ttsperf-inconclusive=fail makes them fail "
        "(=warn: leave it so)"
    )


def _worst_case(run: run_state.RunState, tests: int) -> str:
    """How long comparisons take at most: each its budget, if that has an end."""
    text = "in blocks of four processes, "
    budget_s = run.options.budget_s
    if math.isinf(budget_s):
        return (
            f"{text}until all is decided: usually minutes a test, and at most "
            f"{metrics.CEILING_S / 3600:g} h"
        )
    most_s = tests * budget_s
    return (
        f"{text}at most {budget_s:g} s a test and {most_s / 60:.1f} min in all, half as long again "
        "where a FAIL has to be confirmed"
    )


def _durations_s(run: run_state.RunState, tests: set[str]) -> dict[str, float]:
    """How long each test took the last time it ran, as far as recent artifacts tell."""
    durations_s: dict[str, float] = {}
    stored = lazy.artifact.recent_runs(run.options.artifacts, run.leave_aside)
    for earlier in islice(stored, RECENT_RUNS):
        of_run_s: dict[str, float] = defaultdict(float)
        for result in earlier.cells:
            test = result.cell.test
            if test in tests:
                of_run_s[test] += result.duration_s
        durations_s = {**of_run_s, **durations_s}  # newer runs come first, and win
        if len(durations_s) == len(tests):
            break
    return durations_s
