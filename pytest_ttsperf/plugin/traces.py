"""Traces of a test's trials, on request: files beside the artifact, and what is said of them.

They come after everything is judged and stored. What keeps one from being written is a remark and
fails nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_ttsperf import files, popen
from pytest_ttsperf.errors import MeasurementError, TargetError
from pytest_ttsperf.plugin import crowds, lazy

if TYPE_CHECKING:
    from pytest_ttsperf.compare.cells import MeasuredCell
    from pytest_ttsperf.experiment.plan import Plan, TargetFactory
    from pytest_ttsperf.experiment.trial_timelines import NamedTimeline
    from pytest_ttsperf.records import CellResult

VIEWER = "ui.perfetto.dev"
ONE_LISTENER = "traces are of a single listener who listens to the end; this test has none"
Tell = Callable[[str], None]


def write_traces(
    results: Iterable[CellResult],
    measured: Mapping[str, MeasuredCell],
    folder_of: Callable[[CellResult], Path | None],
    show_path: Callable[[Path], str],
    tell: Tell,
) -> list[str]:
    """Write a trace of each trial, and of two that are spoken again for their graph nodes.

    `folder_of` gives where those of a cell go, `show_path` how that is shown. Gives what is to be
    said: where they are, and what is missing in them.
    """
    remarks: list[str] = []
    for result in results:
        folder = folder_of(result)
        if folder is None:
            continue
        name = result.cell.test.rpartition("::")[2]
        if crowds.is_crowd(result):
            remarks.append(f"{name}: {ONE_LISTENER}")
            continue
        source, plan = measured[result.cell.id]
        tell(f"{name}: writing traces")
        timelines = list(lazy.trial_timelines.measured_timelines(result))
        profiled, missing = _profile(source, plan, result)
        shown = show_path(folder)
        remarks.append(f"{name}: {_write(folder, shown, timelines, profiled)}")
        if missing is not None:
            remarks.append(f"{name}: no trace has graph nodes: {missing}")
    tell("")
    return list(dict.fromkeys(remarks))


def _profile(
    source: TargetFactory,
    plan: Plan,
    result: CellResult,
) -> tuple[list[NamedTimeline], str | None]:
    """The timelines with graph nodes, or why there are none."""
    try:
        with popen.restore_popen():
            return lazy.trial_timelines.profiled_timelines(source, plan, result), None
    except (TargetError, MeasurementError) as error:
        return [], str(error).strip().splitlines()[0]


def _write(
    folder: Path,
    shown: str,
    timelines: list[NamedTimeline],
    profiled: list[NamedTimeline],
) -> str:
    """Write them all; where they are, or why they are not."""
    if not timelines:
        return "no trial was recorded, so there is nothing to trace"
    try:
        for name, timeline in (*timelines, *profiled):
            files.write_file(folder / f"{name}.json", lazy.trace_events.encode(timeline))
    except OSError as error:
        return f"traces cannot be written to {shown}: {files.reason_of(error)}"
    count = f"{len(timelines)} traces"
    if len(timelines) == 1:
        count = "one trace"
    if profiled:
        count += f", and {len(profiled)} with graph nodes (profiled again, and so slower),"
    verb = "is" if len(timelines) == 1 and not profiled else "are"
    return f"{count} {verb} in {shown}; open them in {VIEWER}"
