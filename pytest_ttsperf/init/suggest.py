"""Marks that fit the tests there are: limits made of what their newest stored runs measured."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from pytest_ttsperf.init.limits import (
    MarkKeywords,
    MeasuredFigures,
    Value,
    choose_prebuffer_ms,
    is_streamed,
    limit_of,
    measure_figures,
)
from pytest_ttsperf.nouns import plural
from pytest_ttsperf.records import Cell, CellResult, Run, Trial
from pytest_ttsperf.records.cell import target_identity
from pytest_ttsperf.records.commands import SuggestedMarks, Suggestion
from pytest_ttsperf.report.artifact import recent_runs
from pytest_ttsperf.report.rows import cell_label, limit_text

MOST_RUNS = 200
"""Older ones are not read: what tests measure now is in the newest."""
STALLS = (
    "no usual prebuffer is enough for each trial, so no mark limits underruns; "
    "@cadence(underruns=0, prebuffer_ms=N) wants a player that buffers more"
)
COME_AT_ONCE = "answers were sent all at once, so no mark limits how evenly chunks come"


class _CellKey(NamedTuple):
    """What is measured apart within a test."""

    test: str
    """With its parameters."""
    provider: str
    preset: str
    mode: str
    phase: str

    @property
    def is_by_preset(self) -> bool:
        """Whether the preset is a parameter of the test, so that limits may be by preset."""
        return self.preset in self.test.partition("[")[2]


@dataclass(slots=True)
class _StoredCell:
    """The newest results of one cell of a test, on one machine and with one target."""

    results: list[CellResult] = field(default_factory=list)

    def takes(self, result: CellResult) -> bool:
        """Whether a result is of the same machine and target as the newest one."""
        if not self.results:
            return True
        newest = self.results[0]
        if newest.fingerprint != result.fingerprint:
            return False
        return target_identity(newest.cell.target) == target_identity(result.cell.target)

    @property
    def cell(self) -> Cell:
        return self.results[0].cell

    @property
    def trials(self) -> list[Trial]:
        """The counted trials of all results that were recorded."""
        trials: list[Trial] = []
        for result in self.results:
            trials += [trial for trial in result.counted if trial.recording is not None]
        return trials

    @property
    def rss_peak_mb(self) -> float | None:
        """The highest of any result; None where one of them was not measured."""
        peaks = [result.memory.rss_peak_mb for result in self.results]
        measured = [peak for peak in peaks if peak is not None]
        return max(measured) if len(measured) == len(peaks) else None


def suggest_marks(artifacts: Path, most_runs: int, name: str = "") -> Suggestion:
    """Marks for each test whose id has `name` in it, by as many of its newest runs."""
    left_aside: dict[str, None] = {}
    tests: dict[str, dict[_CellKey, _StoredCell]] = defaultdict(dict)
    count = 0
    for run in recent_runs(artifacts, lambda line: left_aside.setdefault(line)):
        if count == MOST_RUNS:
            break
        count += 1
        _sort_in(run, tests, most_runs, name, left_aside)
    suggested = [_suggest(test, cells) for test, cells in sorted(tests.items())]
    return Suggestion(tests=tuple(suggested), runs=count, left_aside=tuple(left_aside))


def _sort_in(
    run: Run,
    tests: dict[str, dict[_CellKey, _StoredCell]],
    most_runs: int,
    name: str,
    left_aside: dict[str, None],
) -> None:
    """Put the results of a run to those of newer runs of the same cells."""
    for result in run.cells:
        cell = result.cell
        if name not in cell.test:
            continue
        reason = _unusable(result)
        if reason is not None:
            left_aside.setdefault(f"{cell_label(cell)}: {reason}")
            continue
        cells = tests[cell.test.partition("[")[0]]
        key = _CellKey(cell.test, cell.provider, cell.preset, cell.mode, cell.phase)
        stored = cells.setdefault(key, _StoredCell())
        if len(stored.results) < most_runs and stored.takes(result):
            stored.results.append(result)


def _unusable(result: CellResult) -> str | None:
    """Why no limit is made of a result; None where one is."""
    if result.load is not None or result.capacity is not None:
        return "many listeners; docs/many-listeners.md says which limits to set"
    invalid = [note.text for note in result.notes if note.invalid]
    if invalid:
        return f"INVALID ({invalid[0]})"
    if not any(trial.recording is not None for trial in result.counted):
        return "no trial was recorded"
    return None


def _suggest(test: str, cells: Mapping[_CellKey, _StoredCell]) -> SuggestedMarks:
    """The marks of one test: every cell must meet every limit."""
    remarks: list[str] = []
    prebuffer_ms = _common_prebuffer_ms(cells, remarks)
    figures = {}
    measured = []
    for key, stored in cells.items():
        figures[key] = measure_figures(
            stored.trials,
            stored.cell.mode,
            stored.cell.phase,
            rss_peak_mb=stored.rss_peak_mb,
            prebuffer_ms=prebuffer_ms,
        )
        runs = plural(len(stored.results), "run")
        measured.append(
            f"{cell_label(stored.cell)} [{key.provider}]: {figures[key].text}, {runs} on "
            f"{stored.results[0].fingerprint}"
        )
    marks = _merge_marks(figures, prebuffer_ms)
    return SuggestedMarks(
        test=test,
        marks=tuple(mark.line for mark in marks),
        measured=tuple(measured),
        present=tuple(_present_limits(cells.values())),
        remarks=tuple(dict.fromkeys(remarks)),
    )


def _common_prebuffer_ms(
    cells: Mapping[_CellKey, _StoredCell],
    remarks: list[str],
) -> float | None:
    """What a player buffers that no cell of the test lets run dry; None where there is none."""
    chosen_ms: list[float] = []
    for key, stored in cells.items():
        if key.mode != "stream" or key.phase != "warm":
            continue
        if is_streamed(stored.trials) is False:
            remarks.append(COME_AT_ONCE)
            return None
        prebuffer_ms = choose_prebuffer_ms(stored.trials)
        if prebuffer_ms is None:
            remarks.append(STALLS)
            return None
        chosen_ms.append(prebuffer_ms)
    return max(chosen_ms, default=None)


def _merge_marks(
    figures: Mapping[_CellKey, MeasuredFigures],
    prebuffer_ms: float | None,
) -> list[MarkKeywords]:
    """One mark of each kind, whose limits hold in all cells, by provider or preset if several."""
    every = list(figures.values())
    marks = []
    if any(each.mode == "stream" for each in every):
        keyword = f"{every[0].statistic}_ms"
        marks += _limit_mark("ttfa", keyword, figures, lambda each: each.ttfa_ms)
    if every[0].phase == "warm":
        marks += _limit_mark("rtf", "p95", figures, lambda each: each.rtf)
    if prebuffer_ms is not None:
        player: dict[str, Value] = {"underruns": 0.0, "prebuffer_ms": prebuffer_ms}
        if all(each.is_streamed for each in every if each.mode == "stream"):
            player["streamed"] = True
        marks.append(MarkKeywords("cadence", player))
    marks += _limit_mark("memory", "rss_peak_mb", figures, lambda each: each.rss_peak_mb)
    return marks


def _limit_mark(
    name: str,
    keyword: str,
    figures: Mapping[_CellKey, MeasuredFigures],
    value_of: Callable[[MeasuredFigures], float | None],
) -> list[MarkKeywords]:
    """The mark with one limit; none where a cell has no such figure."""
    values = {key: value_of(each) for key, each in figures.items()}
    measured = {key: value for key, value in values.items() if value is not None}
    if len(measured) < len(values):
        return []
    return [MarkKeywords(name, {keyword: _limits_by_provider(measured)})]


def _limits_by_provider(measured: Mapping[_CellKey, float]) -> Value:
    """A limit for each provider; one where all have the same."""
    cells: dict[str, dict[_CellKey, float]] = defaultdict(dict)
    for key, value in measured.items():
        cells[key.provider][key] = value
    return _merge_equal({name: _limits_by_preset(those) for name, those in cells.items()})


def _limits_by_preset(measured: Mapping[_CellKey, float]) -> Value:
    """A limit for each preset that is a parameter of the test; else one that holds in all cells."""
    if not all(key.is_by_preset for key in measured):
        return limit_of(max(measured.values()))
    worst: dict[str, float] = {}
    for key, value in measured.items():
        worst[key.preset] = max(value, worst.get(key.preset, value))
    return _merge_equal({name: limit_of(value) for name, value in worst.items()})


def _merge_equal(limits: Mapping[str, Value]) -> Value:
    """The limit that stands behind every name, where that is the same."""
    first, *others = limits.values()
    if all(other == first for other in others):
        return first
    return limits


def _present_limits(cells: Iterable[_StoredCell]) -> list[str]:
    """The limits that the newest run of each cell was judged by, each once."""
    found: dict[str, None] = {}
    for stored in cells:
        for threshold in stored.results[0].thresholds:
            found.setdefault(f"{threshold.label} {limit_text(threshold)}")
    return list(found)
