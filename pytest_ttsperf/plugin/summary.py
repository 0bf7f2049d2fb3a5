"""The end of a run as its user sees it, gathered from test reports.

Reports and not the ledger, because under pytest-xdist the tests ran in another process.
"""

from __future__ import annotations

import os
from itertools import islice
from typing import TYPE_CHECKING, Any

import pytest

from pytest_ttsperf.plugin import run_state

if TYPE_CHECKING:
    from pytest_ttsperf.records import CellResult


RECENT_RUNS = 8
MOST_FILES = 5
"""How many files are named of those that cannot be read, or written."""
UNCONFIRMED = 3
"""With more gates than that, a FAIL of a comparison is confirmed by fresh blocks."""


class RunSummary:
    """Collects reports, settles the exit status, prints the summary."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._told: dict[str, dict[str, Any]] = {}
        self._left_aside: dict[str, None] = {}
        self._losses: list[str] = []
        self.selected: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep the newest word on each test; a rerun's replaces its first attempt's."""
        data = getattr(report, "ttsperf", None)
        if data is not None:
            self._told[report.nodeid] = data

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Take over what a worker of pytest-xdist has to say of its files."""
        self._add_files(getattr(node, "workeroutput", {}).get("ttsperf", {}))

    def settle(self, session: pytest.Session, exitstatus: int) -> None:
        """Fail a run that has lost results, or whose performance tests were all skipped for want
        of their provider."""
        of_files = run_state.files_data(run_state.run_state_of(self._config))
        self._add_files(of_files)
        if hasattr(self._config, "workeroutput"):
            self._config.workeroutput["ttsperf"] = of_files
        if (self._all_skipped or self._losses) and exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def _add_files(self, of_files: dict[str, Any]) -> None:
        self._left_aside |= dict.fromkeys(of_files.get("left_aside", []))
        self._losses += of_files.get("losses", [])

    def print(self, reporter: Any) -> None:
        """The table, what is not certain, the weather, the recorder's cost, the artifact."""
        results = self._results()
        if self._all_skipped:
            reporter.section("ttsperf", red=True)
            reporter.write_line(
                "all performance tests were skipped for want of their provider, so nothing was "
                "measured and the run fails"
            )
        if results:
            self._print_results(reporter, results)
        if self._config.get_verbosity() >= 0:
            self._print_left_aside(reporter)
        self._print_losses(reporter)

    def _print_results(self, reporter: Any, results: list[CellResult]) -> None:
        from pytest_ttsperf.report import terminal

        if self._config.get_verbosity() >= 0:
            reporter.section("ttsperf")
            reporter.write_line(terminal.table(results, _painter(reporter)))
            self._print_remarks(reporter, results)
        undecided = terminal.no_decision_text(
            results, against=run_state.run_state_of(self._config).options.against
        )
        last = [f"{terminal.counts(results)}{self._artifact()}", undecided]
        reporter.write_line(f"ttsperf: {'; '.join(part for part in last if part)}")

    def _print_left_aside(self, reporter: Any) -> None:
        told = list(self._left_aside)
        for line in told[:MOST_FILES]:
            reporter.write_line(f"ttsperf: left aside: {line}; delete it, or restore it")
        if len(told) > MOST_FILES:
            reporter.write_line(f"ttsperf: left aside: {len(told) - MOST_FILES} more files")

    def _print_losses(self, reporter: Any) -> None:
        if not self._losses:
            return
        reporter.write_line("ttsperf: results of this run are lost, so it fails:", red=True)
        for line in self._losses[:MOST_FILES]:
            reporter.write_line(f"  {line}", red=True)
        if len(self._losses) > MOST_FILES:
            more = len(self._losses) - MOST_FILES
            reporter.write_line(f"  and {more} more files", red=True)

    @property
    def _all_skipped(self) -> bool:
        missing = [data for data in self._told.values() if data["provider_missing"]]
        return bool(self.selected) and len(missing) == len(self.selected)

    def _print_remarks(self, reporter: Any, results: list[CellResult]) -> None:
        from pytest_ttsperf.report import terminal

        own = [line for data in self._told.values() for line in data["remarks"]]
        lines = [*terminal.remarks(results), *dict.fromkeys(own)]
        cost = terminal.recorder_line(r.recorder_cost for r in results if r.recorder_cost)
        if lines:
            reporter.write_line("")
        for line in lines:
            reporter.write_line(f"note: {line}")
        reporter.write_line("")
        for line in (terminal.load_line(results), cost):
            if line:
                reporter.write_line(line)

    def _results(self) -> list[CellResult]:
        if not self._told:
            return []
        import msgspec

        from pytest_ttsperf.records import CellResult

        return [
            msgspec.convert(raw, CellResult)
            for data in self._told.values()
            for raw in data["results"]
        ]

    def _artifact(self) -> str:
        paths = {data["artifact"] for data in self._told.values() if data["artifact"]}
        return f"; artifact {', '.join(sorted(paths))}" if paths else ""


def _painter(reporter: Any) -> Any:
    """Colours by outcome on terminals that have them."""
    colors = {"INVALID": "purple", "FAIL": "red", "INCONCLUSIVE": "yellow", "PASS": "green"}

    def paint(text: str, outcome: Any) -> str:
        color = colors.get(outcome, "light")
        return str(reporter._tw.markup(text, **{color: True}))

    return paint


def tell_expected_duration(run: run_state.RunState, selected: list[pytest.Item]) -> None:
    """Say before sampling how long it will take, as far as an earlier run can tell."""
    if run.options.disabled:
        return
    took = _durations_s(run, {item.nodeid for item in selected})
    run.screen.known = set(took)
    count = f"{len(selected)} performance test{'s' if len(selected) > 1 else ''}"
    if not took:
        told = "no earlier run tells how long; each says so after its warm-up"
    else:
        share = "" if len(took) == len(selected) else f" for {len(took)} of them"
        told = f"about {max(1, round(sum(took.values())))} s{share}, by earlier runs"
    run.screen.line(f"ttsperf: {count}, {told}{_ci_advice(run)}")
    if run.against is not None:
        run.screen.line(f"ttsperf: {_worst_case(run, len(selected))}")
        for line in run.against.remarks:
            run.screen.line(f"ttsperf: {line}")


def _ci_advice(run: run_state.RunState) -> str:
    """What to set where nobody reads the output of a run that passed."""
    is_in_ci = os.environ.get("CI", "").lower() not in ("", "0", "false", "no")
    if not is_in_ci or run.options.inconclusive_is_set:
        return ""
    return (
        "; CI is set, and INCONCLUSIVE verdicts pass: --ttsperf-inconclusive=fail makes them fail "
        "(=warn: leave it so)"
    )


def _worst_case(run: run_state.RunState, tests: int) -> str:
    """How long the comparisons take at most: each budget, and as long again to confirm a FAIL."""
    assert run.against is not None
    most_s = tests * run.options.budget_s * (2 if run.gates_in_run > UNCONFIRMED else 1)
    return (
        f"compared with {run.against.label} in blocks of three processes, at most "
        f"{run.options.budget_s:g} s a test and {most_s / 60:.1f} min in all"
        + (", if every test has a FAIL to confirm" if run.gates_in_run > UNCONFIRMED else "")
    )


def _durations_s(run: run_state.RunState, tests: set[str]) -> dict[str, float]:
    """How long each test took the last time it ran, as far as recent artifacts tell."""
    from pytest_ttsperf.report.artifact import recent_runs

    took: dict[str, float] = {}
    stored = recent_runs(run.options.artifacts, run.leave_aside)
    for earlier in islice(stored, RECENT_RUNS):
        spent: dict[str, float] = {}
        for result in earlier.cells:
            spent[result.cell.test] = spent.get(result.cell.test, 0.0) + result.duration_s
        took = {**{test: s for test, s in spent.items() if test in tests}, **took}
        if len(took) == len(tests):
            break
    return took
